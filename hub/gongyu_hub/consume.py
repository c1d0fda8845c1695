"""Consume: owner topics as a member of the hub's consumer group, and subject lists beside them. Leaves a Batch per topic.

Partitions come and go with the group (classic protocol, cooperative, static members). A new partition is assigned but paused:
it delivers nothing until the worker has restored its state and calls `start`. Messages of a partition that is not started are
never handed out. Decision: restoring outside the callback instead of inside, because it may take long and fail.

A static member that comes back within the session timeout is given its old assignment without a rebalance, even where its
subscription has changed meanwhile (KIP-345). So a worker joins with one topic too many and drops it when it has joined:
that change makes the group look at its subscription.

Subject lists are read by a consumer without a group, for exactly the partitions that the group gave of the owner topic: no
assignor keeps two topics together and moves only what must move. Their offsets are committed in the same transactions,
for the same group.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping

import numpy as np
import structlog
from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from gongyu_hub.settings import Settings
from gongyu_hub.values import Batch, Place
from gongyu_schemas.errors import FatalError, TransientError
from gongyu_schemas.names import HUB_GROUP, POLICY_TOPIC
from gongyu_schemas.transport.clients import make_consumer, take_messages
from gongyu_schemas.transport.profile import Profile

LOG = structlog.get_logger()
#: A consumer whose rights are gone may take 45 s to close; the process ends sooner without it.
_FATAL = (KafkaError._FATAL, KafkaError._FENCED, KafkaError.FENCED_INSTANCE_ID)


class Replaced(TransientError):
    """The group says that another member holds this worker's name; see `membership`."""


