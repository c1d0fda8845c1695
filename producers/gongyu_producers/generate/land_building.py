"""The land and building register: parcels, buildings and flats are sold, inherited, built, pulled down and valued anew.

A block of ten records is six parcels: three of bare land, one of them with a house, one with a shop or works, and one
with a building in several ownership, whose flats are records of their own.
No parcel has such a number: its ledger digit is 9, where real ledgers are 1 (land) and 2 (forest).
"""

from __future__ import annotations

import datetime as dt
import functools
from collections.abc import Mapping

import numpy as np

from gongyu_producers.generate.calendar_days import DAY_MS, NO_DAY, day_number, day_of
from gongyu_producers.generate.cells import Cell, choice_cell, day_cell, hundredths_cell, moment_cell, number_cell, text_cell, unless
from gongyu_producers.generate.dice import Dice, Indices
from gongyu_producers.generate.owners import Owners
from gongyu_producers.generate.places import district_cell, district_names
from gongyu_producers.generate.table import CREATE, DELETE, UPDATE, Diary, Table
from gongyu_producers.generate.world import World

#: Of a million records on an average day. Transfers: about 2.5 million of 60 million parcels, buildings and flats in the year.
_SALES, _INHERITANCES, _BUILDINGS, _DEMOLITIONS, _CORRECTIONS, _USES = 85.0, 25.0, 14.0, 7.0, 12.0, 10.0
_INHERITED, _GIVEN, _AUCTIONED = 500_000, 350_000, 70_000  # of a million inheritances and gifts; of sales
#: Land prices are announced on the last days of April; each parcel is valued on one of them.
_VALUED_MONTH, _VALUED_DAYS = 4, (26, 27, 28, 29, 30)

KINDS = ("LAND", "BUILDING", "UNIT")
_LAND, _BUILDING, _UNIT = range(3)
_BLOCK, _PARCELS = 10, 5
#: Of each record in a block: its parcel, its kind, its flat (0: the land, or the building as a whole).
_PARCEL = (0, 1, 2, 2, 3, 3, 4, 4, 4, 4)
_KIND = (_LAND, _LAND, _LAND, _BUILDING, _LAND, _BUILDING, _LAND, _UNIT, _UNIT, _UNIT)
_FLAT = (0, 0, 0, 1, 0, 1, 0, 101, 201, 302)

_CATEGORIES = (
    "DRY_FIELD", "PADDY_FIELD", "ORCHARD", "FOREST", "BUILDING_SITE", "FACTORY_SITE", "WAREHOUSE_SITE", "ROAD", "RIVER", "PARK",
    "MISCELLANEOUS",
)  # fmt: skip
_BARE_WEIGHTS = (21, 22, 2, 24, 12, 1, 1, 10, 3, 1, 3)
_BUILDING_SITE, _FACTORY_SITE, _PUBLIC = 4, 5, (7, 8, 9)
_ZONES = ("RESIDENTIAL", "COMMERCIAL", "INDUSTRIAL", "GREEN", "MANAGEMENT", "AGRICULTURAL", "NATURE", "")
_ZONE_WEIGHTS = (25, 6, 5, 20, 22, 14, 5, 3)
_USES_OF = ("DETACHED_HOUSE", "APARTMENT", "NEIGHBOURHOOD_FACILITY", "OFFICE", "FACTORY", "WAREHOUSE", "EDUCATION", "OTHER", "")
_NO_USE = 8
_STRUCTURES = ("REINFORCED_CONCRETE", "STEEL_FRAME", "MASONRY", "WOOD", "OTHER", "")
_NO_STRUCTURE = 5
OWNER_KINDS = ("PERSON", "COMPANY", "JOINT", "STATE")
_PERSON, _COMPANY, _JOINT, _STATE = range(4)
_CAUSES = ("FIRST_REGISTRATION", "SALE", "INHERITANCE", "GIFT", "AUCTION")
_FIRST, _SALE, _INHERITANCE, _GIFT, _AUCTION = range(5)
_NONE = -1
_OLDEST_BUILDING, _OLDEST_DEED = day_number(dt.date(1965, 1, 1)), day_number(dt.date(1975, 1, 1))


