"""What was published from here: per type the changes by operation, rejects, the last run, and how far the state is.

Enters a folder of states (one per topic); leaves a `TypeStatus` each. With a connection the ends of its owner's topics are asked
too, once for all: what lies behind a state's position was not read here yet, because another machine wrote it or a run was killed.
"""

from __future__ import annotations

import dataclasses
import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from gongyu_producers.history import REJECTED, PastRun, last_run, read_counts
from gongyu_producers.owner_topic import TopicEnds
from gongyu_producers.state import FORMAT, is_ours
from gongyu_schemas.names import owner_of_user, owner_topic

#: topics -> their ends, in one bounded question
AskEnds = Callable[[Sequence[str]], TopicEnds]


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


def read_status(state_dir: Path) -> list[TypeStatus]:
    """In order of cluster and topic; empty where nothing was published from here."""
    return [_read(path) for path in sorted(state_dir.glob("*/owner.*.db"))]


def compare_ends(found: Sequence[TypeStatus], user: str, ask_ends: AskEnds) -> tuple[list[TypeStatus], bool]:
    """The same with `behind`, and whether every topic that was asked about was answered.

    An owner's user may ask about its own topics only, so only these are asked about; and a state of another cluster says nothing of
    this one's topics.
    """
    owner = owner_of_user(user)
    own = [each for each in found if each.position and (owner is None or each.topic.startswith(owner_topic(owner, "")))]
    if not own:
        return list(found), True
    ends = ask_ends(sorted({each.topic for each in own}))
    told = [_with_end(each, ends) if each in own and each.cluster == ends.cluster else each for each in found]
    return told, all(after.problem == before.problem for before, after in zip(found, told, strict=True))


def _read(path: Path) -> TypeStatus:
    topic, cluster = path.stem, path.parent.name
    try:
        connection = sqlite3.connect(f"file:{path}?mode=rw", uri=True, timeout=0, isolation_level=None)
    except sqlite3.Error as error:
        return TypeStatus(topic, cluster, f"cannot be opened: {error}")
    try:
        connection.execute("PRAGMA query_only = ON")
        return _describe(connection, topic, cluster)
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


def _with_end(status: TypeStatus, asked: TopicEnds) -> TypeStatus:
    ends = asked.ends.get(status.topic, {})
    if status.topic in asked.problems:
        return dataclasses.replace(status, problem=asked.problems[status.topic])
    if status.position.keys() - ends.keys():
        problem = f"topic {status.topic} has other partitions than this state knows: deleted and made again? The next run says what to do"
        return dataclasses.replace(status, problem=problem)
    return dataclasses.replace(status, behind=sum(ends[partition] - at for partition, at in status.position.items()))
