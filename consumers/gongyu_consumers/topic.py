"""A grant's topic as its subscriber sees it: found, watermarks asked, partitions assigned, messages polled.

Partitions are assigned explicitly (`assign`), or by the group that several receivers of one target are in (`join`).

Leaves messages visible to read_committed readers, in order per partition, and the offset behind what was read (control
records included). Goes wrong, always with a text that says what to do: unreachable Kafka, refused credentials or
rights (KafkaUnavailable), offsets that the topic no longer has (DataRejected).
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterable, Mapping
from concurrent.futures import TimeoutError as FutureTimeout
from dataclasses import dataclass
from typing import Any

from confluent_kafka import Consumer, IsolationLevel, KafkaError, KafkaException, Message, TopicCollection, TopicPartition
from confluent_kafka.admin import OffsetSpec

from gongyu_consumers.ended import GrantEnded, end_of
from gongyu_consumers.membership import GROUP_SETTINGS, Membership
from gongyu_consumers.sinks.sink import Identity
from gongyu_schemas.errors import ConfigError, CredentialsRefused, DataRejected, FatalError, KafkaUnavailable
from gongyu_schemas.names import grant_topic, subscriber_group_prefix, subscriber_user
from gongyu_schemas.transport.clients import make_admin, make_consumer, require_connection
from gongyu_schemas.transport.profile import Profile

LOG = logging.getLogger("gongyu.subscriber")

_CONNECT_S = 10.0
_REQUEST_S = 10.0
_RETRY_S = 0.2
_NO_COORDINATOR = frozenset(
    {KafkaError.NOT_COORDINATOR, KafkaError.COORDINATOR_NOT_AVAILABLE, KafkaError.COORDINATOR_LOAD_IN_PROGRESS, KafkaError._WAIT_COORD}
)
#: Consumer.close can hang (45 s seen after its credentials were deleted): it is given this long, then left behind.
_CLOSE_S = 5.0
#: Credentials refused for so long, without a longer pause between two refusals, are refused for good.
_REFUSED_S = 10.0
_REFUSAL_GAP_S = 30.0
_BATCH = 5_000
_LOW_AND_HIGH = OffsetSpec.earliest(), OffsetSpec.latest()
_NO_RIGHT = frozenset({KafkaError.TOPIC_AUTHORIZATION_FAILED, KafkaError.GROUP_AUTHORIZATION_FAILED})
_NO_TOPIC = frozenset({KafkaError.UNKNOWN_TOPIC_OR_PART, KafkaError._UNKNOWN_TOPIC, KafkaError._UNKNOWN_PARTITION})
_OUT_OF_RANGE = frozenset({KafkaError._AUTO_OFFSET_RESET, KafkaError.OFFSET_OUT_OF_RANGE})
#: A commit that meets a rebalance; the next one tells the same.
_REBALANCING = frozenset({KafkaError.REBALANCE_IN_PROGRESS, KafkaError.ILLEGAL_GENERATION, KafkaError.UNKNOWN_MEMBER_ID})


@dataclass(frozen=True, slots=True)
class Extent:
    """What one partition holds: [low, high), where `high` counts open transactions too."""

    low: int
    high: int


def subscriber_of(profile: Profile) -> str:
    prefix = subscriber_user("")
    if not profile.user.startswith(prefix):
        raise ConfigError(f"the profile is of user {profile.user!r}; a subscriber's is named {prefix}NAME")
    return profile.user.removeprefix(prefix)


class GrantTopic:
    """One consumer on one grant's topic: connected at once, `open` before anything is read.

    `down_since`: when all brokers were lost, as `time.monotonic` tells; None while they are there.
    """

    def __init__(self, profile: Profile, grant: str) -> None:
        subscriber = subscriber_of(profile)
        self.name = grant_topic(subscriber, grant)
        self._profile = profile
        require_connection(profile, _CONNECT_S)
        self._admin = make_admin(profile)
        topic_id, self.partitions = self._describe()
        self.identity = Identity(subscriber, grant, self.name, topic_id, self._admin.cluster_id(_REQUEST_S))
        self.extents = self.ask_extents(self.partitions)
        self._refusals: tuple[float, float] | None = None
        self.down_since: float | None = None
        self._commit_failed = False
        self._consumer: Consumer | None = None

    def open(self, group: str, **settings: Any) -> Consumer:
        """`group` is the consumer group's name behind the subscriber's prefix."""
        self._consumer = make_consumer(
            self._profile,
            **{
                "group.id": subscriber_group_prefix(self.identity.subscriber) + group,
                "isolation.level": "read_committed",
                "enable.auto.commit": False,
                "enable.partition.eof": True,
                "auto.offset.reset": "error",
                "fetch.queue.backoff.ms": 10,
                "error_cb": self._note_error,
                "on_commit": self._note_commit,
                **settings,
            },
        )
        return self._consumer

    def join(self, group: str) -> Membership:
        """Open as one of several receivers: the group says which partitions are whose."""
        return Membership(self.open(group, **GROUP_SETTINGS), self.name)

    def committed(self) -> dict[int, int]:
        """The group's offsets. Raises KafkaUnavailable where it may not be read."""
        deadline = time.monotonic() + _REQUEST_S
        while True:
            try:
                found = self._opened.committed([TopicPartition(self.name, p) for p in self.partitions], _REQUEST_S)
                break
            except KafkaException as error:
                # A group's first question may reach a broker that is only just becoming its coordinator.
                if error.args[0].code() not in _NO_COORDINATOR or time.monotonic() > deadline:
                    raise self._unavailable(error.args[0]) from error
                time.sleep(_RETRY_S)
        return {each.partition: each.offset for each in found if each.offset >= 0}

    def assign(self, positions: Mapping[int, int]) -> None:
        self._opened.assign([TopicPartition(self.name, p, offset) for p, offset in positions.items()])

    def poll(self, timeout_s: float) -> tuple[list[Message], dict[int, int]]:
        """Messages, and the offset behind the last thing seen per partition. Waits only for the first one."""
        consumer = self._opened
        first = consumer.poll(timeout_s)
        self._require_credentials()
        if first is None:
            return [], {}
        messages, positions = [], {}
        for message in (first, *consumer.consume(_BATCH - 1, 0)):
            error = message.error()
            if error is not None and error.code() != KafkaError._PARTITION_EOF:
                self._require_passing(error)
                continue
            partition, offset = message.partition(), message.offset()
            if partition is None or offset is None:
                continue  # an event of the client as a whole
            if error is None:
                messages.append(message)
                offset += 1
            positions[partition] = offset
        if positions and self.down_since is not None:
            LOG.info("Kafka is back after %.0f s", time.monotonic() - self.down_since)
            self.down_since = None
        return messages, positions

    def show_lag(self, positions: Mapping[int, int]) -> None:
        """Commit to the group, for lag monitoring only; nothing waits for it or depends on it."""
        try:
            self._opened.commit(offsets=self._offsets(positions), asynchronous=True)
        except KafkaException as error:
            self._note_commit(error.args[0], [])

    def commit(self, positions: Mapping[int, int]) -> None:
        """Commit to the group and wait. Raises KafkaUnavailable."""
        try:
            self._opened.commit(offsets=self._offsets(positions), asynchronous=False)
        except KafkaException as error:
            raise self._unavailable(error.args[0]) from error

    def lags(self, positions: Mapping[int, int]) -> dict[int, int]:
        """Messages (and control records) between each position and the end that the last fetch told."""
        lags = {}
        for partition, offset in positions.items():
            _, high = self._opened.get_watermark_offsets(TopicPartition(self.name, partition), cached=True)
            lags[partition] = max(0, high - offset)
        return lags

    def close(self) -> None:
        """Bounded in time, whatever the connection's state."""
        if self._consumer is None:
            return
        closing = threading.Thread(target=self._consumer.close, name="close-consumer", daemon=True)
        closing.start()
        closing.join(_CLOSE_S)

    @property
    def _opened(self) -> Consumer:
        if self._consumer is None:
            raise FatalError("a topic is opened before it is read; report this")
        return self._consumer

    def _offsets(self, positions: Mapping[int, int]) -> list[TopicPartition]:
        return [TopicPartition(self.name, partition, offset) for partition, offset in positions.items()]

    def _describe(self) -> tuple[str, tuple[int, ...]]:
        try:
            asked = self._admin.describe_topics(TopicCollection([self.name]), request_timeout=_REQUEST_S)
            found = asked[self.name].result(_REQUEST_S)
        except KafkaException as error:
            raise self._unavailable(error.args[0]) from error
        except FutureTimeout as error:
            raise KafkaUnavailable(f"Kafka at {self._profile.bootstrap} does not describe topic {self.name} in time") from error
        return str(found.topic_id), tuple(sorted(partition.id for partition in found.partitions))

    def ask_extents(self, partitions: Iterable[int]) -> dict[int, Extent]:
        """The true ends: a read_committed consumer would be told the last stable offset."""
        ends: list[dict[int, int]] = []
        for spec in _LOW_AND_HIGH:
            wanted = {TopicPartition(self.name, p): spec for p in partitions}
            futures = self._admin.list_offsets(wanted, isolation_level=IsolationLevel.READ_UNCOMMITTED, request_timeout=_REQUEST_S)
            try:
                ends.append({place.partition: future.result(_REQUEST_S).offset for place, future in futures.items()})
            except KafkaException as error:
                raise self._unavailable(error.args[0]) from error
            except FutureTimeout as error:
                raise KafkaUnavailable(f"Kafka at {self._profile.bootstrap} does not tell the extent of {self.name} in time") from error
        return {p: Extent(ends[0][p], ends[1][p]) for p in ends[0]}

    def _unavailable(self, error: KafkaError) -> KafkaUnavailable | GrantEnded:
        if error.code() in _NO_RIGHT or error.code() in _NO_TOPIC:
            ended = end_of(self._profile, self.name.rpartition(".")[2])
            if ended is not None:
                return ended
            return KafkaUnavailable(
                f"{self._profile.user!r} may not read topic {self.name}, or there is no such topic: "
                "the grant does not exist, is not in force yet, or was ended; ask the hub"
            )
        return KafkaUnavailable(f"Kafka, topic {self.name}: {error.name()}: {error.str()}")

    def _require_passing(self, error: KafkaError) -> None:
        """Return where the client mends it by itself."""
        if error.code() in _NO_RIGHT or error.code() in _NO_TOPIC:
            raise self._unavailable(error)
        if error.code() in _OUT_OF_RANGE:
            raise DataRejected(
                f"{self.name}: the next offset is no longer in the topic (retention passed it, or the topic was cut): "
                "ask the hub for a resync and start again with a new target, or give --from-anywhere"
            )
        if error.fatal():
            raise KafkaUnavailable(f"Kafka, topic {self.name}: {error.name()}: {error.str()}")

    def _note_error(self, error: KafkaError) -> None:
        now = time.monotonic()
        if error.code() == KafkaError._AUTHENTICATION:
            since, last = self._refusals or (now, now)
            self._refusals = (since, now) if now - last < _REFUSAL_GAP_S else (now, now)
        elif error.code() == KafkaError._ALL_BROKERS_DOWN and self.down_since is None:
            self.down_since = now
            LOG.warning("Kafka at %s cannot be reached; waiting for it", self._profile.bootstrap)

    def _require_credentials(self) -> None:
        if self._refusals is not None and self._refusals[1] - self._refusals[0] > _REFUSED_S:
            raise CredentialsRefused(f"Kafka at {self._profile.bootstrap} no longer accepts user {self._profile.user!r}; check the profile")

    def _note_commit(self, error: KafkaError | None, _offsets: Any) -> None:
        if error is not None and error.code() not in _REBALANCING and not self._commit_failed:
            self._commit_failed = True
            LOG.warning("positions are not shown in the Kafka group (%s); nothing depends on them", error.name())
