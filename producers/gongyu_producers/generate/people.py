"""The residents of a world: who lives with whom, when they were born, what they are called, which number they have.

Everything about a resident follows from the resident's number (0, 1, ...; the newborn of the days come after those of
the first day). Households lie in blocks of twenty residents: the first of each is its head, whose number is the household's.

Nobody has such a resident registration number. Its seventh digit says "born before 1900", beside a later year of birth; and as
some people born before 1900 did get numbers in 1968, its last digit is never the check digit that each of theirs had.
Unique: six digits beside the birth date and sex are 900,000 numbers; residents so many apart have other birth dates.

The last of each block may leave the register again (registered twice, by mistake), so no other register names one: those
name `lasting` residents only.
"""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gongyu_producers.generate.calendar_days import NO_DAY, Days, Texts, every_day
from gongyu_producers.generate.cells import Cell
from gongyu_producers.generate.dice import Dice, Indices, Mask, Words
from gongyu_producers.generate.world import World

BLOCK = 20
LARGEST_HOUSEHOLD = 5
MALE, FEMALE = 0, 1
SELF, SPOUSE, CHILD, PARENT = range(4)
#: The oldest is below a hundred with the days of a run, so that two digits of a year mean one year.
OLDEST_YEARS = 95
#: Residents whose numbers differ by a multiple of this have the same six digits.
_SERIALS = 900_000
_SCATTER = 611_953  # coprime to _SERIALS: neighbours have numbers far apart
_BIRTH_CLASSES = 64  # birth dates of these many such residents are kept apart
MOST_RESIDENTS = 20_000_000
_YEAR = 365

#: Sizes of the households of a block, about as in the census (36 % live alone, 29 % in two, 19 % in three).
_PATTERNS = (
    (1, 3, 2, 1, 4, 2, 1, 3, 2, 1),
    (2, 1, 4, 2, 1, 3, 2, 4, 1),
    (5, 1, 2, 1, 3, 1, 4, 2, 1),
    (3, 2, 1, 2, 3, 2, 1, 2, 3, 1),
    (1, 2, 4, 1, 2, 3, 1, 3, 1, 2),
)
#: Shares of the ages of heads in bands of five years from 20 on: of those who live alone, and of the others.
_HEADS_ALONE = (9, 11, 9, 6, 5, 5, 6, 8, 9, 9, 7, 6, 6, 3, 1)
_HEADS = (1, 3, 7, 10, 12, 12, 12, 12, 11, 8, 5, 4, 2, 1, 0)

_SURNAMES = ("김", "이", "박", "최", "정", "강", "조", "윤", "장", "임", "한", "오", "서", "신", "권", "황", "안", "송", "류", "홍")
_SURNAME_WEIGHTS = (215, 147, 84, 47, 43, 24, 21, 20, 20, 17, 15, 15, 15, 14, 14, 14, 14, 14, 13, 11)
_FIRST = ("민", "서", "지", "하", "도", "예", "수", "은", "현", "준", "영", "정", "성", "태", "혜", "윤", "재", "승", "유", "가")
_SECOND = ("준", "연", "우", "윤", "현", "진", "희", "영", "호", "원", "아", "은", "빈", "훈", "경", "미", "석", "숙", "린", "율")
GIVEN_NAMES = len(_FIRST) * len(_SECOND)


