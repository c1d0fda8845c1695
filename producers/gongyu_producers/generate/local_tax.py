"""The local tax register: bills are sent in the months of their tax, paid around the end of the month, fall overdue, are corrected.

A year's bills are those of the law: licence tax in January, automobile tax in June and December, property tax in July and
September, resident tax in August, each sent from the 10th on and due at the month's end; acquisition and income tax all year.
When a bill will be paid is drawn when it is made, so payments have bursts of their own.
"""

from __future__ import annotations

import datetime as dt
import functools
from collections.abc import Mapping

import numpy as np

from gongyu_producers.generate.calendar_days import DAY_MS, NO_DAY, day_number, day_of, month_ends, months_of, years_of
from gongyu_producers.generate.cells import Cell, choice_cell, day_cell, moment_cell, number_cell
from gongyu_producers.generate.dice import MILLION, Dice, Indices
from gongyu_producers.generate.people import People
from gongyu_producers.generate.places import district_cell
from gongyu_producers.generate.table import CREATE, DELETE, UPDATE, Diary, Table
from gongyu_producers.generate.world import World

#: The register holds the bills of this many days.
_KEPT_DAYS = 730
#: Of a million records on an average day.
_CORRECTIONS, _REFUNDS, _CANCELLATIONS, _REMOVALS = 60.0, 25.0, 15.0, 10.0

ITEMS = ("ACQUISITION", "REGISTRATION_LICENSE", "RESIDENT", "PROPERTY", "AUTOMOBILE", "LOCAL_INCOME")
_ACQUISITION, _LICENCE, _RESIDENT, _PROPERTY, _AUTOMOBILE, _INCOME = range(6)
#: Of 10,000 bills of a year: month -> item -> bills sent in its burst, on these days of the month with these shares.
BURSTS: Mapping[int, Mapping[int, int]] = {
    1: {_LICENCE: 900, _AUTOMOBILE: 500},
    6: {_AUTOMOBILE: 1300},
    7: {_PROPERTY: 1700},
    8: {_RESIDENT: 1600},
    9: {_PROPERTY: 1500},
    12: {_AUTOMOBILE: 1100},
}
_BURST_DAYS = {10: 50, 11: 30, 12: 20}
#: And sent evenly over the year.
_EVEN = {_ACQUISITION: 400, _INCOME: 1000}
_A_YEAR = 10_000

STATUSES = ("BILLED", "PAID", "OVERDUE", "REFUNDED", "CANCELLED")
_BILLED, _PAID, _OVERDUE, _REFUNDED, _CANCELLED = range(5)
_METHODS = ("ONLINE", "BANK", "CARD", "VIRTUAL_ACCOUNT", "AUTO_TRANSFER", "")
_METHOD_WEIGHTS, _NO_METHOD = (42, 12, 18, 20, 8), 5
#: Won: least and most of the tax, and the tax of each item as parts of a thousand of its base (0: no base).
_LEAST = np.array([300_000, 6_000, 5_000, 15_000, 60_000, 10_000])
_MOST = np.array([9_000_000, 67_500, 11_000, 1_500_000, 900_000, 2_500_000])
_RATES = np.array([30, 0, 0, 2, 0, 10])
#: Of the tax, in per cent: the local education tax on top of it.
_EDUCATION = np.array([10, 20, 0, 20, 30, 0])
_SURCHARGE = 3
_LATER = day_number(dt.date(2099, 12, 31))
_IN_TIME, _NEVER = 930_000, 25_000


