"""What was published from here and by which runs: kept in the state, so that it holds exactly what the state reflects.

`counts` move with the offsets, in one database transaction: a crash neither loses nor doubles a change in them. A run
is noted when it begins; one that did not publish all that it had to has no end, but what stopped it, where anything could say so.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

#: Added to the state by format 2; one statement a line.
HISTORY_TABLES = """
CREATE TABLE main.counts (what TEXT PRIMARY KEY, number INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE main.runs (number INTEGER PRIMARY KEY, began, ended, file, modified_ns, snapshot, act, rows, published, rejected);
"""
#: Added by format 3.
STOPPED_COLUMN = "ALTER TABLE main.runs ADD COLUMN stopped"

REJECTED = "rejected"
_RUNS_KEPT = 1_000
_COUNT = "INSERT INTO counts VALUES (?, ?) ON CONFLICT (what) DO UPDATE SET number = number + excluded.number"
_RUN = "began, ended, file, modified_ns, snapshot, act, rows, published, rejected, stopped"
_REASON_MAX = 200


@dataclass(frozen=True, slots=True)
class PastRun:
    """A run as it was noted; `ended` and the numbers are None where it did not come to its end. Times are ISO texts in UTC.

    `stopped`: by what, as it was told; None also where the run was killed.
    """

    began: str
    ended: str | None
    file: str
    modified_ns: int
    snapshot: bool
    act: str | None
    rows: int | None
    published: int | None
    rejected: int | None
    stopped: str | None

    @property
    def outcome(self) -> str:
        if self.ended is not None:
            return "ended"
        return "did not end" if self.stopped is None else f"stopped: {self.stopped}"

    @property
    def modified(self) -> datetime:
        """When the file had been changed last."""
        return datetime.fromtimestamp(self.modified_ns / 1e9, UTC)


def add_counts(connection: sqlite3.Connection, counts: Mapping[str, int]) -> None:
    """Inside the caller's transaction."""
    connection.executemany(_COUNT, counts.items())


def read_counts(connection: sqlite3.Connection) -> dict[str, int]:
    return dict(connection.execute("SELECT what, number FROM counts"))


def begin_run(connection: sqlite3.Connection, file: str, modified_ns: int, *, snapshot: bool, act: str | None) -> None:
    connection.execute(
        "INSERT INTO runs (began, file, modified_ns, snapshot, act) VALUES (?, ?, ?, ?, ?)", (_now(), file, modified_ns, snapshot, act)
    )
    connection.execute("DELETE FROM runs WHERE number <= (SELECT max(number) FROM runs) - ?", (_RUNS_KEPT,))


def end_run(connection: sqlite3.Connection, rows: int, published: int, rejected: int) -> None:
    """Of the run that began last: it published all that it had to."""
    connection.execute(
        "UPDATE runs SET ended = ?, rows = ?, published = ?, rejected = ? WHERE number = (SELECT max(number) FROM runs)",
        (_now(), rows, published, rejected),
    )
    add_counts(connection, {REJECTED: rejected})


def stop_run(connection: sqlite3.Connection, why: str) -> None:
    """Of the run that began last: something stopped it, a guard or an interruption; `why` begins with the reason."""
    reason, _, _ = why.partition("; ")
    reason = reason.removeprefix("stopped by ")
    noted = reason if len(reason) <= _REASON_MAX else f"{reason[: _REASON_MAX - 3]}..."
    connection.execute("UPDATE runs SET stopped = ? WHERE number = (SELECT max(number) FROM runs)", (noted,))


def last_run(connection: sqlite3.Connection) -> PastRun | None:
    return _read(connection, "SELECT {} FROM runs ORDER BY number DESC LIMIT 1")


def last_snapshot(connection: sqlite3.Connection) -> PastRun | None:
    """The last snapshot that was published to its end."""
    return _read(connection, "SELECT {} FROM runs WHERE snapshot AND ended IS NOT NULL ORDER BY number DESC LIMIT 1")


def _read(connection: sqlite3.Connection, query: str) -> PastRun | None:
    found = connection.execute(query.format(_RUN)).fetchone()
    if found is None:
        return None
    noted: dict[str, Any] = dict(zip(_RUN.split(", "), found, strict=True))
    return PastRun(**noted | {"snapshot": bool(noted["snapshot"])})


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
