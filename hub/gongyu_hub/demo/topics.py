"""Reads whole topics and the hub's committed offsets for the self-check.

Enters a profile that may read everything; leaves messages as Kafka carries them, committed ones only. A topic is read up
to the end that it had when reading began (asked as read_uncommitted, so that a transaction still open there is waited
for). Raises KafkaUnavailable when that end is not reached in time.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

from confluent_kafka import ConsumerGroupTopicPartitions, IsolationLevel, KafkaError, KafkaException, Message, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec

from gongyu_schemas.errors import KafkaUnavailable
from gongyu_schemas.names import HUB_GROUP
from gongyu_schemas.transport.clients import make_admin, make_consumer
from gongyu_schemas.transport.profile import Profile

_CHUNK = 10_000
_POLL_S = 0.05
_CALL_TIMEOUT_S = 10.0

Place = tuple[str, int]


class Topics:
    """All topics of one cluster, seen by one principal."""

    def __init__(self, profile: Profile) -> None:
        self._profile = profile
        self._admin: AdminClient = make_admin(profile)
        self._consumer = make_consumer(
            profile,
            **{
                "group.id": "gongyu-check",
                "enable.auto.commit": False,
                "enable.partition.eof": True,
                "isolation.level": "read_committed",
                "auto.offset.reset": "error",
                "fetch.wait.max.ms": 50,
            },
        )

    def partitions(self) -> dict[str, int]:
        """The number of partitions of each topic, by name. Raises KafkaUnavailable."""
        try:
            topics = self._admin.list_topics(timeout=_CALL_TIMEOUT_S).topics
        except KafkaException as error:
            raise KafkaUnavailable(f"Kafka at {self._profile.bootstrap} does not answer: {error}") from error
        return {name: len(metadata.partitions) for name, metadata in topics.items()}

    def read(self, topics: Mapping[str, int], timeout_s: float = 60.0) -> dict[str, list[Message]]:
        """Every committed message of these topics (name -> partitions), in order per partition. Raises KafkaUnavailable."""
        ends = self._ends(topics)
        messages: dict[str, list[Message]] = {topic: [] for topic in topics}
        behind = {place for place, end in ends.items() if end > 0}
        self._consumer.assign([TopicPartition(topic, partition, 0) for topic, partition in behind])
        deadline = time.monotonic() + timeout_s
        while behind:
            for message in self._consumer.consume(_CHUNK, _POLL_S):
                place, error = _place(message), message.error()
                if error is None:
                    messages[place[0]].append(message)
                elif error.code() != KafkaError._PARTITION_EOF:
                    raise KafkaUnavailable(f"{place[0]} cannot be read: {error.str()}")
                elif (message.offset() or 0) >= ends[place]:
                    behind.discard(place)
            if time.monotonic() > deadline:
                places = ", ".join(f"{topic} [{partition}]" for topic, partition in sorted(behind))
                raise KafkaUnavailable(f"{places}: the end was not reached in {timeout_s:.0f} s: a transaction stays open there")
        self._consumer.unassign()
        return messages

    def _ends(self, topics: Mapping[str, int]) -> dict[Place, int]:
        """The true high watermarks; a read_committed consumer would be told the last stable offsets."""
        asked = {TopicPartition(topic, p): OffsetSpec.latest() for topic, partitions in topics.items() for p in range(partitions)}
        if not asked:
            return {}
        answers = self._admin.list_offsets(asked, isolation_level=IsolationLevel.READ_UNCOMMITTED)
        return {(place.topic, place.partition): answer.result(_CALL_TIMEOUT_S).offset for place, answer in answers.items()}

    def committed(self, topic: str, partitions: int) -> dict[int, int]:
        """The hub's committed offset of each partition, 0 where it has none."""
        asked = ConsumerGroupTopicPartitions(HUB_GROUP, [TopicPartition(topic, p) for p in range(partitions)])
        answer = self._admin.list_consumer_group_offsets([asked])[HUB_GROUP].result(_CALL_TIMEOUT_S)
        return {each.partition: max(each.offset, 0) for each in answer.topic_partitions or ()}

    def close(self) -> None:
        """Let go of the broker."""
        self._consumer.close()


def wait_until(done: Callable[[], bool], timeout_s: float, interval_s: float = 0.1) -> bool:
    """Whether it was done before the time was over."""
    deadline = time.monotonic() + timeout_s
    while not done():
        if time.monotonic() > deadline:
            return False
        time.sleep(interval_s)
    return True


def _place(message: Message) -> Place:
    return message.topic() or "", message.partition() or 0
