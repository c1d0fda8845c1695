"""A register's columns, and what one day changes in them.

The columns are numbers: a record of any type takes 30 to 90 bytes. Every table has `present` (in the register now), `updated`
(moment of the last change) and `touched` (changed today).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import DTypeLike, NDArray

from gongyu_producers.generate.calendar_days import DAY_MS
from gongyu_producers.generate.cells import Cell
from gongyu_producers.generate.dice import MILLION, Dice, Indices, Mask
from gongyu_producers.generate.world import World

#: Rows made or written at a time: small enough for the processor's cache, large enough for numpy.
CHUNK = 16_384
CREATE, UPDATE, DELETE = "c", "u", "d"
_OFFICE_OPENS_MS, _OFFICE_MS = 9 * 3_600_000, 9 * 3_600_000 - 1_000


def chunks(first: int, last: int) -> Iterator[Indices]:
    """The numbers from first up to last in runs of CHUNK."""
    for begin in range(first, last, CHUNK):
        yield np.arange(begin, min(begin + CHUNK, last))


class Table:
    """Columns of equal length that grow. `table["name"]` is a view: write into it, but keep none over `extend`."""

    def __init__(self, rows: int, **kinds: DTypeLike) -> None:
        kinds = {**kinds, "present": np.bool_, "touched": np.bool_, "updated": np.int64}
        self._columns: dict[str, NDArray[Any]] = {name: np.zeros(rows, dtype=kind) for name, kind in kinds.items()}
        self.rows = rows

    def __getitem__(self, name: str) -> NDArray[Any]:
        return self._columns[name][: self.rows]

    def set(self, rows: Indices, **values: Any) -> None:
        for name, value in values.items():
            self[name][rows] = value

    def extend(self, count: int) -> Indices:
        """The new rows, zero in every column."""
        first, self.rows = self.rows, self.rows + count
        for name, column in self._columns.items():
            if len(column) < self.rows:
                grown = np.zeros(self.rows + self.rows // 8 + 1_024, dtype=column.dtype)
                grown[:first] = column[:first]
                self._columns[name] = grown
        return np.arange(first, self.rows)


@dataclass(frozen=True, slots=True)
class Changes:
    """One day's changes in the order of their moments: for each its operation (c, u, d) and row. `events` counts why."""

    ops: NDArray[np.object_]
    rows: Indices
    events: Counter[str]


class Register(Protocol):
    """One type's register: made whole on the eve of the first day, then lived day by day."""

    table: Table

    def fill(self, rows: Indices) -> None:
        """Make these records as they are on the eve of the first day."""

    def live(self, diary: Diary) -> None:
        """One day, the days in order."""

    def cells(self, rows: Indices) -> Mapping[str, Cell]:
        """The fields of these records as they are now."""


class Diary:
    """What happens in a register on one day. A record changes at most once a day; `repeat` says a change again."""

    def __init__(self, world: World, dice: Dice, table: Table, day: int) -> None:
        self.day = day
        self._world = world
        self._dice = dice
        self._table = table
        self._ops: list[NDArray[np.object_]] = []
        self._rows: list[Indices] = []
        self._moments: list[Indices] = []
        self._events: Counter[str] = Counter()

    def count(self, event: str, among: int, per_million: float) -> int:
        """How often something happens today that on an average day happens to `per_million` of a million."""
        expected = min(among * per_million * self._world.pace(self.day) / MILLION, float(among))
        whole = int(expected)
        return whole + int(self.chance(f"{event}, one more", np.zeros(1, dtype=np.int64), int((expected - whole) * MILLION))[0])

    def draw(self, event: str, among: int, per_million: float) -> Indices:
        """Numbers below `among` to whom it happens; some may be drawn twice."""
        count = self.count(event, among, per_million)
        return self.below(f"{event}, who", np.arange(count), max(among, 1))

    def free(self, rows: Indices, condition: Mask | None = None) -> Indices:
        """Of these rows, each once, those that are in the register, have not changed today and fulfil the condition."""
        if condition is not None:
            rows = rows[condition]
        rows = rows[np.sort(np.unique(rows, return_index=True)[1])]
        there: Mask = self._table["present"][rows] & ~self._table["touched"][rows]
        return rows[there]

    def note(self, event: str, op: str, rows: Indices, moments: Indices | None = None) -> None:
        """These records changed. `moments`: of what happened to several records at once; else each has its own."""
        table = self._table
        moments = self.moments(rows) if moments is None else moments
        table.set(rows, touched=True, present=op != DELETE, updated=moments)
        self._add(event, op, rows, moments)

    def repeat(self, event: str, rows: Indices) -> None:
        """Say records again that have not changed since."""
        self._add(event, UPDATE, rows, np.maximum(self.moments(rows), self._table["updated"][rows] + 1))

    def moments(self, whom: Indices) -> Indices:
        """A moment in office hours for each number."""
        return self.day * DAY_MS + _OFFICE_OPENS_MS + self.below("moment", whom, _OFFICE_MS)

    def touched(self) -> Indices:
        """The rows that have changed today, in no order of time."""
        return np.concatenate(self._rows) if self._rows else np.zeros(0, dtype=np.int64)

    def close(self) -> Changes:
        rows = self.touched()
        self._table["touched"][rows] = False
        if not len(rows):
            return Changes(np.zeros(0, dtype=object), rows, self._events)
        order = np.argsort(np.concatenate(self._moments), kind="stable")
        return Changes(np.concatenate(self._ops)[order], rows[order], self._events)

    def below(self, what: str, at: Indices, limit: int | Indices) -> Indices:
        return self._dice.below(self._today(what), at, limit)

    def chance(self, what: str, at: Indices, per_million: int) -> Mask:
        return self._dice.chance(self._today(what), at, per_million)

    def words(self, what: str, at: Indices) -> NDArray[np.uint64]:
        return self._dice.words(self._today(what), at)

    def _today(self, what: str) -> str:
        return f"day {self.day}: {what}"

    def _add(self, event: str, op: str, rows: Indices, moments: Indices) -> None:
        if len(rows):
            self._ops.append(np.full(len(rows), op, dtype=object))
            self._rows.append(rows)
            self._moments.append(moments)
            self._events[event] += len(rows)
