"""Who owns a vehicle, parcel or flat: a lasting resident or a lasting business, as one number.

Numbers from 0 are residents, negative ones businesses (-1 is business 0).
"""

from __future__ import annotations

import numpy as np

from gongyu_producers.generate.calendar_days import Texts
from gongyu_producers.generate.cells import Cell
from gongyu_producers.generate.companies import Companies, business_id_cell
from gongyu_producers.generate.dice import Dice, Indices, Mask, Words
from gongyu_producers.generate.people import People, name_texts
from gongyu_producers.generate.world import World

_ADULT_YEARS = 19


class Owners:
    """Answers for arrays of owners."""

    def __init__(self, world: World) -> None:
        self.people = People(world)
        self._companies = Companies(world)

    def draw(self, dice: Dice, what: str, at: Indices, companies: Mask) -> Indices:
        """An owner for each: a business where `companies`, else a resident; of a child its household's head."""
        people = self.people
        residents = people.nth_lasting(dice.below(f"{what}: resident", at, people.lasting()))
        minor = people.births(residents) > people.world.first_day - _ADULT_YEARS * 365
        residents = np.where(minor, people.households(residents), residents)
        businesses = self._companies.nth_lasting(dice.below(f"{what}: business", at, self._companies.lasting()))
        return np.where(companies, -1 - businesses, residents)

    def places(self, owners: Indices) -> Words:
        """Their addresses on the eve of the first day."""
        residents, businesses = _split(owners)
        return np.where(owners < 0, self._companies.places(businesses), self.people.places(residents))

    def id_cell(self, owners: Indices) -> Cell:
        residents, businesses = _split(owners)
        texts = _texts(self.people.id_cell(residents))
        company = owners < 0
        texts[company] = _texts(business_id_cell(businesses[company]))
        return Cell("%s", (texts,))

    def name_texts(self, owners: Indices) -> Texts:
        residents, businesses = _split(owners)
        return np.where(owners < 0, self._companies.names(businesses), name_texts()[self.people.names(residents)])


def _split(owners: Indices) -> tuple[Indices, Indices]:
    """The residents and the businesses; 0 where it is none."""
    return np.where(owners < 0, 0, owners), np.where(owners < 0, -1 - owners, 0)


def _texts(cell: Cell) -> Texts:
    texts = np.empty(len(cell.parts[0]), dtype=object)
    texts[:] = list(map(cell.form.__mod__, zip(*(part.tolist() for part in cell.parts), strict=True)))
    return texts
