"""Types with a version field: rows that the hub would pass over or reject are set aside before they are published.

The hub takes a change only if its version is newer than the one before (3 outcomes: newer applied, older stale, equal with other
content rejected), so publishing such a row would make the owner's state and the subscribers' differ for ever.
For the same reason an earlier state of such a register cannot be published again.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from gongyu_producers.records import Records
from gongyu_producers.rows import Problem
from gongyu_producers.staging import Staging
from gongyu_schemas.errors import ConfigError

_AT_ONCE = 2_000
_DIFFERING = """
SELECT rows.line, rows.key, rows.image, published.image
FROM run.rows INDEXED BY rows_by_key CROSS JOIN main.published ON published.key = rows.key
WHERE rows.op IS NOT NULL AND rows.digest <> published.digest AND rows.key > ? ORDER BY rows.key LIMIT ?
"""


@dataclass(frozen=True, slots=True)
class Versions:
    """Rows that differ from what is published: by newer, older and equal versions; `first_older` is a line."""

    newer: int = 0
    older: int = 0
    equal: int = 0
    first_older: int | None = None


NO_VERSIONS = Versions()


def reject_versions(staging: Staging, records: Records) -> Versions:
    """After repeated keys have been rejected: at most one good row per key."""
    field = str(records.version_field)
    older = Problem(field, "older than the published version: the hub passes it over; a correction needs a newer version")
    equal = Problem(field, "the record differs from the published one, but has the same version; a change needs a newer version")
    newer, counts = 0, {older: 0, equal: 0}
    first_older: int | None = None
    for page in _pages(staging):
        rejected = []
        for line, key, image, published in page:
            now, before = records.version(image), records.version(published)
            if now > before:
                newer += 1
                continue
            problem = older if now < before else equal
            counts[problem] += 1
            if problem is older:
                first_older = line if first_older is None else min(line, first_older)
            rejected.append((line, records.describe_key(key), problem))
        staging.reject(rejected)
    return Versions(newer, counts[older], counts[equal], first_older)


def refuse_earlier_state(versions: Versions, information_type: str, field: str | None, *, older_file: bool, changes: int) -> None:
    """Raises ConfigError where a file says nothing newer but something older: it is an earlier state of the register."""
    if versions.newer or not (versions.older or (older_file and changes)):
        return
    which = f"{versions.older:,} rows have an older version than published (first: line {versions.first_older}) and none a newer one"
    if not versions.older:
        which = "the file is older than the one published last, and no row has a newer version"
    raise ConfigError(
        f"{which}: this is an earlier state of the register. Type {information_type!r} has the version field {field!r}, and the hub passes "
        "over whatever is older than what it has, so publishing an earlier state undoes nothing; nothing was published. "
        "To undo, export the records as they should be, each with a newer version"
    )


def _pages(staging: Staging) -> Iterator[list[tuple[int, bytes, bytes, bytes]]]:
    after = b""
    while page := staging.connection.execute(_DIFFERING, (after, _AT_ONCE)).fetchall():
        after = page[-1][1]
        yield page
