"""The businesses of a world: their numbers, names, addresses and representatives.

No business has such a registration number: its first three digits, the tax office, are 000, and there is no such office.
As with residents, the last of each block of twenty may leave its register; the others are `lasting`.
"""

from __future__ import annotations

import functools

import numpy as np

from gongyu_producers.generate.calendar_days import Texts
from gongyu_producers.generate.cells import Cell
from gongyu_producers.generate.dice import Dice, Indices, Words
from gongyu_producers.generate.people import BLOCK, People
from gongyu_producers.generate.world import World

MOST_BUSINESSES = 9_000_000
_FORMS = ("(주)", "(주)", "", "", "")
_FIRST = (
    "가온", "나래", "다온", "라온", "마루", "보람", "새길", "아라", "온새", "한울", "해담", "푸른", "미르", "별하", "이든",
    "초록", "하람", "두레", "그린", "늘봄", "다래", "비채", "소담", "예그", "윤슬", "자람", "채움", "큰별", "터전", "혜윰",
)  # fmt: skip
_SECOND = (
    "상사", "푸드", "테크", "건설", "물산", "디자인", "약국", "서점", "카페", "정밀", "유통", "소프트", "산업", "전자", "식품",
    "기획", "무역", "의원", "학원", "농원", "공방", "미디어", "화학", "운수", "에너지", "설비", "인쇄", "섬유", "환경", "목재",
)  # fmt: skip


class Companies:
    """Answers for arrays of businesses' numbers."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._dice = Dice(world.seed, "companies")

    def lasting(self) -> int:
        """How many businesses other registers may name."""
        return self._world.businesses - self._world.businesses // BLOCK

    def nth_lasting(self, positions: Indices) -> Indices:
        return positions + positions // (BLOCK - 1)

    def names(self, businesses: Indices) -> Texts:
        return _name_texts()[self._dice.below("name", businesses, len(_name_texts()))]

    def places(self, businesses: Indices) -> Words:
        """Addresses on the eve of the first day."""
        return self._dice.words("place", businesses)

    def representatives(self, businesses: Indices, people: People) -> Indices:
        """A lasting resident for each."""
        return people.nth_lasting(self._dice.below("representative", businesses, people.lasting()))


def business_id_cell(businesses: Indices) -> Cell:
    """Business registration numbers."""
    return Cell("000%07d", (businesses + 1,))


@functools.cache
def _name_texts() -> Texts:
    return np.array([form + first + second for form in _FORMS for first in _FIRST for second in _SECOND], dtype=object)
