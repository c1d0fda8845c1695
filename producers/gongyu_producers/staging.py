"""The rows of one run, on disk: filled while the file is read, compared and published afterwards.

Staged beside the state in the same SQLite connection (schema `run`), so comparing is one sorted walk inside SQLite
and a file may be larger than memory. Nothing here outlives the run: no journal, no syncing.
A staged row with an operation is good; a row without one was rejected and only keeps its key from being deleted.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Iterable, Iterator
from typing import Any

from gongyu_producers.rows import Problem, Row

_TABLES = """
CREATE TABLE run.rows (line INTEGER PRIMARY KEY, op TEXT, key BLOB NOT NULL, subject BLOB, digest BLOB, image BLOB);
CREATE TABLE run.rejects (line INTEGER NOT NULL, field TEXT, reason TEXT NOT NULL, key TEXT);
CREATE TABLE run.repeated (key BLOB PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE run.changes (seq INTEGER PRIMARY KEY, op TEXT NOT NULL, key BLOB NOT NULL, line INTEGER);
"""
#: Its beginning says why; what follows are the lines of one key.
REPEATED = "the key occurs in "
_REASONS = f"""
SELECT field, CASE WHEN reason LIKE '{REPEATED}%' THEN '{REPEATED}several rows' ELSE reason END AS why, count(*), min(line)
FROM run.rejects GROUP BY 1, 2 ORDER BY 3 DESC, 4
"""  # noqa: S608 - both parts are this module's
_STAGE_AT_ONCE = 2_000


def digest(image: bytes) -> bytes:
    """Stands for an image when images are compared: 128 bits, so two different ones do not meet."""
    return hashlib.blake2b(image, digest_size=16).digest()


class Staging:
    """Collects rows and rejects of a run; `unreadable` counts rows whose key nobody knows."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.connection = connection
        self.rows = 0
        self.unreadable = 0
        self._rows: list[tuple[Any, ...]] = []
        self._rejects: list[tuple[Any, ...]] = []
        for statement in _TABLES.strip().splitlines():
            connection.execute(statement)

    def add(self, row: Row, key: dict[str, str] | None = None) -> None:
        """Stage a row; a rejected one with its `key` as the owner may see it."""
        self.rows += 1
        if row.problems:
            shown = json.dumps(key, ensure_ascii=False) if key is not None else None
            self._rejects += [(row.line, problem.field, problem.reason, shown) for problem in row.problems]
            if row.key is None:
                self.unreadable += 1
            else:
                self._rows.append((row.line, None, row.key, None, None, None))
        else:
            image = row.image
            self._rows.append((row.line, row.op, row.key, row.subject, None if image is None else digest(image), image))
        if len(self._rows) + len(self._rejects) >= _STAGE_AT_ONCE:
            self.flush()

    def flush(self) -> None:
        with transaction(self.connection):
            self.connection.executemany("INSERT INTO run.rows VALUES (?, ?, ?, ?, ?, ?)", self._rows)
            self.connection.executemany("INSERT INTO run.rejects VALUES (?, ?, ?, ?)", self._rejects)
        self._rows.clear()
        self._rejects.clear()

    def reject(self, rejected: Iterable[tuple[int, dict[str, str], Problem]]) -> None:
        """Take back rows that were good by themselves: (line, key as the owner may see it, why)."""
        with transaction(self.connection):
            for line, key, problem in rejected:
                shown = json.dumps(key, ensure_ascii=False)
                self.connection.execute("INSERT INTO run.rejects VALUES (?, ?, ?, ?)", (line, problem.field, problem.reason, shown))
                self.connection.execute("UPDATE run.rows SET op = NULL WHERE line = ?", (line,))

    def reject_key(self, key: bytes, shown: dict[str, str], problem: Problem) -> None:
        """Take back all rows of a key, however many."""
        told = (problem.field, problem.reason, json.dumps(shown, ensure_ascii=False), key)
        self.connection.execute("INSERT INTO run.rejects SELECT line, ?, ?, ? FROM run.rows WHERE key = ? ORDER BY line", told)
        self.connection.execute("UPDATE run.rows SET op = NULL WHERE key = ?", (key,))

    def rejected_rows(self) -> int:
        return int(self.connection.execute("SELECT count(DISTINCT line) FROM run.rejects").fetchone()[0])

    def good_rows(self) -> int:
        return int(self.connection.execute("SELECT count(*) FROM run.rows WHERE op IS NOT NULL").fetchone()[0])

    def reasons(self) -> Iterator[tuple[str | None, str, int, int]]:
        """What is wrong how often: field, reason, problems, line of the first. Repeated keys are one reason, whatever their lines."""
        yield from self.connection.execute(_REASONS)

    def rejects(self) -> Iterator[dict[str, Any]]:
        """In order of the file: line, field, reason, and the key where it could be read."""
        for line, field, reason, key in self.connection.execute("SELECT line, field, reason, key FROM run.rejects ORDER BY line, rowid"):
            shown: dict[str, Any] = {"line": line, "field": field, "reason": reason}
            yield shown if key is None else {**shown, "key": json.loads(key)}


class transaction:  # noqa: N801 - reads as a statement: `with transaction(connection):`
    """BEGIN and COMMIT (ROLLBACK on an error) around a block; nothing inside a transaction that is open already."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._outermost = False

    def __enter__(self) -> None:
        self._outermost = not self._connection.in_transaction
        if self._outermost:
            self._connection.execute("BEGIN IMMEDIATE")

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if self._outermost and self._connection.in_transaction:
            self._connection.execute("COMMIT" if kind is None else "ROLLBACK")