class LocalTaxRegister:
    """Row n is bill n, `payer` a resident. `paying` is the day it will be paid (_LATER: never); `extra` is the surcharge."""

    def __init__(self, world: World, records: int) -> None:
        self._people = People(world)
        self._world = world
        self._dice = Dice(world.seed, "local tax")
        self._first = records
        self.table = Table(
            records, payer=np.int32, item=np.int8, tax=np.int32, extra=np.int32, paid=np.int64, billed=np.int32, due=np.int32,
            paying=np.int32, paid_on=np.int32, method=np.int8, status=np.int8,
        )  # fmt: skip

    def fill(self, rows: Indices) -> None:
        """The bills of two years; what is due before the first day is paid or overdue."""
        dice, eve = self._dice, self._world.first_day - 1
        days, items, weights = _sendings(self._world.first_day - _KEPT_DAYS, self._world.first_day)
        sent = dice.choose("sent", rows, weights)
        self._bill(rows, days[sent], items[sent])
        table = self.table
        paying, due = table["paying"][rows], table["due"][rows]
        paid, overdue = paying <= eve, (due <= eve) & (paying > due)
        self._charge(rows[overdue])
        table.set(rows[overdue], status=_OVERDUE)
        self._pay(rows[paid], paying[paid])
        changed = np.where(paid, paying, np.where(overdue, due + 1, table["billed"][rows])).astype(np.int64)
        table.set(rows, updated=np.minimum(changed, eve) * DAY_MS + 9 * 3_600_000 + dice.below("time", rows, 32_400_000))

    def live(self, diary: Diary) -> None:
        self._settle(diary)
        self._send(diary)
        self._correct(diary)
        rows = self._with(diary, "refund", _REFUNDS, _PAID)
        self.table.set(rows, status=_REFUNDED, paid=0)
        diary.note("refund", UPDATE, rows)
        rows = self._with(diary, "cancellation", _CANCELLATIONS * 10, _BILLED)
        self.table.set(rows, status=_CANCELLED, paying=_LATER)
        diary.note("cancellation", UPDATE, rows)
        cancelled = np.flatnonzero(self.table["status"] == _CANCELLED)
        rows = diary.free(cancelled)[: diary.count("removal", self.table.rows, _REMOVALS)]
        diary.note("removal", DELETE, rows)

    def cells(self, rows: Indices) -> Mapping[str, Cell]:
        at = {name: self.table[name][rows] for name in ("payer", "item", "tax", "extra", "billed")}
        payers, item, tax = at["payer"].astype(np.int64), at["item"].astype(np.int64), at["tax"].astype(np.int64)
        months = months_of(at["billed"])
        twice = np.isin(item, (_PROPERTY, _AUTOMOBILE))
        rate, education = _RATES[item], _EDUCATION[item]
        return {
            "bill_id": Cell("99%03d%04d%010d", (item + 101, years_of(at["billed"]) % 100 * 100 + months, rows + 1)),
            "resident_id": self._people.id_cell(payers),
            "taxpayer_name": self._people.name_cell(payers),
            "region_code": district_cell(self._people.places(payers)),
            "tax_item": choice_cell(item, ITEMS),
            "tax_year": number_cell(years_of(at["billed"])),
            "instalment": number_cell(np.where((months <= 7), 1, 2), ~twice),
            "tax_base": number_cell(tax * 1000 // np.maximum(rate, 1), rate == 0),
            "principal": number_cell(tax),
            "education_tax": number_cell(tax * education // 100, education == 0),
            "surcharge": number_cell(at["extra"], at["extra"] == 0),
            "paid_amount": number_cell(self.table["paid"][rows]),
            "billed_on": day_cell(at["billed"]),
            "due_on": day_cell(self.table["due"][rows]),
            "paid_on": day_cell(self.table["paid_on"][rows]),
            "payment_method": choice_cell(self.table["method"][rows], _METHODS),
            "status": choice_cell(self.table["status"][rows], STATUSES),
            "updated_at": moment_cell(self.table["updated"][rows]),
        }

    def _bill(self, rows: Indices, billed: Indices, items: Indices) -> None:
        dice, people = self._dice, self._people
        due = np.where(np.isin(items, tuple(_EVEN)), billed + 30, month_ends(billed))
        payers = people.nth_lasting(dice.below("payer", rows, people.lasting()))
        payers = np.where(people.births(payers) > self._world.first_day - 20 * 365, people.households(payers), payers)
        drawn = dice.below("in time", rows, MILLION)
        last_days = dice.below("days before the end", rows, 8) * dice.below("earlier", rows, 4) // 3
        in_time = np.maximum(due - last_days, billed + 1)
        late = due + 1 + dice.below("days late", rows, 150)
        self.table.set(
            rows,
            payer=payers,
            item=items,
            tax=_tax(dice, rows, items),
            billed=billed,
            due=due,
            paying=np.where(drawn < _IN_TIME, in_time, np.where(drawn < MILLION - _NEVER, late, _LATER)),
            paid_on=NO_DAY,
            method=_NO_METHOD,
            present=True,
        )

    def _pay(self, rows: Indices, days: Indices) -> None:
        table = self.table
        tax = table["tax"][rows].astype(np.int64)
        amount = tax + tax * _EDUCATION[table["item"][rows]] // 100 + table["extra"][rows]
        table.set(rows, status=_PAID, paid=amount, paid_on=days, method=self._dice.choose("method", rows, _METHOD_WEIGHTS))

    def _charge(self, rows: Indices) -> None:
        self.table.set(rows, extra=np.maximum(self.table["tax"][rows].astype(np.int64) * _SURCHARGE // 100, 10))

    def _settle(self, diary: Diary) -> None:
        """Who pays today, and what fell overdue at midnight. Bills whose day comes on a day off are paid all the same."""
        table = self.table
        waiting = (table["status"] == _BILLED) | (table["status"] == _OVERDUE)
        rows = diary.free(np.flatnonzero(waiting & (table["paying"] <= diary.day)))
        self._pay(rows, np.full(len(rows), diary.day))
        diary.note("payment", UPDATE, rows)
        rows = diary.free(np.flatnonzero((table["status"] == _BILLED) & (table["due"] < diary.day)))
        self._charge(rows)
        table.set(rows, status=_OVERDUE)
        diary.note("overdue", UPDATE, rows)

    def _send(self, diary: Diary) -> None:
        """As many as the first register has of such a day, whatever the activity: taxes follow the calendar."""
        _, items, weights = _sendings(diary.day, diary.day + 1)
        expected = self._first * 365 // _KEPT_DAYS
        for item, weight in zip(items.tolist(), weights, strict=True):
            sent, rest = divmod(expected * weight, _A_YEAR * _SHARES)
            more = diary.below(f"one more {item}", np.zeros(1, dtype=np.int64), _A_YEAR * _SHARES)[0] < rest
            rows = self.table.extend(sent + int(more))
            self._bill(rows, np.full(len(rows), diary.day), np.full(len(rows), item))
            diary.note("bill", CREATE, rows)

    def _correct(self, diary: Diary) -> None:
        """A bill is reckoned anew."""
        rows = self._with(diary, "correction", _CORRECTIONS * 5, _BILLED)
        self.table.set(rows, tax=np.maximum(self.table["tax"][rows].astype(np.int64) * (70 + diary.below("by", rows, 29)) // 100, 10))
        diary.note("correction", UPDATE, rows)

    def _with(self, diary: Diary, event: str, per_million: float, status: int) -> Indices:
        rows = diary.draw(event, self.table.rows, per_million)
        return diary.free(rows, self.table["status"][rows] == status)


#: Weights are in parts of this many, so that a day's share of a burst and of a year are whole numbers.
_SHARES = 36_500


@functools.lru_cache(maxsize=8)
def _sendings(first: int, last: int) -> tuple[Indices, Indices, tuple[int, ...]]:
    """Which items are sent on the days from first up to last: their days, items and weights (_A_YEAR * _SHARES is a year)."""
    days, items, weights = [], [], []
    for day in range(first, last):
        date = day_of(day)
        sent = {item: bills * _SHARES // 365 for item, bills in _EVEN.items()}
        if date.day in _BURST_DAYS:
            share = _BURST_DAYS[date.day] * _SHARES // 100
            sent |= {item: bills * share for item, bills in BURSTS.get(date.month, {}).items()}
        for item, weight in sent.items():
            days.append(day)
            items.append(item)
            weights.append(weight)
    return np.array(days, dtype=np.int64), np.array(items, dtype=np.int64), tuple(weights)


def _tax(dice: Dice, rows: Indices, items: Indices) -> Indices:
    """Small amounts are more frequent."""
    share = dice.below("amount", rows, 1_000) * dice.below("amount, smaller", rows, 1_000)
    return np.asarray((_LEAST[items] + (_MOST[items] - _LEAST[items]) * share // 1_000_000) // 10 * 10)
