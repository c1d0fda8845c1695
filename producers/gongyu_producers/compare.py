"""Staged rows against what was published -> the changes to publish, in the order in which they are published.

For a snapshot, each key decides for itself: absent from the state = create, other image = update, equal =
unchanged, published but in no row = delete. Before that, rows are rejected that have their key in common (which of them
is right, nobody knows), that move a record to another subject (its changes would change partition and lose their order),
or whose version is not newer (`versions`).
A key seen in any row, good or bad, is never a delete; a row whose key is unreadable may be any record's, so then
no delete is known to be one, and all are withheld.
Everything is a walk over keys in order, inside SQLite. Deletes come last.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from gongyu_producers.records import Records
from gongyu_producers.rows import Problem
from gongyu_producers.staging import REPEATED, Staging, transaction
from gongyu_producers.versions import NO_VERSIONS, Versions, reject_versions
from gongyu_schemas.envelope import CREATE, DELETE, UPDATE

_INDEX = "CREATE INDEX run.rows_by_key ON rows (key, digest, subject, op)"
_REPEATED = "INSERT INTO run.repeated SELECT key FROM run.rows GROUP BY key HAVING count(*) > 1"
_REPEATS = "SELECT key FROM run.repeated WHERE key > ? ORDER BY key LIMIT ?"
_LINES = "SELECT line FROM run.rows WHERE key = ? ORDER BY line LIMIT ?"
_TIMES = "SELECT count(*) FROM run.rows INDEXED BY rows_by_key WHERE key = ?"
_MOVED = """
SELECT rows.line, rows.key FROM run.rows INDEXED BY rows_by_key CROSS JOIN main.published ON published.key = rows.key
WHERE rows.op IS NOT NULL AND published.subject IS NOT rows.subject AND rows.key > ? ORDER BY rows.key LIMIT ?
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
_AT_ONCE = 2_000


@dataclass(frozen=True, slots=True)
class Counts:
    """What a run comes to, in records. `withheld` deletes are those that an unreadable key forbids."""

    created: int
    updated: int
    deleted: int
    unchanged: int
    withheld: int
    versions: Versions = NO_VERSIONS

    @property
    def changes(self) -> int:
        return self.created + self.updated + self.deleted


def compare_snapshot(staging: Staging, records: Records) -> Counts:
    """Rejects rows that contradict each other or the state, then lists the changes."""
    staging.connection.execute(_INDEX)
    _reject_repeated(staging, records)
    if not records.subject_is_key:
        _reject_moved(staging, records)
    versions = NO_VERSIONS if records.version_field is None else reject_versions(staging, records)
    with transaction(staging.connection):
        staging.connection.execute(_CHANGED, {"create": CREATE, "update": UPDATE})
        withheld = 0
        if staging.unreadable:
            withheld = int(staging.connection.execute(_COUNT_GONE).fetchone()[0])
        else:
            staging.connection.execute(_GONE, {"delete": DELETE})
    ops = _count_ops(staging)
    unchanged = staging.good_rows() - ops[CREATE] - ops[UPDATE]
    return Counts(ops[CREATE], ops[UPDATE], ops[DELETE], unchanged, withheld, versions)


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
    for page in _pages(staging, _REPEATS, key_at=0):
        with transaction(staging.connection):
            for (key,) in page:
                times = int(staging.connection.execute(_TIMES, (key,)).fetchone()[0])
                shown = ", ".join(str(line) for (line,) in staging.connection.execute(_LINES, (key, _LINES_SHOWN)))
                more = ", ..." if times > _LINES_SHOWN else ""
                problem = Problem(field, f"{REPEATED}{times} rows (lines {shown}{more}); none of them is published")
                staging.reject_key(key, records.describe_key(key), problem)


def _reject_moved(staging: Staging, records: Records) -> None:
    problem = Problem(None, "the record is published under another subject; delete it in one run and create it in a later one")
    for page in _pages(staging, _MOVED, key_at=1):
        staging.reject((line, records.describe_key(key), problem) for line, key in page)


def _pages(staging: Staging, query: str, *, key_at: int) -> Iterator[list[tuple[Any, ...]]]:
    """In order of the key, so many at once: read before rejecting, because both walk the same table."""
    after = b""
    while page := staging.connection.execute(query, (after, _AT_ONCE)).fetchall():
        after = page[-1][key_at]
        yield page
