"""What was published from here: per type the changes by operation, rejects, the last run, and how far the state is.

Enters a folder of states (one per topic); leaves a `TypeStatus` each. With a connection the topics' ends are asked too: what
lies behind a state's position was not read here yet, because another machine wrote it or a run was killed.
"""

from __future__ import annotations

import dataclasses
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from gongyu_producers.history import REJECTED, PastRun, last_run, read_counts
from gongyu_producers.state import FORMAT, is_ours
from gongyu_schemas.errors import KafkaUnavailable

#: topic, partitions -> the offset behind the last message of each
AskEnds = Callable[[str, list[int]], dict[int, int]]


@dataclass(frozen=True, slots=True)
class TypeStatus:
    """One state. `problem` says why the rest is missing; `behind` is None where the topic was not asked."""

    topic: str
    cluster: str
    problem: str | None = None
    records: int = 0
    published: dict[str, int] = dataclasses.field(default_factory=dict)
    rejected: int = 0
    last: PastRun | None = None
    position: dict[int, int] = dataclasses.field(default_factory=dict)
    behind: int | None = None


def read_status(state_dir: Path, ask_ends: AskEnds | None) -> list[TypeStatus]:
    """In order of cluster and topic; empty where nothing was published from here."""
    return [_read(path, ask_ends) for path in sorted(state_dir.glob("*/owner.*.db"))]


def _read(path: Path, ask_ends: AskEnds | None) -> TypeStatus:
    topic, cluster = path.stem, path.parent.name
    try:
        connection = sqlite3.connect(f"file:{path}?mode=rw", uri=True, timeout=0, isolation_level=None)
    except sqlite3.Error as error:
        return TypeStatus(topic, cluster, f"cannot be opened: {error}")
    try:
        connection.execute("PRAGMA query_only = ON")
        return _with_end(_describe(connection, topic, cluster), ask_ends)
    except sqlite3.Error as error:
        busy = getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_BUSY
        return TypeStatus(topic, cluster, "a run is going on now" if busy else f"cannot be read: {error}")
    finally:
        connection.close()


def _describe(connection: sqlite3.Connection, topic: str, cluster: str) -> TypeStatus:
    version = is_ours(connection)
    if version is None or version > FORMAT:
        return TypeStatus(topic, cluster, "not a state of gongyu-owner, or of a newer version of it")
    records = int(connection.execute("SELECT count(*) FROM published").fetchone()[0])
    position = dict(connection.execute("SELECT partition, next_offset FROM partitions"))
    if version < FORMAT:
        return TypeStatus(topic, cluster, "of an earlier version, upgraded by the next run", records, position=position)
    counts = read_counts(connection)
    rejected = counts.pop(REJECTED, 0)
    return TypeStatus(topic, cluster, None, records, counts, rejected, last_run(connection), position)


def _with_end(status: TypeStatus, ask_ends: AskEnds | None) -> TypeStatus:
    if ask_ends is None or not status.position:
        return status
    try:
        ends = ask_ends(status.topic, sorted(status.position))
    except KafkaUnavailable as error:
        return dataclasses.replace(status, problem=str(error))
    return dataclasses.replace(status, behind=sum(ends[partition] - at for partition, at in status.position.items()))
