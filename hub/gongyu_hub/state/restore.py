"""What happens on assignment, and after every loss: the one way in which a partition's state comes to be known.

Algorithm, in this order, for some partitions together (a round trip each would take a worker of 800 more than a minute):
1. The stable committed offsets of the owner partitions and of their subject lists. A dead worker's transaction is settled
   before Kafka answers.
2. *Then* the true ends of the state partitions (asked without read_committed, which would tell the last stable offset).
3. Each store is opened and kept only if it is this partition's and near enough; else it starts empty.
4. The state partitions are read committed from where the stores stand up to those ends: a slice of time a call, so that the
   group and the policy are heard in between.
5. The progress record's offsets must equal the committed ones: both were written by the same transactions.
The caller has the policy at least at the epoch the partition adopted before it decides anything, and says at once which
partitions it has lost: what was asked for them is then worth nothing.

A partition for which Kafka does not answer fails alone and is tried again by the caller. Raises FatalError where state and
offsets contradict each other.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path

import structlog
from confluent_kafka import OFFSET_INVALID, Consumer, IsolationLevel, KafkaError, KafkaException, Message, TopicCollection, TopicPartition
from confluent_kafka.admin import AdminClient, ListOffsetsResultInfo, OffsetSpec, TopicDescription

from gongyu_hub.state.pending import Partition
from gongyu_hub.state.records import IMAGE_KIND, PROGRESS_KEY, Progress
from gongyu_hub.state.store import Identity, Store, StoreLocked
from gongyu_hub.values import Place
from gongyu_schemas.errors import FatalError, TransientError
from gongyu_schemas.transport.clients import make_admin, make_consumer, take_messages
from gongyu_schemas.transport.profile import Profile

LOG = structlog.get_logger()
#: Kafka answers for all partitions of a request or, where one has an unsettled transaction, for none: then fewer are asked for.
_TOGETHER_MAX = 64
_CALL_TIMEOUT_S = 10.0
_BATCH = 10_000
_SLICE_S = 0.5
_POLL_S = 0.1
#: Half of the state topics' delete.retention.ms (7 days, set by the control plane): tombstones younger than this are all there.
KEEP_S = 3.5 * 24 * 3600
#: A transaction left open by a dead worker is aborted after 10 s; a state topic that stands still longer is in trouble.
_STALL_S = 60.0

Failure = TransientError | StoreLocked


@dataclass(frozen=True, slots=True)
class Wanted:
    """An assigned partition of an owner topic, and the topic that holds its state."""

    topic: str
    number: int
    state_topic: str
    subjects_topic: str | None = None

    @property
    def place(self) -> Place:
        return self.topic, self.number

    @property
    def state(self) -> Place:
        return self.state_topic, self.number

    @property
    def inputs(self) -> list[Place]:
        return [self.place] if self.subjects_topic is None else [self.place, (self.subjects_topic, self.number)]


@dataclass(slots=True)
class _Reading:
    """A partition on its way. `end`: of its state, as it was when it was begun."""

    wanted: Wanted
    committed: tuple[int | None, ...]  # of its inputs
    end: int
    store: Store
    first: int
    began: float = field(default_factory=time.monotonic)
    moved_at: float = field(default_factory=time.monotonic)
    images_read: bool = False


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
        self._together = _TOGETHER_MAX
        self._readings: dict[Place, _Reading] = {}  # by place in the state topic

    @property
    def places(self) -> frozenset[Place]:
        """The owner partitions on their way."""
        return frozenset(reading.wanted.place for reading in self._readings.values())

    def restore(self, committed_by: Consumer, wanted: Sequence[Wanted]) -> dict[Place, Partition | Failure]:
        """Begin as many as there is room for, read on for a slice of time; what is done now, and what failed.

        `committed_by`: the group's consumer, assigned and read_committed. `wanted`: none that is on its way.
        """
        outcomes: dict[Place, Partition | Failure] = {}
        room = self._together - len(self._readings)
        if wanted and room > 0:
            self._begin(committed_by, wanted[:room], outcomes)
        deadline = time.monotonic() + _SLICE_S
        while any(reading.store.next_offset < reading.end for reading in self._readings.values()):
            messages = take_messages(self._reader, _BATCH, _POLL_S)
            self._take(messages)
            if not messages or time.monotonic() > deadline:
                break
        self._finish(outcomes)
        return outcomes

    def drop(self, places: Iterable[Place]) -> None:
        """Forget partitions that are on their way and no longer this worker's."""
        gone = frozenset(places)
        for state, reading in list(self._readings.items()):
            if reading.wanted.place in gone:
                self._readings.pop(state).store.release()

    def close(self) -> None:
        self.drop(self.places)
        self._reader.close()

    def _begin(self, committed_by: Consumer, wanted: Sequence[Wanted], outcomes: dict[Place, Partition | Failure]) -> None:
        try:
            committed = self._committed(committed_by, wanted)
            self._together = min(_TOGETHER_MAX, 2 * self._together)
            ends = self._true_ends(wanted)
            topics = self._topics(wanted)
        except KafkaException as error:
            self._renew_admin()
            self._together = max(1, len(wanted) // 2)
            outcomes.update((each.place, _failure(each, error)) for each in wanted)
            return
        for each in wanted:
            try:
                offsets, end = tuple(_offset(committed[place]) for place in each.inputs), int(ends[each.state].result().offset)
                self._readings[each.state] = self._open(each, offsets, end, str(topics[each.state_topic].result().topic_id))
            except KafkaException as error:
                self._renew_admin()
                outcomes[each.place] = _failure(each, error)
            except StoreLocked as error:
                outcomes[each.place] = error
        behind = [reading for reading in self._readings.values() if reading.store.next_offset < reading.end]
        self._reader.assign([TopicPartition(*reading.wanted.state, reading.store.next_offset) for reading in behind])

    def _renew_admin(self) -> None:
        """It keeps asking with the leader epochs it knew before a broker's restart."""
        self._admin = make_admin(self._profile)

    def _committed(self, consumer: Consumer, wanted: Sequence[Wanted]) -> dict[Place, TopicPartition]:
        asked = [TopicPartition(*place) for each in wanted for place in each.inputs]
        found = consumer.committed(asked, timeout=_CALL_TIMEOUT_S)
        return {(each.topic, each.partition): each for each in found}

    def _true_ends(self, wanted: Sequence[Wanted]) -> dict[Place, Future[ListOffsetsResultInfo]]:
        asked = {TopicPartition(*each.state): OffsetSpec.latest() for each in wanted}
        answers = self._admin.list_offsets(asked, isolation_level=IsolationLevel.READ_UNCOMMITTED, request_timeout=_CALL_TIMEOUT_S)
        return {(place.topic, place.partition): answer for place, answer in answers.items()}

    def _topics(self, wanted: Sequence[Wanted]) -> dict[str, Future[TopicDescription]]:
        """The state topics: one that was made anew has another id."""
        if not self._cluster_id:
            self._cluster_id = str(self._admin.describe_cluster(request_timeout=_CALL_TIMEOUT_S).result().cluster_id)
        names = TopicCollection(sorted({each.state_topic for each in wanted}))
        return self._admin.describe_topics(names, request_timeout=_CALL_TIMEOUT_S)

    def _open(self, wanted: Wanted, committed: tuple[int | None, ...], end: int, topic_id: str) -> _Reading:
        folder = self._store_dir / f"{wanted.state_topic}.{wanted.number}"
        store = Store(folder, Identity(self._cluster_id, wanted.state_topic, topic_id, wanted.number))
        try:
            store.begin(fresh=not store.usable(end, KEEP_S, time.time()))
        except BaseException:
            store.release()
            raise
        return _Reading(wanted, committed, end, store, store.next_offset)

    def _take(self, messages: list[Message]) -> None:
        """Apply what was read. Control records and aborted ones are never delivered, but the end of a partition tells of them."""
        changes: dict[Place, dict[bytes, bytes | None]] = {}
        ends: dict[Place, int] = {}
        for message in messages:
            place, error, offset = (message.topic() or "", message.partition() or 0), message.error(), message.offset() or 0
            if place not in self._readings:
                continue  # done already, or of an assignment before
            if error is None:
                ends[place] = offset + 1
                key = message.key()
                if key is not None:
                    changes.setdefault(place, {})[key] = message.value()
            elif error.code() == KafkaError._PARTITION_EOF:
                ends[place] = max(offset, ends.get(place, 0))
            elif not error.retriable():
                LOG.warning("state not readable for now", topic=place[0], partition=place[1], cause=error.str())
        for place, end in ends.items():
            reading, read = self._readings[place], changes.get(place, {})
            if end > reading.store.next_offset:
                reading.images_read |= any(key[:1] == IMAGE_KIND for key in read)
                reading.store.apply(read, end, 0, at_end=False)
                reading.moved_at = time.monotonic()

    def _finish(self, outcomes: dict[Place, Partition | Failure]) -> None:
        """Hand over what has reached its end; give up what stands still."""
        for state, reading in list(self._readings.items()):
            store, wanted = reading.store, reading.wanted
            if store.next_offset >= reading.end:
                del self._readings[state]
                outcomes[wanted.place] = _hand_over(reading)
            elif time.monotonic() - reading.moved_at > _STALL_S:
                del self._readings[state]
                store.release()
                outcomes[wanted.place] = TransientError(f"its state stands still at {store.next_offset}, before its end {reading.end}")
        if not self._readings:
            self._reader.unassign()


def _hand_over(reading: _Reading) -> Partition:
    store, wanted = reading.store, reading.wanted
    try:
        if store.next_offset > reading.first:
            store.caught_up(recount=reading.images_read)
        progress = _read_progress(store, wanted, reading.committed)
    except BaseException:
        store.release()
        raise
    LOG.info(
        "partition restored",
        topic=wanted.topic,
        partition=wanted.number,
        cursor=progress.cursor,
        epoch=progress.adopted,
        images=store.images,
        read=store.next_offset - reading.first,
        seconds=round(time.monotonic() - reading.began, 3),
    )
    return Partition(wanted.topic, wanted.state_topic, wanted.number, store, progress, wanted.subjects_topic)


def _read_progress(store: Store, wanted: Wanted, committed: tuple[int | None, ...]) -> Progress:
    stored = store.get(PROGRESS_KEY)
    progress = Progress() if stored is None else Progress.decode(stored)
    # Without any list yet when it was last written, the state says 0 and nothing was committed for them.
    expected = (None if stored is None else progress.cursor, progress.subjects or None)
    for (topic, number), offset, mine in zip(wanted.inputs, committed, expected, strict=False):
        if stored is None and offset is not None:
            raise FatalError(f"{topic} {number}: offset {offset} is committed but the state topic knows nothing of it; restore the topic")
        if offset != mine and not (mine is None and offset == 0):
            raise FatalError(
                f"{topic} {number}: committed offset {offset} is not the state's {mine}; "
                "somebody moved the offsets of group hub.worker: set them back to the state's"
            )
    return progress


def _offset(committed: TopicPartition) -> int | None:
    if committed.error is not None:
        raise KafkaException(committed.error)
    return None if committed.offset == OFFSET_INVALID else committed.offset


def _failure(wanted: Wanted, error: KafkaException) -> TransientError:
    return TransientError(f"{wanted.state_topic} {wanted.number}: {error.args[0].str()}")
