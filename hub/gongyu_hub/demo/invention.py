"""Invented people, companies and places: realistic in shape, nobody's in fact.

The numbers can belong to no one: a resident number's seventh digit is 9 or 0 (born before 1900) beside a later birth
date, a mobile number begins 010-0, a business number has the office code 000.
"""

from __future__ import annotations

import datetime as dt
import random

_SURNAMES = ("김", "이", "박", "최", "정", "강", "조", "윤", "장", "임", "한", "오", "서", "신", "권", "황", "안", "송", "류", "홍")
_SURNAME_WEIGHTS = (215, 147, 84, 47, 43, 24, 21, 20, 20, 17, 15, 15, 15, 14, 14, 14, 14, 14, 13, 11)
_FIRST = ("민", "서", "지", "하", "도", "예", "수", "은", "현", "준", "영", "정", "성", "태", "혜", "윤", "재", "승", "유", "가")
_SECOND = ("준", "연", "우", "윤", "현", "진", "희", "영", "호", "원", "아", "은", "빈", "훈", "경", "미", "석", "숙", "린", "율")

#: Administrative district (10 digits), its name, its share of the people.
_REGIONS = (
    ("1168010100", "서울특별시 강남구 역삼동", 6),
    ("1144012000", "서울특별시 마포구 서교동", 5),
    ("1121510300", "서울특별시 광진구 구의동", 4),
    ("1135010500", "서울특별시 노원구 상계동", 5),
    ("2635010500", "부산광역시 해운대구 우동", 5),
    ("2623010100", "부산광역시 부산진구 양정동", 3),
    ("2726010200", "대구광역시 수성구 만촌동", 4),
    ("2818510600", "인천광역시 연수구 송도동", 5),
    ("2914012100", "광주광역시 서구 치평동", 3),
    ("3020011200", "대전광역시 유성구 봉명동", 3),
    ("3114010400", "울산광역시 남구 삼산동", 2),
    ("3611010300", "세종특별자치시 나성동", 1),
    ("4111710100", "경기도 수원시 영통구 매탄동", 7),
    ("4113510300", "경기도 성남시 분당구 수내동", 6),
    ("4128510400", "경기도 고양시 일산동구 마두동", 5),
    ("4311311400", "충청북도 청주시 흥덕구 복대동", 3),
    ("4413310500", "충청남도 천안시 서북구 두정동", 3),
    ("4611011200", "전라남도 목포시 상동", 2),
    ("4711310100", "경상북도 포항시 북구 죽도동", 3),
    ("4812310100", "경상남도 창원시 성산구 상남동", 4),
    ("5011012500", "제주특별자치도 제주시 노형동", 2),
    ("5113010100", "강원특별자치도 원주시 무실동", 2),
    ("5211310100", "전북특별자치도 전주시 덕진구 금암동", 3),
)
_REGION_WEIGHTS = tuple(weight for _, _, weight in _REGIONS)
_STREETS = ("가람로", "누리길", "다솜로", "라온길", "마루로", "바다길", "사랑로", "아름길", "하늘로", "햇살길")
_TRADES = ("상사", "푸드", "테크", "건설", "물산", "디자인", "약국", "서점", "카페", "정밀", "유통", "소프트")
_TRADE_NAMES = ("가온", "나래", "다온", "라온", "마루", "보람", "새길", "아라", "온새", "한울", "해담", "푸른")
_INDUSTRIES = ("10712", "25924", "41112", "46319", "47122", "47811", "49301", "56111", "56221", "58222", "62010", "70111", "85501", "96112")


def person_name(dice: random.Random) -> str:
    """Surnames by their real shares."""
    [surname] = dice.choices(_SURNAMES, _SURNAME_WEIGHTS)
    return surname + dice.choice(_FIRST) + dice.choice(_SECOND)


def place(dice: random.Random) -> tuple[str, str]:
    """A district's code and an address in it."""
    [(code, name, _)] = dice.choices(_REGIONS, _REGION_WEIGHTS)
    building = f"{dice.choice(_STREETS)} {dice.randint(1, 250)}"
    flat = f", {dice.randint(101, 120)}동 {dice.randint(1, 25)}{dice.randint(1, 6):02d}호" if dice.random() < 0.7 else ""
    return code, f"{name} {building}{flat}"


def phone(dice: random.Random) -> str:
    return f"010-0{dice.randint(0, 999):03d}-{dice.randint(0, 9999):04d}"


def resident_id(birth: dt.date, sex: str, serial: int) -> str:
    """Unique by (birth, sex, serial) where serial stays below a million."""
    return f"{birth:%y%m%d}{'9' if sex == 'M' else '0'}{serial % 1_000_000:06d}"


def business_id(serial: int) -> str:
    return f"000{serial:07d}"


def trade_name(dice: random.Random) -> str:
    return dice.choice(("(주)", "", "")) + dice.choice(_TRADE_NAMES) + dice.choice(_TRADES)


def industry(dice: random.Random) -> str:
    return dice.choice(_INDUSTRIES)


def day_between(dice: random.Random, first: dt.date, last: dt.date) -> dt.date:
    return first + dt.timedelta(days=dice.randint(0, (last - first).days))
