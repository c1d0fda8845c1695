"""Staged rows against what was published -> the changes to publish, in the order in which they are published.

For a snapshot, each key decides for itself: absent from the state = create, other image = update, equal =
unchanged, published but in no row = delete. Before that, rows are rejected that have their key in common (which of them
is right, nobody knows) or that move a record to another subject (its changes would change partition and lose their order).
A key seen in any row, good or bad, is never a delete; a row whose key is unreadable may be any record's, so then
no delete is known to be one, and all are withheld.
Everything is a walk over keys in order, inside SQLite. Deletes come last.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from gongyu_producers.records import Records
from gongyu_producers.rows import Problem
from gongyu_producers.staging import Staging, transaction
from gongyu_schemas.envelope import CREATE, DELETE, UPDATE

_INDEX = "CREATE INDEX run.rows_by_key ON rows (key, digest, subject, op)"
_REPEATED = "INSERT INTO run.repeated SELECT key FROM run.rows GROUP BY key HAVING count(*) > 1"
_REPEATS = "SELECT rows.line, rows.key FROM run.repeated CROSS JOIN run.rows ON rows.key = repeated.key ORDER BY rows.key, rows.line"
_MOVED = """
SELECT rows.line, rows.key FROM run.rows INDEXED BY rows_by_key CROSS JOIN main.published ON published.key = rows.key
WHERE rows.op IS NOT NULL AND published.subject IS NOT rows.subject
"""
_CHANGED = """
INSERT INTO run.changes (op, key, line)
SELECT CASE WHEN published.key IS NULL THEN :create ELSE :update END, rows.key, rows.line
FROM run.rows INDEXED BY rows_by_key LEFT JOIN main.published ON published.key = rows.key
WHERE rows.op IS NOT NULL AND (published.key IS NULL OR published.digest <> rows.digest)
ORDER BY rows.key
"""
_COUNT_GONE = """
SELECT count(*) FROM main.published
WHERE NOT EXISTS (SELECT 1 FROM run.rows INDEXED BY rows_by_key WHERE rows.key = published.key)
"""
_GONE = """
INSERT INTO run.changes (op, key) SELECT :delete, published.key FROM main.published
WHERE NOT EXISTS (SELECT 1 FROM run.rows INDEXED BY rows_by_key WHERE rows.key = published.key)
ORDER BY published.key
"""
_IN_ORDER = "INSERT INTO run.changes (op, key, line) SELECT op, key, line FROM run.rows WHERE op IS NOT NULL ORDER BY line"
_LINES_SHOWN = 5


@dataclass(frozen=True, slots=True)
class Counts:
    """What a run comes to, in records. `withheld` deletes are those that an unreadable key forbids."""

    created: int
    updated: int
    deleted: int
    unchanged: int
    withheld: int

    @property
    def changes(self) -> int:
        return self.created + self.updated + self.deleted


def compare_snapshot(staging: Staging, records: Records) -> Counts:
    """Rejects rows that contradict each other or the state, then lists the changes."""
    staging.connection.execute(_INDEX)
    _reject_repeated(staging, records)
    if not records.subject_is_key:
        _reject_moved(staging, records)
    with transaction(staging.connection):
        staging.connection.execute(_CHANGED, {"create": CREATE, "update": UPDATE})
        withheld = 0
        if staging.unreadable:
            withheld = int(staging.connection.execute(_COUNT_GONE).fetchone()[0])
        else:
            staging.connection.execute(_GONE, {"delete": DELETE})
    ops = _count_ops(staging)
    unchanged = staging.good_rows() - ops[CREATE] - ops[UPDATE]
    return Counts(ops[CREATE], ops[UPDATE], ops[DELETE], unchanged, withheld)


def list_plain(staging: Staging) -> Counts:
    """Every good row is a change as it stands, in the order of the file."""
    with transaction(staging.connection):
        staging.connection.execute(_IN_ORDER)
    ops = _count_ops(staging)
    return Counts(ops[CREATE], ops[UPDATE], ops[DELETE], unchanged=0, withheld=0)


def keys_of(staging: Staging, records: Records, op: str, limit: int) -> list[dict[str, str]]:
    """The first keys of the changes with one operation, as the owner may see them."""
    found = staging.connection.execute("SELECT key FROM run.changes WHERE op = ? ORDER BY seq LIMIT ?", (op, limit))
    return [records.describe_key(key) for (key,) in found]


def _count_ops(staging: Staging) -> dict[str, int]:
    found = dict(staging.connection.execute("SELECT op, count(*) FROM run.changes GROUP BY op"))
    return {op: int(found.get(op, 0)) for op in (CREATE, UPDATE, DELETE)}


def _reject_repeated(staging: Staging, records: Records) -> None:
    with transaction(staging.connection):
        staging.connection.execute(_REPEATED)
    field = "+".join(records.key_fields)
    # Read before rejecting: both walk the same table. Memory: the repeated rows' lines and keys only.
    for key, lines in _grouped(staging.connection.execute(_REPEATS).fetchall()):
        shown = ", ".join(map(str, lines[:_LINES_SHOWN])) + (", ..." if len(lines) > _LINES_SHOWN else "")
        problem = Problem(field, f"the key occurs in {len(lines)} rows (lines {shown}); none of them is published")
        staging.reject((line, records.describe_key(key), problem) for line in lines)


def _grouped(found: list[tuple[int, bytes]]) -> Iterator[tuple[bytes, list[int]]]:
    lines: list[int] = []
    for at, (line, key) in enumerate(found):
        lines.append(line)
        if at + 1 == len(found) or found[at + 1][1] != key:
            yield key, lines
            lines = []


def _reject_moved(staging: Staging, records: Records) -> None:
    problem = Problem(None, "the record is published under another subject; delete it in one run and create it in a later one")
    moved = staging.connection.execute(_MOVED).fetchall()
    staging.reject((line, records.describe_key(key), problem) for line, key in moved)