class LandBuildingRegister:
    """Row n is record n of the blocks; those built later follow. Areas are hundredths of a square metre."""

    def __init__(self, world: World, records: int) -> None:
        self._owners = Owners(world)
        self._world = world
        self._dice = Dice(world.seed, "land and building")
        self._first = records
        self.table = Table(
            records, parcel=np.int32, kind=np.int8, flat=np.int32, category=np.int8, zone=np.int8, land=np.int32, price=np.int32,
            use=np.int8, structure=np.int8, floor=np.int32, above=np.int8, below=np.int8, approved=np.int32, owner_kind=np.int8,
            owner=np.int32, owners=np.int8, acquired=np.int32, cause=np.int8,
        )  # fmt: skip

    def fill(self, rows: Indices) -> None:
        dice, eve = self._dice, self._world.first_day - 1
        blocks, places = np.divmod(rows, _BLOCK)
        parcels, kinds = blocks * _PARCELS + _block(_PARCEL)[places], _block(_KIND)[places]
        self._lay_out(rows, parcels, kinds)
        built = kinds != _LAND
        one = np.where(kinds == _UNIT, -1 - rows, parcels)  # flats have owners of their own
        approved = dice.between("approved", parcels, _OLDEST_BUILDING, eve)
        acquired = np.maximum(dice.between("acquired", one, _OLDEST_DEED, eve), np.where(built, approved, _OLDEST_DEED))
        self.table.set(
            rows,
            flat=_block(_FLAT)[places],
            approved=np.where(built, approved, NO_DAY),
            acquired=acquired,
            cause=dice.choose("cause", one, (25, 50, 14, 8, 3)),
            updated=dice.between("updated", rows, acquired, eve) * DAY_MS + 9 * 3_600_000 + dice.below("time", rows, 32_400) * 1_000,
        )

    def live(self, diary: Diary) -> None:
        self._sell(diary)
        self._build(diary)
        self._pull_down(diary)
        self._correct(diary)
        self._value(diary)

    def cells(self, rows: Indices) -> Mapping[str, Cell]:
        at = {
            name: self.table[name][rows] for name in ("parcel", "kind", "flat", "owner", "owner_kind", "price", "above", "below", "floor")
        }
        parcels = at["parcel"].astype(np.int64)
        words, owners, bare = self._dice.words("place", parcels), at["owner"].astype(np.int64), at["kind"] == _LAND
        main, sub = np.divmod(parcels, 9_999)
        state = at["owner_kind"] == _STATE
        names = self._owners.name_texts(owners)
        names[state] = "국"
        return {
            "pnu": Cell("%s9%04d%04d", (*district_cell(words).parts, main + 1, sub + 1)),
            "unit": Cell("%08d", (at["flat"] + np.where(bare, 0, 10_000),)),
            "kind": choice_cell(at["kind"], KINDS),
            "region_code": district_cell(words),
            "address": Cell("%s %d-%d", (district_names(words), main + 1, sub + 1)),
            "land_category": choice_cell(self.table["category"][rows], _CATEGORIES),
            "zone": choice_cell(self.table["zone"][rows], _ZONES),
            "land_area": hundredths_cell(self.table["land"][rows]),
            "official_price": number_cell(at["price"], at["price"] == _NONE),
            "building_use": choice_cell(self.table["use"][rows], _USES_OF),
            "structure": choice_cell(self.table["structure"][rows], _STRUCTURES),
            "floor_area": hundredths_cell(at["floor"], bare),
            "floors_above": number_cell(at["above"], bare),
            "floors_below": number_cell(at["below"], bare),
            "approved_on": day_cell(self.table["approved"][rows]),
            "owner_kind": choice_cell(at["owner_kind"], OWNER_KINDS),
            "owner_id": unless(state, self._owners.id_cell(owners)),
            "owner_name": text_cell(names),
            "owners": number_cell(self.table["owners"][rows]),
            "acquired_on": day_cell(self.table["acquired"][rows]),
            "acquired_by": choice_cell(self.table["cause"][rows], _CAUSES),
            "updated_at": moment_cell(self.table["updated"][rows]),
        }

    def _lay_out(self, rows: Indices, parcels: Indices, kinds: Indices) -> None:
        """What land, buildings and flats are."""
        dice, bare, unit = self._dice, kinds == _LAND, kinds == _UNIT
        places = rows % _BLOCK
        category = np.where(
            places < 2, dice.choose("category", parcels, _BARE_WEIGHTS), np.where(places < 4, _BUILDING_SITE, _FACTORY_SITE)
        )
        category = np.where(places >= 6, _BUILDING_SITE, category)
        public = bare & (places < 2) & np.isin(category, _PUBLIC)
        whose = np.where(unit, -1 - rows, parcels).astype(np.int64)
        kind = np.where(public, _STATE, dice.choose("kind of owner", whose, (78, 10, 12)))
        works = dice.choose("use of works", parcels, (0, 0, 55, 10, 15, 12, 3, 5))
        above = np.where(unit, dice.between("storeys of flats", parcels, 4, 29), 1 + dice.choose("storeys", parcels, (40, 30, 15, 10, 5)))
        land = dice.between("land area", parcels, 6_000, 300_000)
        self.table.set(
            rows,
            parcel=parcels,
            kind=kinds,
            category=category,
            zone=dice.choose("zone", parcels, _ZONE_WEIGHTS),
            land=np.where(unit, dice.between("share of the land", rows, 1_500, 9_000), land),
            price=np.where(
                bare & ~public, dice.between("price", parcels, 3, 800) * dice.between("price, times", parcels, 1, 120) * 100, _NONE
            ),
            use=np.where(bare, _NO_USE, np.where(unit, 1, np.where(places < 4, 0, works))),
            structure=np.where(bare, _NO_STRUCTURE, np.where(unit, 0, dice.choose("structure", parcels, (45, 20, 25, 8, 2)))),
            floor=np.where(unit, dice.between("area of a flat", rows, 2_400, 16_500), land * above * 55 // 100),
            above=above,
            below=dice.choose("storeys below", parcels, (70, 20, 7, 3)),
            owner_kind=kind,
            owner=self._owners.draw(dice, "owner", whose, kind == _COMPANY),
            owners=np.where(kind == _JOINT, dice.between("joint owners", whose, 2, 6), 1),
            present=True,
        )

    def _sell(self, diary: Diary) -> None:
        """And auctions, inheritances, gifts: another owner."""
        for event, per_million in (("sale", _SALES), ("inheritance or gift", _INHERITANCES)):
            rows = self._private(diary, diary.draw(event, self.table.rows, per_million))
            parcels = self.table["parcel"][rows].astype(np.int64)
            cause = np.where(diary.chance("auction", parcels, _AUCTIONED), _AUCTION, _SALE)
            if event != "sale":
                cause = np.where(diary.chance("inherited", parcels, _INHERITED), _INHERITANCE, _GIFT)
            company = diary.chance("to a company", parcels, 100_000) & np.isin(cause, (_SALE, _AUCTION))
            owners = self._owners.draw(self._dice, f"owner from day {diary.day}", parcels, company)
            self.table.set(
                rows, owner=owners, owner_kind=np.where(company, _COMPANY, _PERSON), owners=1, acquired=diary.day, cause=cause
            )  # fmt: skip
            diary.note(event, UPDATE, rows, diary.moments(parcels))

    def _build(self, diary: Diary) -> None:
        """A house on bare land that is nobody's road or river; the land becomes a building site."""
        bare = diary.draw("new building", self._first, _BUILDINGS)
        bare = self._private(diary, bare[(bare % _BLOCK < 2)])
        bare = bare[self.table["category"][bare] != _BUILDING_SITE]
        table, rows = self.table, self.table.extend(len(bare))
        parcels = table["parcel"][bare].astype(np.int64)
        self._lay_out(rows, parcels, np.full(len(rows), _BUILDING))
        same = {name: table[name][bare] for name in ("owner", "owner_kind", "owners", "zone", "land")}
        table.set(
            rows,
            flat=rows - self._first + 1_000,
            use=0,
            category=_BUILDING_SITE,
            approved=diary.day,
            acquired=diary.day,
            cause=_FIRST,
            **same,
        )
        table.set(rows, floor=same["land"].astype(np.int64) * table["above"][rows] * 55 // 100)
        table.set(bare, category=_BUILDING_SITE)
        moments = diary.moments(parcels)
        diary.note("new building", CREATE, rows, moments)
        diary.note("new use of land", UPDATE, bare, moments)

    def _pull_down(self, diary: Diary) -> None:
        rows = diary.draw("demolition", self.table.rows, _DEMOLITIONS * 5)
        rows = diary.free(rows, self.table["kind"][rows] == _BUILDING)
        diary.note("demolition", DELETE, rows)

    def _correct(self, diary: Diary) -> None:
        """Areas measured anew; buildings used otherwise."""
        rows = diary.free(diary.draw("new survey", self.table.rows, _CORRECTIONS))
        self.table.set(rows, land=self.table["land"][rows].astype(np.int64) + 1 + diary.below("survey", rows, 500))
        diary.note("new survey", UPDATE, rows)
        rows = diary.draw("new use", self.table.rows, _USES * 5)
        rows = diary.free(rows, self.table["kind"][rows] == _BUILDING)
        other = (self.table["use"][rows].astype(np.int64) + 1 + diary.below("other use", rows, _NO_USE - 1)) % _NO_USE
        self.table.set(rows, use=other)
        diary.note("new use", UPDATE, rows)

    def _value(self, diary: Diary) -> None:
        """The year's prices: all land that has one, a fifth on each of the days."""
        today = day_of(diary.day)
        if today.month != _VALUED_MONTH or today.day not in _VALUED_DAYS:
            return
        rows = np.flatnonzero((self.table["price"] != _NONE) & (self.table["parcel"] % len(_VALUED_DAYS) == _VALUED_DAYS.index(today.day)))
        rows = diary.free(rows)
        self.table.set(rows, price=self.table["price"][rows].astype(np.int64) * (103 + diary.below("price", rows, 8)) // 100 + 1)
        diary.note("land price", UPDATE, rows)

    def _private(self, diary: Diary, rows: Indices) -> Indices:
        return diary.free(rows, self.table["owner_kind"][rows] != _STATE)


@functools.cache
def _block(of_each: tuple[int, ...]) -> Indices:
    return np.array(of_each, dtype=np.int64)
