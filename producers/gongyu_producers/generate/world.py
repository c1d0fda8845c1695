"""What all registers of one invented world share: its seed, its size, its first day, its pace."""

from __future__ import annotations

from dataclasses import dataclass

#: So that the oldest stay below a hundred: two digits of a year of birth mean one year.
MOST_DAYS = 1_096
#: Share of a week's office work on each day, Monday first; 1 on average.
_WEEK = (1.45, 1.40, 1.35, 1.35, 1.30, 0.10, 0.05)
_MONDAY = 4  # 1970-01-05, the first Monday of the day count


@dataclass(frozen=True, slots=True)
class World:
    """Equal worlds make registers that fit each other.

    `residents` and `businesses` are those on the eve of `first_day` (days since 1970-01-01); `activity` multiplies the rates
    of real life: 1 is a day as in Korea, 250 changes about a tenth of the residents in a day.
    """

    seed: int
    residents: int
    businesses: int
    first_day: int
    activity: float = 1.0

    def pace(self, day: int) -> float:
        """How much happens on this day, beside an average day of real life."""
        return self.activity * _WEEK[(day - _MONDAY) % 7]
