"""Addresses. An address is one word of chance: its district, street, building and flat are read from its bits.

The districts are real ones, with their shares of the people about right; streets and buildings are invented.
"""

from __future__ import annotations

import functools

import numpy as np

from gongyu_producers.generate.calendar_days import Texts
from gongyu_producers.generate.cells import Cell
from gongyu_producers.generate.dice import Indices, Words

#: Administrative district (10 digits), its name, its share of the people.
DISTRICTS = (
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
_STREETS = (
    "가람로", "누리길", "다솜로", "라온길", "마루로", "바다길", "사랑로", "아름길", "하늘로", "햇살길",
    "고운길", "나래로", "달빛길", "미리내로", "별빛길", "새싹로", "솔바람길", "이음로", "푸른길", "한빛로",
)  # fmt: skip
_BUILDINGS = 250
_HOUSES, _FLOORS, _FLATS = 20, 25, 6
_WITHOUT_FLAT = 1_300  # of these and the 3,000 flats one is drawn evenly: 70 % live in a flat

_CODES: Texts = np.array([code for code, _, _ in DISTRICTS], dtype=object)
_NAMES: Texts = np.array([name for _, name, _ in DISTRICTS], dtype=object)
_SUMS = np.cumsum([share for _, _, share in DISTRICTS])


def district(words: Words) -> Indices:
    """Position in `DISTRICTS`."""
    drawn = (words & np.uint64(0xFFFF)) * np.uint64(_SUMS[-1]) >> np.uint64(16)
    return np.searchsorted(_SUMS, drawn.astype(np.int64), side="right").astype(np.int64)


def district_cell(words: Words) -> Cell:
    return Cell("%s", (_CODES[district(words)],))


def district_names(words: Words) -> Texts:
    return _NAMES[district(words)]


def address_cell(words: Words) -> Cell:
    streets = district(words) * len(_STREETS) + _part(words, 16, len(_STREETS))
    return Cell("%s %d%s", (_street_texts()[streets], _part(words, 32, _BUILDINGS) + 1, _flat_texts()[_part(words, 48, _flats())]))


def _part(words: Words, shift: int, limit: int) -> Indices:
    bits = (words >> np.uint64(shift)) & np.uint64(0xFFFF)
    return (bits * np.uint64(limit) >> np.uint64(16)).astype(np.int64)


def _flats() -> int:
    return _HOUSES * _FLOORS * _FLATS + _WITHOUT_FLAT


@functools.cache
def _street_texts() -> Texts:
    return np.array([f"{name} {street}" for _, name, _ in DISTRICTS for street in _STREETS], dtype=object)


@functools.cache
def _flat_texts() -> Texts:
    flats = [
        f", {101 + house}동 {floor + 1}{flat + 1:02d}호" for house in range(_HOUSES) for floor in range(_FLOORS) for flat in range(_FLATS)
    ]
    return np.array([""] * _WITHOUT_FLAT + flats, dtype=object)
