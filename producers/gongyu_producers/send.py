"""Listed changes -> committed transactions on the owner's topic, the state following each of them.

A run is too large for one transaction, so it goes out in several, each well below the broker's transaction timeout.
After each commit the state takes over exactly what was committed. The partitions' ends prove that nobody else wrote in
between: each must be where the state stood, plus what was sent, plus the commit marker.
Any failure inside a transaction, and an end that does not fit, leads to the same recovery: read the topic to its end
(`catch_up`), see by the positions in it whether the transaction was committed, and go on behind or before it.
"""

from __future__ import annotations

import sqlite3
import time
from collections import Counter
from collections.abc import Callable, Iterator
from typing import NamedTuple

from confluent_kafka.admin import AdminClient

from gongyu_producers.catch_up import TopicReader
from gongyu_producers.owner_topic import SchemaIds, stable_offsets
from gongyu_producers.pace import Pace
from gongyu_producers.records import Records
from gongyu_producers.state import State
from gongyu_schemas.errors import FatalError, KafkaUnavailable
from gongyu_schemas.partitioner import partition_of
from gongyu_schemas.transport.transactional import TransactionalProducer, TransactionLost
from gongyu_schemas.wire import header

#: About a second of work here; the broker gives up a transaction after 10 s.
CHANGES_PER_TRANSACTION = 10_000
_BYTES_PER_TRANSACTION = 16 * 1024 * 1024
_ATTEMPTS = 5
_MARKERS_S = 15.0
_PAUSE_S = 0.003

_SNAPSHOT = """
SELECT changes.seq, changes.op, changes.key, coalesce(rows.subject, published.subject), published.image, rows.image
FROM run.changes LEFT JOIN run.rows ON rows.line = changes.line LEFT JOIN main.published ON published.key = changes.key
WHERE changes.seq >= ? ORDER BY changes.seq LIMIT ?
"""
_PLAIN = """
SELECT changes.seq, changes.op, changes.key, rows.subject,
       CASE WHEN changes.op = 'd' THEN rows.image END, CASE WHEN changes.op <> 'd' THEN rows.image END
FROM run.changes JOIN run.rows ON rows.line = changes.line
WHERE changes.seq >= ? ORDER BY changes.seq LIMIT ?
"""


class Listed(NamedTuple):
    """A change as it was listed: `subject` is None where it is the key."""

    seq: int
    op: str
    key: bytes
    subject: bytes | None
    before: bytes | None
    after: bytes | None


class Sender:
    """Publishes what a run has listed. One at a time per state."""

    def __init__(
        self,
        producer: TransactionalProducer,
        admin: AdminClient,
        reader: TopicReader,
        state: State,
        records: Records,
        topic: str,
        ids: SchemaIds,
        *,
        act: str | None,
        pace: Pace,
    ) -> None:
        self._producer = producer
        self._admin = admin
        self._reader = reader
        self._state = state
        self._records = records
        self._topic = topic
        self._act = act
        self._pace = pace
        self._key_header = header(ids.key)
        self._value_header = header(ids.value)

    def send_all(self, *, snapshot: bool, per_transaction: int, check: Callable[[], None], advance: Callable[[int], None]) -> None:
        """Publish every listed change, in order. `check` may raise between transactions. Raises KafkaUnavailable, FatalError."""
        query = _SNAPSHOT if snapshot else _PLAIN
        following, lost = 1, 0
        while chunk := _chunk(self._state.connection, query, following, self._pace.at_once(per_transaction)):
            self._pace.wait(check)
            check()
            try:
                self._transact(chunk, check)
                lost = 0
            except TransactionLost as error:
                lost += 1
                if lost == _ATTEMPTS:
                    raise KafkaUnavailable(f"publishing failed {lost} times in a row: {error}") from error
                if not self._was_committed(len(chunk), check):
                    continue
            self._pace.sent(len(chunk))
            following = chunk[-1].seq + 1
            advance(len(chunk))

    def _transact(self, chunk: list[Listed], check: Callable[[], None]) -> None:
        state = self._state
        keys = [self._key_header + (change.key if change.subject is None else change.subject) for change in chunk]
        partitions = [partition_of(key, len(state.next_offsets)) for key in keys]
        images = ((change.op, change.before, change.after) for change in chunk)
        bodies = self._records.changes(images, time.time_ns() // 1_000_000, state.source, state.position, self._act)
        self._producer.begin()
        self._producer.produce_many(self._topic, (self._value_header + body for body in bodies), keys, partitions)
        self._producer.commit()
        self._take_over(chunk, Counter(partitions), check)

    def _take_over(self, chunk: list[Listed], sent: Counter[int], check: Callable[[], None]) -> None:
        state = self._state
        next_offsets = {partition: state.next_offsets[partition] + count + 1 for partition, count in sent.items()}  # 1: commit marker
        if self._await_markers(next_offsets) != next_offsets:
            if not self._was_committed(len(chunk), check):
                raise FatalError("a committed transaction is not on the topic; run again: what is missing is published then")
            return
        changes = ((each.key, None if each.after is None else (each.key, each.subject, each.after)) for each in chunk)
        state.apply(changes, next_offsets, state.position + len(chunk), Counter(each.op for each in chunk))

    def _await_markers(self, expected: dict[int, int]) -> dict[int, int]:
        """The ends of these partitions once the commit markers are there: a commit is answered a moment before that."""
        deadline = time.monotonic() + _MARKERS_S
        while True:
            ends = stable_offsets(self._admin, self._topic, list(expected))
            if time.monotonic() > deadline or all(ends[partition] >= end for partition, end in expected.items()):
                return ends
            time.sleep(_PAUSE_S)

    def _was_committed(self, changes: int, check: Callable[[], None]) -> bool:
        """Read what the topic says; whether it has the transaction that began at the state's position."""
        began = self._state.position
        caught_up = self._reader.catch_up(self._state, check, lambda _done, _todo: None)
        if others := caught_up.foreign + caught_up.unreadable:
            raise FatalError(
                f"another program or machine wrote {others:,} messages to this topic during the run, so it stops; "
                "run again: the file is compared with what they say (--dry-run shows what would be published)"
            )
        if caught_up.own not in (0, changes) or self._state.position != began + caught_up.own:
            raise FatalError("the topic does not hold what was sent; run again: the rest is compared anew then")
        return caught_up.own == changes


def _chunk(connection: sqlite3.Connection, query: str, following: int, most: int) -> list[Listed]:
    return list(_bounded(map(Listed._make, connection.execute(query, (following, most)))))


def _bounded(changes: Iterator[Listed]) -> Iterator[Listed]:
    size = 0
    for change in changes:
        size += len(change.before or b"") + len(change.after or b"")
        yield change
        if size > _BYTES_PER_TRANSACTION:
            return
