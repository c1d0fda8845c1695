"""Births and deaths of a world, day by day: every register that needs them replays the same ones.

Deaths grow with age as in life tables (twice as many each seven years), births are those of women of 22 to 43.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gongyu_producers.generate.dice import MILLION, Dice, Indices, Mask
from gongyu_producers.generate.people import FEMALE, OLDEST_YEARS, People, may_leave

#: Of a million residents on an average day (2023: 352,000 and 230,000 of 51.3 million in the year).
_DEATHS, _BIRTHS = 18.8, 12.3
#: So many are drawn for each one who fits; too few drawn would only make the day a little quieter.
_DRAWN_FOR_A_DEATH, _DRAWN_FOR_A_BIRTH = 100, 16
_LEAST_DRAWN = 64
_DOUBLING_YEARS = 7
#: Chance of being taken when drawn, per million, by age; the oldest always.
_MORTALITY = np.array(
    [int(MILLION * 2.0 ** ((min(age, OLDEST_YEARS) - OLDEST_YEARS) // _DOUBLING_YEARS)) for age in range(128)], dtype=np.int64
)


@dataclass(frozen=True, slots=True)
class LifeDay:
    """Who dies, and who is born (new numbers) to whom."""

    dead: Indices
    born: Indices
    mothers: Indices


class Lives:
    """Lives the days of a world in order."""

    def __init__(self, people: People) -> None:
        self._people = people
        self._dice = Dice(people.world.seed, "lives")
        self._dead: Mask = np.zeros(people.world.residents, dtype=np.bool_)

    def live(self, day: int) -> LifeDay:
        """Who dies is among those of the first day and lasting."""
        people = self._people
        drawn = self._draw(day, "death", _DEATHS, _DRAWN_FOR_A_DEATH)
        mortality = _MORTALITY[np.minimum(people.ages(drawn, day), 127)]
        dead = self._take(drawn[self._dice.chance(f"day {day}: dies", drawn, mortality)], self._count(day, "death", _DEATHS))
        self._dead[dead] = True
        drawn = self._draw(day, "birth", _BIRTHS, _DRAWN_FOR_A_BIRTH)
        ages = people.ages(drawn, day)
        fit = (people.sexes(drawn) == FEMALE) & (ages >= 22) & (ages <= 43)
        mothers = self._take(drawn[fit], self._count(day, "birth", _BIRTHS))
        return LifeDay(dead, people.bear(mothers, day), mothers)

    def _count(self, day: int, event: str, per_million: float) -> int:
        world = self._people.world
        expected = world.residents * per_million * world.pace(day) / MILLION
        whole = int(expected)
        more = self._dice.chance(f"day {day}: {event}, one more", np.zeros(1, dtype=np.int64), int((expected - whole) * MILLION))
        return whole + int(more[0])

    def _draw(self, day: int, event: str, per_million: float, for_each: int) -> Indices:
        count = self._count(day, event, per_million)
        if not count:
            return np.zeros(0, dtype=np.int64)
        at = np.arange(max(count * for_each, _LEAST_DRAWN))
        return self._dice.below(f"day {day}: {event}", at, self._people.world.residents)

    def _take(self, drawn: Indices, count: int) -> Indices:
        """The first of them, each once, who are alive and lasting."""
        drawn = drawn[~self._dead[drawn] & ~may_leave(drawn)]
        return drawn[np.sort(np.unique(drawn, return_index=True)[1])][:count]