class People:
    """Answers for arrays of residents' numbers; those from `world.residents` on are the newborn, in the order of `bear`."""

    def __init__(self, world: World) -> None:
        self.world = world
        self._dice = Dice(world.seed, "people")
        self._mothers: Indices = np.zeros(0, dtype=np.int64)
        self._births: Days = np.zeros(0, dtype=np.int32)

    @property
    def count(self) -> int:
        return self.world.residents + len(self._mothers)

    def bear(self, mothers: Indices, day: int) -> Indices:
        """The numbers of those who are born to these residents."""
        first = self.count
        self._mothers = np.concatenate([self._mothers, mothers])
        self._births = np.concatenate([self._births, np.full(len(mothers), day, dtype=np.int32)])
        return np.arange(first, self.count)

    def lasting(self) -> int:
        """How many residents other registers may name."""
        return self.world.residents - self.world.residents // BLOCK

    def nth_lasting(self, positions: Indices) -> Indices:
        """Residents by their position among the lasting ones."""
        return positions + positions // (BLOCK - 1)

    def households(self, residents: Indices) -> Indices:
        """The household each belongs to on the eve of the first day, or is born into: its head's number."""
        residents = self._or_mothers(residents)
        blocks, places = np.divmod(residents, BLOCK)
        return residents - _tables()[0][self._dice.below("pattern", blocks, len(_PATTERNS)), places]

    def household_sizes(self, residents: Indices) -> Indices:
        """Of the last household of all, those who are missing included."""
        blocks, places = np.divmod(residents, BLOCK)
        return _tables()[1][self._dice.below("pattern", blocks, len(_PATTERNS)), places]

    def relations(self, residents: Indices) -> Indices:
        """To the head of the household: SELF, SPOUSE, CHILD or PARENT."""
        places, sizes = residents - self.households(residents), self.household_sizes(residents)
        drawn = self._dice.below("relation", residents, 100)
        second = np.where(
            sizes == 2, np.where(drawn < 62, SPOUSE, np.where(drawn < 87, CHILD, PARENT)), np.where(drawn < 88, SPOUSE, CHILD)
        )
        later = np.where(drawn < 92, CHILD, PARENT)
        return np.where(places == 0, SELF, np.where(places == 1, second, later))

    def births(self, residents: Indices) -> Days:
        """Birth dates."""
        born_before = residents < self.world.residents
        found = np.empty(len(residents), dtype=np.int32)
        found[~born_before] = self._births[residents[~born_before] - self.world.residents]
        found[born_before] = self._first_births(residents[born_before])
        return found

    def sexes(self, residents: Indices) -> Indices:
        """MALE or FEMALE; a spouse is not what the head is."""
        own = self._dice.below("sex", residents, 2)
        heads = self.households(residents)
        alone = self.household_sizes(heads) == 1
        of_head = np.where(alone, self._dice.below("sex", heads, 2), ~self._dice.chance("head is a man", heads, 680_000)).astype(np.int64)
        relations = self.relations(residents)
        found = np.where(relations == SELF, of_head, np.where(relations == SPOUSE, 1 - of_head, own))
        return np.where(residents < self.world.residents, found, own)

    def names(self, residents: Indices) -> Indices:
        """Positions in `name_texts`. Children have the surname of the head."""
        heads = self.households(residents)
        newborn = residents >= self.world.residents
        own = ~newborn & np.isin(self.relations(residents), (SPOUSE, PARENT))
        surnames = self._dice.choose("surname", np.where(own, residents, heads), _SURNAME_WEIGHTS)
        return surnames * GIVEN_NAMES + self._dice.below("given name", residents, GIVEN_NAMES)

    def name_cell(self, residents: Indices) -> Cell:
        return Cell("%s", (name_texts()[self.names(residents)],))

    def places(self, residents: Indices) -> Words:
        """Addresses on the eve of the first day."""
        return self._dice.words("place", self.households(residents))

    def id_cell(self, residents: Indices) -> Cell:
        """Resident registration numbers."""
        return id_cell(residents, self.births(residents), self.sexes(residents), self.world.residents)

    def ages(self, residents: Indices, day: int) -> Indices:
        """Completed years, about."""
        return ((day - self.births(residents)) // 365.25).astype(np.int64)

    def _or_mothers(self, residents: Indices) -> Indices:
        if not len(self._mothers):
            return residents
        newborn = residents >= self.world.residents
        found = residents.copy()
        found[newborn] = self._mothers[residents[newborn] - self.world.residents]
        return found

    def _first_births(self, residents: Indices) -> Days:
        dice, heads, relations = self._dice, self.households(residents), self.relations(residents)
        alone = self.household_sizes(heads) == 1
        bands = np.where(alone, dice.choose("age", heads, _HEADS_ALONE), dice.choose("age", heads, _HEADS))
        of_head = 20 + 5 * bands + dice.below("age within five years", heads, 5)
        gap = dice.between("years between", residents, 24, 38)
        child = np.where(of_head > gap, of_head - gap, dice.below("years of a young child", residents, 18))
        years = np.select(
            [relations == SELF, relations == SPOUSE, relations == CHILD],
            [of_head, np.maximum(of_head + dice.between("years between spouses", residents, -6, 4), 20), child],
            np.minimum(of_head + gap, OLDEST_YEARS - dice.below("years below the oldest", residents, 20)),
        )
        aged = np.minimum(years, OLDEST_YEARS) * _YEAR + dice.below("day of the year", residents, _YEAR)
        births: Indices = self.world.first_day - 1 - aged
        births -= _too_late(residents, births)
        return births.astype(np.int32)


def _too_late(residents: Indices, births: Indices) -> Indices:
    """By how many days a birth date must be earlier so that residents with the same six digits have different ones."""
    rounds, serials = np.divmod(residents, _SERIALS)
    return np.asarray((births - serials * 7 - rounds) % _BIRTH_CLASSES)


def id_cell(residents: Indices, births: NDArray[Any], sexes: NDArray[Any], first_newborn: int) -> Cell:
    """Resident registration numbers of people with these birth dates and sexes."""
    newborn = residents >= first_newborn
    serials = (np.where(newborn, residents - first_newborn, residents) * _SCATTER) % _SERIALS
    middles, wrongs = np.divmod(serials, 9)
    starts = (births - NO_DAY) * 2 + sexes
    sums = _id_starts()[1][starts]
    for weight in (5, 4, 3, 2, 9):  # of the digits 12 to 8, from the right
        sums = sums + middles % 10 * weight
        middles = middles // 10
    right = (11 - sums % 11) % 10
    return Cell("%s%05d%d", (_id_starts()[0][starts], serials // 9, (right + 1 + wrongs) % 10))


@functools.cache
def name_texts() -> Texts:
    """All names: 20 surnames with 400 given names each."""
    return np.array([surname + first + second for surname in _SURNAMES for first in _FIRST for second in _SECOND], dtype=object)


@functools.cache
def _id_starts() -> tuple[Texts, Indices]:
    """The first seven digits of each birth date and sex, and their part of the sum that the check digit is made of."""
    starts = ["", ""] + [f"{day:%y%m%d}{digit}" for day in every_day() for digit in (9, 0)]
    weights = range(2, 9)
    sums = [sum(int(digit) * weight for digit, weight in zip(start, weights, strict=False)) for start in starts]
    return np.array(starts, dtype=object), np.array(sums, dtype=np.int64)


@functools.cache
def _tables() -> tuple[Indices, Indices]:
    """By pattern and place in the block: how far behind its household's head, and the household's size."""
    behind = [[place for size in pattern for place in range(size)] for pattern in _PATTERNS]
    sizes = [[size for size in pattern for _ in range(size)] for pattern in _PATTERNS]
    return np.array(behind, dtype=np.int64), np.array(sizes, dtype=np.int64)


def may_leave(residents: Indices) -> Mask:
    """Whether a resident of the first day is one whom no other register names."""
    return np.asarray(residents % BLOCK == BLOCK - 1)