class Intake:
    """The consumer.

    `waiting`: partitions assigned and not started. `held`: not read for now. `out_of_reach`: their offset is gone from the
    topic. `ends`: the offset at which the end of a partition was last seen, behind its last control record.
    """

    def __init__(self, profile: Profile, settings: Settings, on_revoke: Callable[[list[Place], bool], None]) -> None:
        self.waiting: set[Place] = set()
        self.out_of_reach: set[Place] = set()
        self.ends: dict[Place, int] = {}
        self._started: set[Place] = set()
        self.held: set[Place] = set()
        self._topics: frozenset[str] = frozenset()
        self._joined = False
        self._on_revoke = on_revoke
        self._paused = False
        self.consumer: Consumer = make_consumer(
            profile,
            **{
                "group.id": HUB_GROUP,
                "group.instance.id": settings.name,
                "partition.assignment.strategy": "cooperative-sticky",
                "session.timeout.ms": int(settings.session_timeout_s * 1000),
                "heartbeat.interval.ms": 1000,
                "isolation.level": "read_committed",
                "enable.auto.commit": False,
                "enable.auto.offset.store": False,
                "auto.offset.reset": "error",
                "enable.partition.eof": True,
                "fetch.wait.max.ms": 100,
                "topic.metadata.refresh.interval.ms": 5000,
                "queued.max.messages.kbytes": 65_536,
            },
        )

    def subscribe(self, topics: frozenset[str]) -> None:
        """Only what is new: types are never taken away."""
        if topics - self._topics:
            self._topics |= topics
            self._subscribe()

    def _subscribe(self) -> None:
        topics = [*sorted(self._topics), *([] if self._joined else [POLICY_TOPIC])]
        self.consumer.subscribe(topics, on_assign=self._assigned, on_revoke=self._revoked, on_lost=self._lost)

    def take(self, limit: int, timeout_s: float) -> list[Batch]:
        """Wait for a first message, then take what is there. Raises Replaced: this consumer is of no more use."""
        messages = take_messages(self.consumer, limit, timeout_s)
        by_place: dict[Place, list[Message]] = {}
        for message in messages:
            place = (str(message.topic()), message.partition() or 0)
            if message.error() is not None:
                self._note(message, place)
            elif place in self._started:
                by_place.setdefault(place, []).append(message)
        return _batches(by_place)

    def start(self, place: Place, offset: int) -> None:
        """Read a restored or held partition from an offset. Raises TransientError where the group takes it away meanwhile."""
        where = TopicPartition(place[0], place[1], offset)
        try:
            self.consumer.seek(where)
            if not self._paused:
                self.consumer.resume([where])
        except KafkaException as error:
            raise TransientError(f"{place[0]} {place[1]}: cannot be read from {offset}: {error.args[0].str()}") from error
        self.waiting.discard(place)
        self.held.discard(place)
        self._started.add(place)

    def hold(self, place: Place) -> None:
        """Do not read one partition; it stays assigned."""
        self.waiting.discard(place)
        self._started.discard(place)
        self.held.add(place)
        self.consumer.pause([TopicPartition(*place)])

    def restart(self) -> None:
        """Forget what was fetched: every assigned partition waits to be restored."""
        assigned = self._started | self.held
        self.consumer.pause([TopicPartition(*place) for place in assigned])
        self.waiting |= assigned
        self._started.clear()
        self.held.clear()

    def pause_all(self, paused: bool) -> None:
        """Stop or go on reading, keeping the assignment; True = stop."""
        if paused != self._paused:
            self._paused = paused
            places = [TopicPartition(*place) for place in self._started]
            (self.consumer.pause if paused else self.consumer.resume)(places)

    def close(self) -> None:
        self.consumer.close()

    def abandon(self) -> None:
        """Let go of it aside: a consumer that the group refuses may take 45 s to close."""
        self._on_revoke = lambda _places, _lost: None
        threading.Thread(target=self.consumer.close, daemon=True).start()

    def _assigned(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        for partition in partitions:
            partition.offset = 0  # replaced by `start`; given, so that nothing is looked up
        consumer.incremental_assign(partitions)
        consumer.pause(partitions)
        self.waiting |= {(partition.topic, partition.partition) for partition in partitions if partition.topic in self._topics}
        if not self._joined:
            self._joined = True
            self._subscribe()

    def _revoked(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        self._leave(partitions, lost=False)
        consumer.incremental_unassign(partitions)

    def _lost(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        self._leave(partitions, lost=True)
        consumer.incremental_unassign(partitions)

    def _leave(self, partitions: list[TopicPartition], lost: bool) -> None:
        places = [(partition.topic, partition.partition) for partition in partitions]
        self._on_revoke(places, lost)
        self._started.difference_update(places)
        self.held.difference_update(places)
        self.waiting.difference_update(places)
        self.out_of_reach.difference_update(places)

    def _note(self, message: Message, place: Place) -> None:
        error = message.error()
        if error is None:
            return
        if error.code() == KafkaError._PARTITION_EOF:
            self.ends[place] = message.offset() or 0
        elif error.code() in _FATAL or error.fatal():
            raise Replaced(error.str())
        elif error.code() == KafkaError._AUTO_OFFSET_RESET:
            self.out_of_reach.add(place)
            LOG.error("the hub fell behind the owner's retention: ask the owner for a snapshot", topic=place[0], partition=place[1])
        else:
            LOG.warning("owner topics not readable for now", cause=error.str())


class ListIntake:
    """Reads the partitions of subject lists that it is told to; `start` gives the offsets."""

    def __init__(self, profile: Profile, group: str) -> None:
        self._consumer: Consumer = make_consumer(
            profile,
            **{
                "group.id": group,  # asked for by the client; nobody joins it
                "isolation.level": "read_committed",
                "enable.auto.commit": False,
                "auto.offset.reset": "error",
                "fetch.wait.max.ms": 100,
                "queued.max.messages.kbytes": 16_384,
            },
        )
        self._next: dict[Place, int] = {}
        self._paused = False

    def start(self, offsets: Mapping[Place, int]) -> None:
        """Those that are not read yet."""
        new = {place: offset for place, offset in offsets.items() if place not in self._next}
        self._next |= new
        if new:
            self._assign()

    def stop(self, places: Iterable[Place]) -> None:
        gone = self._next.keys() & set(places)
        for place in gone:
            del self._next[place]
        if gone:
            self._assign()

    def restart(self) -> None:
        """Read nothing until it is started again."""
        self._next.clear()
        self._consumer.unassign()

    def pause_all(self, paused: bool) -> None:
        if paused != self._paused:
            self._paused = paused
            self._assign()

    def take(self, limit: int) -> list[Batch]:
        """What is there now. Raises FatalError where a topic is another than the one that was read."""
        if not self._next or self._paused:
            return []
        by_place: dict[Place, list[Message]] = {}
        for message in take_messages(self._consumer, limit, 0):
            place, error = (str(message.topic()), message.partition() or 0), message.error()
            if error is None:
                if place in self._next:
                    by_place.setdefault(place, []).append(message)
                    self._next[place] = (message.offset() or 0) + 1
            elif error.code() == KafkaError._AUTO_OFFSET_RESET:
                raise FatalError(f"{place[0]} {place[1]} was made anew or lost entries: {error.str()}; restore the topic")
            else:
                LOG.warning("subject lists not readable for now", cause=error.str())
        return _batches(by_place)

    def close(self) -> None:
        self._consumer.close()

    def _assign(self) -> None:
        places = [] if self._paused else [TopicPartition(*place, offset) for place, offset in self._next.items()]
        self._consumer.assign(places)


def _batches(by_place: dict[Place, list[Message]]) -> list[Batch]:
    topics = sorted({topic for topic, _ in by_place})
    return [_batch(topic, [(p, by_place[t, p]) for t, p in sorted(by_place) if t == topic]) for topic in topics]


def _batch(topic: str, parts: list[tuple[int, list[Message]]]) -> Batch:
    messages = [message for _, part in parts for message in part]
    n = len(messages)
    return Batch(
        topic=topic,
        partitions=np.repeat(np.array([p for p, _ in parts], np.int64), [len(part) for _, part in parts]),
        offsets=np.fromiter((message.offset() or 0 for message in messages), np.int64, n),
        timestamps_ms=np.fromiter((message.timestamp()[1] for message in messages), np.int64, n),
        keys=[message.key() for message in messages],
        values=[message.value() for message in messages],
    )
