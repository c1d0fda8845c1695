"""The business register: businesses open, pause, close, move, grow and shrink; some that closed leave the register."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping

import numpy as np

from gongyu_producers.generate.calendar_days import DAY_MS, NO_DAY, day_number
from gongyu_producers.generate.cells import Cell, choice_cell, day_cell, hundredths_cell, moment_cell, number_cell, text_cell
from gongyu_producers.generate.companies import Companies, business_id_cell
from gongyu_producers.generate.dice import Dice, Indices
from gongyu_producers.generate.people import BLOCK, People
from gongyu_producers.generate.places import address_cell, district_cell
from gongyu_producers.generate.table import CREATE, DELETE, UPDATE, Diary, Table
from gongyu_producers.generate.world import World

#: Of a million records on an average day. 2023: 1.15 million opened and 0.9 million closed of 9.9 million.
_OPENINGS, _CLOSINGS, _PAUSES, _RESUMPTIONS, _MOVES, _CAPITALS, _STAFFS, _REMOVALS = 320.0, 250.0, 60.0, 40.0, 120.0, 60.0, 400.0, 40.0

STATUSES = ("ACTIVE", "SUSPENDED", "CLOSED")
_ACTIVE, _SUSPENDED, _CLOSED = range(3)
_TAXATIONS = ("GENERAL", "SIMPLIFIED", "EXEMPT")
_INDUSTRIES = (
    "01110", "10712", "13102", "25924", "41112", "42202", "46319", "47122", "47190", "47811", "49301", "55101", "56111", "56221",
    "58222", "62010", "68112", "70111", "71102", "73201", "75210", "85501", "86201", "90132", "95212", "96112",
)  # fmt: skip
_INDUSTRY_WEIGHTS = (2, 4, 2, 4, 5, 3, 6, 7, 5, 3, 4, 2, 14, 6, 3, 4, 8, 2, 2, 2, 2, 5, 3, 2, 2, 8)
#: Capital in hundredths of a won: some are odd, as those of companies that were converted are.
_CAPITALS_WON = (5, 10, 20, 30, 50, 100, 300, 1000, 5000)
_CAPITAL_WEIGHTS = (20, 22, 10, 8, 18, 12, 6, 3, 1)
_EMPLOYEES = (0, 1, 2, 3, 5, 8, 15, 30, 80, 300, 1200)
_EMPLOYEE_WEIGHTS = (320, 260, 120, 90, 80, 50, 40, 22, 12, 5, 1)
_NONE = -1
_OLDEST = day_number(dt.date(1985, 1, 1))


class BusinessRegister:
    """Row n is business n. `capital` (hundredths of a won) and `employees` are _NONE where null."""

    def __init__(self, world: World, records: int) -> None:
        self._companies = Companies(world)
        self._people = People(world)
        self._world = world
        self._dice = Dice(world.seed, "business")
        self.table = Table(
            records, place=np.uint64, opened=np.int32, closed=np.int32, status=np.int8, taxation=np.int8, industry=np.int8,
            capital=np.int64, employees=np.int32,
        )  # fmt: skip

    def fill(self, rows: Indices) -> None:
        dice, eve = self._dice, self._world.first_day - 1
        opened = eve - dice.below("years of business", rows, 8) * dice.below("days of business", rows, (eve - _OLDEST) // 8)
        status = dice.choose("status", rows, (88, 5, 7))
        self._settle(rows, opened)
        self.table.set(
            rows,
            closed=np.where(status == _CLOSED, dice.between("closed", rows, opened, eve), NO_DAY),
            status=status,
            updated=dice.between("updated", rows, opened, eve) * DAY_MS + 9 * 3_600_000 + dice.below("updated, time", rows, 32_400_000),
        )

    def live(self, diary: Diary) -> None:
        self._open(diary)
        self._change_status(diary, "closing", _CLOSINGS, (_ACTIVE, _SUSPENDED), _CLOSED)
        self._change_status(diary, "suspension", _PAUSES, (_ACTIVE,), _SUSPENDED)
        self._change_status(diary, "resumption", _RESUMPTIONS / 0.05, (_SUSPENDED,), _ACTIVE)
        self._move(diary)
        self._grow(diary)
        self._remove(diary)

    def cells(self, rows: Indices) -> Mapping[str, Cell]:
        table = self.table
        place, capital, employees = table["place"][rows], table["capital"][rows], table["employees"][rows]
        return {
            "business_id": business_id_cell(rows),
            "trade_name": text_cell(self._companies.names(rows)),
            "representative": self._people.name_cell(self._companies.representatives(rows, self._people)),
            "industry_code": choice_cell(table["industry"][rows], _INDUSTRIES),
            "region_code": district_cell(place),
            "address": address_cell(place),
            "opened": day_cell(table["opened"][rows]),
            "closed": day_cell(table["closed"][rows]),
            "status": choice_cell(table["status"][rows], STATUSES),
            "taxation": choice_cell(table["taxation"][rows], _TAXATIONS),
            "capital": hundredths_cell(capital, capital == _NONE),
            "employees": number_cell(employees, employees == _NONE),
            "updated_at": moment_cell(table["updated"][rows]),
        }

    def _settle(self, rows: Indices, opened: Indices) -> None:
        """What a business has from its beginning."""
        dice = self._dice
        employees = np.asarray(_EMPLOYEES)[dice.choose("employees", rows, _EMPLOYEE_WEIGHTS)]
        capital = np.asarray(_CAPITALS_WON)[dice.choose("capital", rows, _CAPITAL_WEIGHTS)] * 100_000_000
        capital += np.where(dice.chance("odd capital", rows, 100_000), dice.below("capital, rest", rows, 100_000_000), 0)
        self.table.set(
            rows,
            place=self._companies.places(rows),
            opened=opened,
            closed=NO_DAY,
            taxation=dice.choose("taxation", rows, (70, 22, 8)),
            industry=dice.choose("industry", rows, _INDUSTRY_WEIGHTS),
            capital=np.where(dice.chance("capital known", rows, 700_000), capital, _NONE),
            employees=np.where(
                dice.chance("employees known", rows, 900_000), employees + dice.below("employees, rest", rows, employees // 2 + 1), _NONE
            ),
            present=True,
        )

    def _open(self, diary: Diary) -> None:
        rows = self.table.extend(diary.count("opening", self.table.rows, _OPENINGS))
        self._settle(rows, np.full(len(rows), diary.day))
        diary.note("opening", CREATE, rows)

    def _change_status(self, diary: Diary, event: str, per_million: float, before: tuple[int, ...], after: int) -> None:
        rows = diary.draw(event, self.table.rows, per_million)
        rows = diary.free(rows, np.isin(self.table["status"][rows], before))
        self.table.set(rows, status=after, closed=diary.day if after == _CLOSED else NO_DAY)
        diary.note(event, UPDATE, rows)

    def _move(self, diary: Diary) -> None:
        rows = self._open_ones(diary, diary.draw("move", self.table.rows, _MOVES))
        self.table.set(rows, place=diary.words("new address", rows))
        diary.note("move", UPDATE, rows)

    def _grow(self, diary: Diary) -> None:
        rows = self._open_ones(diary, diary.draw("capital", self.table.rows, _CAPITALS))
        old = self.table["capital"][rows]
        self.table.set(rows, capital=np.where(old == _NONE, 1_000_000_000, old * (2 + diary.below("capital, times", rows, 4))))
        diary.note("capital", UPDATE, rows)
        rows = self._open_ones(diary, diary.draw("staff", self.table.rows, _STAFFS))
        now = self.table["employees"][rows]
        more = 1 + diary.below("staff, by", rows, np.maximum(now // 10, 1) + 1)
        fewer = diary.chance("staff leaves", rows, 450_000) & (now >= more)
        self.table.set(rows, employees=np.where(fewer, now - more, np.maximum(now, 0) + more))
        diary.note("staff", UPDATE, rows)

    def _remove(self, diary: Diary) -> None:
        """Only those whom no other register names."""
        blocks = self._world.businesses // BLOCK
        rows = diary.free(diary.draw("removal", blocks, _REMOVALS * BLOCK) * BLOCK + BLOCK - 1) if blocks else np.arange(0)
        diary.note("removal", DELETE, rows)

    def _open_ones(self, diary: Diary, rows: Indices) -> Indices:
        return diary.free(rows, self.table["status"][rows] != _CLOSED)
