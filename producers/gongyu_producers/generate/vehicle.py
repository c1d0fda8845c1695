"""The vehicle register: vehicles are registered, change hands, are inspected, seized, mortgaged, scrapped and leave.

No vehicle has such an identification number: it begins with Q, which ISO 3779 never uses; nor such a plate: its syllable is
none of those in use.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping

import numpy as np

from gongyu_producers.generate.calendar_days import DAY_MS, day_number, months_of, years_of
from gongyu_producers.generate.cells import Cell, boolean_cell, choice_cell, day_cell, moment_cell, number_cell, text_cell
from gongyu_producers.generate.dice import Dice, Indices
from gongyu_producers.generate.owners import Owners
from gongyu_producers.generate.places import address_cell, district_cell
from gongyu_producers.generate.table import CREATE, DELETE, UPDATE, Diary, Table
from gongyu_producers.generate.world import World

#: Of a million records on an average day. 2023, of 26 million: 1.75 million registered, 3.9 million sold, 1 million scrapped.
_REGISTRATIONS, _TRANSFERS, _SCRAPPINGS, _REMOVALS = 185.0, 400.0, 105.0, 100.0
_INSPECTIONS, _SEIZURES, _RELEASES, _MORTGAGES, _INSURANCES, _GARAGES = 1100.0, 150.0, 140.0, 160.0, 60.0, 120.0
#: Sales fall towards the end of the year and rise in spring, by month.
_SALES = (0.95, 0.95, 1.15, 1.10, 1.05, 1.00, 1.00, 0.95, 0.95, 1.00, 0.95, 0.95)

KINDS = ("PASSENGER", "VAN", "TRUCK", "SPECIAL")
_PURPOSES = ("PRIVATE", "COMMERCIAL", "OFFICIAL")
FUELS = ("GASOLINE", "DIESEL", "LPG", "HYBRID", "ELECTRIC", "HYDROGEN")
_ENGINES = 4  # the first so many fuels burn
_FUEL_WEIGHTS = (450, 330, 68, 80, 68, 4)
_COLOURS = ("WHITE", "BLACK", "GREY", "SILVER", "BLUE", "RED", "OTHER")
_MODELS = (
    "가람 1.6", "가람 2.0", "나루", "다온 EV", "라온 하이브리드", "마루 SUV", "바람 경차", "새벽", "아침", "자작 2.5",
    "차돌 트럭", "큰길 버스", "터전 밴", "푸름", "하늘 FCEV", "햇살 LPG",
)  # fmt: skip
_DISPLACEMENTS = (998, 1368, 1591, 1598, 1999, 2151, 2199, 2497, 2967, 3470, 5899)
STATUSES = ("REGISTERED", "SUSPENDED", "SCRAPPED")
_SCRAPPED = 2
_SYLLABLES = "갸냐댜랴먀뱌샤야"
_PLATES = 900 * len(_SYLLABLES) * 10_000
_PLATE_SCATTER = 7_654_321  # coprime to _PLATES
_OLDEST = day_number(dt.date(2001, 1, 1))
_NONE = -1
_COMPANY_PER_MILLION = 130_000


class VehicleRegister:
    """Row n is vehicle n. `displacement` and `mileage` are _NONE where null; `owner` is as in `owners`."""

    def __init__(self, world: World, records: int) -> None:
        self._owners = Owners(world)
        self._world = world
        self._dice = Dice(world.seed, "vehicle")
        self.table = Table(
            records, kind=np.int8, purpose=np.int8, model=np.int8, fuel=np.int8, displacement=np.int16, colour=np.int8, owner=np.int32,
            place=np.uint64, first=np.int32, acquired=np.int32, due=np.int32, mileage=np.int32, seizures=np.int8, mortgaged=np.bool_,
            insured=np.bool_, status=np.int8,
        )  # fmt: skip

    def fill(self, rows: Indices) -> None:
        dice, eve = self._dice, self._world.first_day - 1
        first = eve - dice.below("age, first half", rows, (eve - _OLDEST) // 2) * 2 * (1 + dice.below("older", rows, 3)) // 3
        self._build(rows, first)
        years = (eve - first) // 365
        sold = dice.chance("sold since", rows, np.minimum(years * 60_000, 700_000))
        inspected = years >= 4
        self.table.set(
            rows,
            acquired=np.where(sold, dice.between("sold", rows, first, eve), first),
            due=np.where(inspected, eve + dice.between("inspection due", rows, -20, 730), first + 4 * 365),
            mileage=np.where(inspected, years * dice.between("kilometres in a year", rows, 4_000, 24_000), _NONE),
            seizures=np.where(dice.chance("seized", rows, 90_000), dice.between("seizures", rows, 1, 6), 0),
            status=dice.choose("status", rows, (985, 12, 3)),
        )
        changed = dice.between("updated", rows, self.table["acquired"][rows], eve)
        self.table.set(rows, updated=changed * DAY_MS + 9 * 3_600_000 + dice.below("updated, time", rows, 32_400_000))

    def live(self, diary: Diary) -> None:
        self._register(diary)
        self._transfer(diary)
        self._inspect(diary)
        self._seize(diary)
        self._flip(diary, "mortgage", _MORTGAGES, "mortgaged")
        self._flip(diary, "insurance", _INSURANCES, "insured")
        self._move(diary)
        self._scrap(diary)

    def cells(self, rows: Indices) -> Mapping[str, Cell]:
        at = {name: self.table[name][rows] for name in ("owner", "place", "displacement", "mileage", "first")}
        owners = at["owner"].astype(np.int64)
        groups, numbers = np.divmod(rows * _PLATE_SCATTER % _PLATES, 10_000)
        syllables = np.array(list(_SYLLABLES), dtype=object)[groups % len(_SYLLABLES)]
        return {
            "vehicle_id": Cell("QGY%d%d%012d", (self.table["kind"][rows], self.table["fuel"][rows], rows + 1)),
            "plate": Cell("%d%s%04d", (100 + groups // len(_SYLLABLES), syllables, numbers)),
            "kind": choice_cell(self.table["kind"][rows], KINDS),
            "purpose": choice_cell(self.table["purpose"][rows], _PURPOSES),
            "model": choice_cell(self.table["model"][rows], _MODELS),
            "model_year": number_cell(years_of(at["first"])),
            "fuel": choice_cell(self.table["fuel"][rows], FUELS),
            "displacement_cc": number_cell(at["displacement"], at["displacement"] == _NONE),
            "colour": choice_cell(self.table["colour"][rows], _COLOURS),
            "owner_kind": choice_cell((owners < 0).astype(np.int64), ("PERSON", "COMPANY")),
            "owner_id": self._owners.id_cell(owners),
            "owner_name": text_cell(self._owners.name_texts(owners)),
            "region_code": district_cell(at["place"]),
            "address": address_cell(at["place"]),
            "first_registered": day_cell(at["first"]),
            "acquired_on": day_cell(self.table["acquired"][rows]),
            "inspection_due": day_cell(self.table["due"][rows]),
            "mileage_km": number_cell(at["mileage"], at["mileage"] == _NONE),
            "seizures": number_cell(self.table["seizures"][rows]),
            "mortgaged": boolean_cell(self.table["mortgaged"][rows]),
            "insured": boolean_cell(self.table["insured"][rows]),
            "status": choice_cell(self.table["status"][rows], STATUSES),
            "updated_at": moment_cell(self.table["updated"][rows]),
        }

    def _build(self, rows: Indices, first: Indices) -> None:
        """What a vehicle has from its first registration."""
        dice = self._dice
        owners = self._owners.draw(dice, "owner", rows, dice.chance("company", rows, _COMPANY_PER_MILLION))
        fuel = dice.choose("fuel", rows, _FUEL_WEIGHTS)
        displacement = np.asarray(_DISPLACEMENTS)[dice.below("displacement", rows, len(_DISPLACEMENTS))]
        self.table.set(
            rows,
            kind=dice.choose("kind", rows, (830, 28, 138, 4)),
            purpose=np.where(owners < 0, dice.choose("purpose", rows, (40, 55, 5)), dice.choose("purpose of people", rows, (97, 3))),
            model=dice.below("model", rows, len(_MODELS)),
            fuel=fuel,
            displacement=np.where(fuel < _ENGINES, displacement, _NONE),
            colour=dice.choose("colour", rows, (36, 22, 18, 9, 7, 4, 4)),
            owner=owners,
            place=self._owners.places(owners),
            first=first,
            acquired=first,
            due=first + 4 * 365,
            mileage=_NONE,
            mortgaged=dice.chance("mortgaged", rows, 180_000),
            insured=dice.chance("insured", rows, 975_000),
            present=True,
        )

    def _register(self, diary: Diary) -> None:
        rows = self.table.extend(diary.count("registration", self.table.rows, _REGISTRATIONS * _season(diary.day)))
        self._build(rows, np.full(len(rows), diary.day))
        diary.note("registration", CREATE, rows)

    def _transfer(self, diary: Diary) -> None:
        rows = self._driven(diary, diary.draw("transfer", self.table.rows, _TRANSFERS * _season(diary.day)))
        company = diary.chance("to a company", rows, _COMPANY_PER_MILLION)
        owners = self._owners.draw(self._dice, f"owner from day {diary.day}", rows, company)
        self.table.set(rows, owner=owners, place=self._owners.places(owners), acquired=diary.day, mortgaged=False)
        diary.note("transfer", UPDATE, rows)

    def _inspect(self, diary: Diary) -> None:
        rows = self._driven(diary, diary.draw("inspection", self.table.rows, _INSPECTIONS))
        driven = np.maximum(self.table["mileage"][rows], 0) + 1 + diary.below("kilometres", rows, 40_000)
        self.table.set(rows, mileage=driven, due=diary.day + np.where(diary.chance("for one year", rows, 300_000), 365, 730))
        diary.note("inspection", UPDATE, rows)

    def _seize(self, diary: Diary) -> None:
        rows = self._driven(diary, diary.draw("seizure", self.table.rows, _SEIZURES))
        self.table.set(rows, seizures=np.minimum(self.table["seizures"][rows].astype(np.int64) + 1, 99))
        diary.note("seizure", UPDATE, rows)
        rows = diary.draw("release", self.table.rows, _RELEASES * 10)
        rows = diary.free(rows, self.table["seizures"][rows] > 0)
        self.table.set(rows, seizures=0)
        diary.note("release", UPDATE, rows)

    def _flip(self, diary: Diary, event: str, per_million: float, column: str) -> None:
        rows = self._driven(diary, diary.draw(event, self.table.rows, per_million))
        self.table.set(rows, **{column: ~self.table[column][rows]})
        diary.note(event, UPDATE, rows)

    def _move(self, diary: Diary) -> None:
        rows = self._driven(diary, diary.draw("new garage", self.table.rows, _GARAGES))
        self.table.set(rows, place=diary.words("new garage", rows))
        diary.note("new garage", UPDATE, rows)

    def _scrap(self, diary: Diary) -> None:
        """Old ones first; a scrapped vehicle leaves the register some time later."""
        rows = diary.draw("scrapping", self.table.rows, _SCRAPPINGS * 2)
        rows = self._driven(diary, rows[self.table["first"][rows] < diary.day - 10 * 365])
        self.table.set(rows, status=_SCRAPPED, insured=False)
        diary.note("scrapping", UPDATE, rows)
        scrapped = np.flatnonzero(self.table["status"] == _SCRAPPED)
        scrapped = diary.free(scrapped)
        count = min(diary.count("removal", self.table.rows, _REMOVALS), len(scrapped))
        diary.note("removal", DELETE, scrapped[:count])

    def _driven(self, diary: Diary, rows: Indices) -> Indices:
        return diary.free(rows, self.table["status"][rows] != _SCRAPPED)


def _season(day: int) -> float:
    return _SALES[int(months_of(np.asarray(day))) - 1]
