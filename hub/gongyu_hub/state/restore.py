"""What happens on assignment, and after every loss: the one way in which a partition's state comes to be known.

Algorithm, in this order:
1. The stable committed offset of the owner partition. A dead worker's transaction is settled before Kafka answers.
2. *Then* the true end of the state partition (asked without read_committed, which would tell the last stable offset).
3. The store is opened and kept only if it is this partition's and near enough; else it starts empty.
4. The state partition is read committed from where the store stands up to that end.
5. The progress record's cursor must equal the committed offset: both were written by the same transactions.
The caller has the policy at least at the epoch the partition adopted before it decides anything.

Raises TransientError where Kafka does not answer (the caller tries again), FatalError where state and offsets
contradict each other.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import structlog
from confluent_kafka import OFFSET_INVALID, Consumer, IsolationLevel, KafkaError, KafkaException, TopicCollection, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec

from gongyu_hub.state.pending import Partition
from gongyu_hub.state.records import PROGRESS_KEY, Progress
from gongyu_hub.state.store import Identity, Store
from gongyu_schemas.errors import FatalError, TransientError
from gongyu_schemas.transport.clients import make_admin, make_consumer, take_messages
from gongyu_schemas.transport.profile import Profile

LOG = structlog.get_logger()
_CALL_TIMEOUT_S = 15.0
_BATCH = 10_000
#: Half of the state topics' delete.retention.ms (7 days, set by the control plane): tombstones younger than this are all there.
KEEP_S = 3.5 * 24 * 3600
#: A transaction left open by a dead worker is aborted after 10 s; a state topic that stands still longer is in trouble.
_STALL_S = 60.0


class Restorer:
    """Opens partitions. One per worker; keeps the connections it asks with."""

    def __init__(self, profile: Profile, group: str, store_dir: Path) -> None:
        self._profile = profile
        self._admin: AdminClient = make_admin(profile)
        self._reader: Consumer = make_consumer(
            profile,
            **{
                "group.id": group,
                "enable.auto.commit": False,
                "isolation.level": "read_committed",
                "auto.offset.reset": "earliest",
                "enable.partition.eof": True,
                "fetch.wait.max.ms": 50,
            },
        )
        self._store_dir = store_dir
        self._cluster_id = ""

    def restore(self, committed_by: Consumer, topic: str, state_topic: str, number: int, stopping: Callable[[], bool]) -> Partition:
        """`committed_by`: the group's consumer, assigned and read_committed."""
        try:
            committed = self._committed(committed_by, topic, number)
            end = self._true_end(state_topic, number)
            store = self._open_store(state_topic, number)
        except KafkaException as error:
            self._admin = make_admin(self._profile)  # it keeps asking with the leader epochs it knew before a broker's restart
            raise TransientError(f"{topic} {number}: {error.args[0].str()}") from error
        try:
            store.begin(fresh=not store.usable(end, KEEP_S, time.time()))
            began, first = time.monotonic(), store.next_offset
            self._catch_up(store, state_topic, number, end, stopping)
            progress = self._progress(store, topic, number, committed)
        except BaseException:
            store.release()
            raise
        LOG.info(
            "partition restored",
            topic=topic,
            partition=number,
            cursor=progress.cursor,
            epoch=progress.adopted,
            images=store.images,
            read=end - first,
            seconds=round(time.monotonic() - began, 3),
        )
        return Partition(topic, state_topic, number, store, progress)

    def close(self) -> None:
        self._reader.close()

    def _committed(self, consumer: Consumer, topic: str, number: int) -> int | None:
        found = consumer.committed([TopicPartition(topic, number)], timeout=_CALL_TIMEOUT_S)[0]
        if found.error is not None:
            raise KafkaException(found.error)
        return None if found.offset == OFFSET_INVALID else found.offset

    def _true_end(self, state_topic: str, number: int) -> int:
        place = TopicPartition(state_topic, number)
        answer = self._admin.list_offsets(
            {place: OffsetSpec.latest()}, isolation_level=IsolationLevel.READ_UNCOMMITTED, request_timeout=_CALL_TIMEOUT_S
        )
        return int(answer[place].result().offset)

    def _open_store(self, state_topic: str, number: int) -> Store:
        described = self._admin.describe_topics(TopicCollection([state_topic]), request_timeout=_CALL_TIMEOUT_S)
        topic_id = str(described[state_topic].result().topic_id)
        if not self._cluster_id:
            self._cluster_id = str(self._admin.describe_cluster(request_timeout=_CALL_TIMEOUT_S).result().cluster_id)
        folder = self._store_dir / f"{state_topic}.{number}"
        return Store(folder, Identity(self._cluster_id, state_topic, topic_id, number))

    def _catch_up(self, store: Store, state_topic: str, number: int, end: int, stopping: Callable[[], bool]) -> None:
        if store.next_offset >= end:
            return
        self._reader.assign([TopicPartition(state_topic, number, store.next_offset)])
        try:
            self._read_up_to(store, state_topic, number, end, stopping)
            store.caught_up()
        finally:
            self._reader.unassign()

    def _read_up_to(self, store: Store, state_topic: str, number: int, end: int, stopping: Callable[[], bool]) -> None:
        """To the end of partition at or behind `end`: control records and aborted ones count, but are never delivered."""
        moved_at, place = time.monotonic(), store.next_offset
        while place < end:
            changes: dict[bytes, bytes | None] = {}
            for message in take_messages(self._reader, _BATCH, 0.1):
                error = message.error()
                offset = message.offset() or 0
                if (message.topic(), message.partition()) != (state_topic, number):
                    continue  # of an assignment before
                if error is None:
                    key = message.key()
                    if key is not None:
                        changes[key] = message.value()
                    place, moved_at = offset + 1, time.monotonic()
                elif error.code() == KafkaError._PARTITION_EOF:
                    place = max(place, offset)
                elif not error.retriable():
                    LOG.warning("state not readable for now", cause=error.str())
            if changes or place > store.next_offset:
                store.apply(changes, place, 0, at_end=False)
            if stopping():
                raise TransientError("stopped while restoring")
            if time.monotonic() - moved_at > _STALL_S:
                raise TransientError(f"the state topic stands still at {place}, before its end {end}")

    def _progress(self, store: Store, topic: str, number: int, committed: int | None) -> Progress:
        stored = store.get(PROGRESS_KEY)
        if stored is None:
            if committed is not None:
                raise FatalError(
                    f"{topic} {number}: offset {committed} is committed but the state topic knows nothing of it; restore the topic"
                )
            return Progress()
        progress = Progress.decode(stored)
        if committed != progress.cursor:
            raise FatalError(
                f"{topic} {number}: committed offset {committed} is not the state's {progress.cursor}; "
                "somebody moved the offsets of group hub.worker: set them back to the state's"
            )
        return progress
