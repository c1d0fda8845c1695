"""One of several receivers of a grant: the consumer group says which partitions are this one's.

Leaves partitions that `wait` to be started from their stored position, and events to count. A partition that the group
assigns is paused until `start`, so nothing of it is read before its position is known; one that is taken away is gone at
once, and what was fetched of it before no longer counts (`take_gone`).
Decision: cooperative-sticky, so that receivers that keep their partitions go on while others come and go; no static
membership, because receivers of one target need no names then.
"""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Iterable

from confluent_kafka import Consumer, KafkaException, TopicPartition

LOG = logging.getLogger("gongyu.subscriber")

GROUP_SETTINGS = {
    "partition.assignment.strategy": "cooperative-sticky",
    "enable.auto.offset.store": False,
    # The least that Kafka's default broker takes: partitions of a killed receiver wait for it.
    "session.timeout.ms": 6_000,
    "heartbeat.interval.ms": 1_000,
}
#: A receiver whose write was refused because another one has claimed the partition waits so long before it claims it again.
_FENCED_PAUSE_S = 1.0


class Membership:
    """Subscribes at once; nothing is handed out of a partition before its `start`."""

    def __init__(self, consumer: Consumer, topic: str) -> None:
        self._consumer, self._topic = consumer, topic
        self._waiting: dict[int, float] = {}
        self._started: set[int] = set()
        self._gone: set[int] = set()
        self._rebalances: Counter[str] = Counter()
        consumer.subscribe([topic], on_assign=self._assigned, on_revoke=self._revoked, on_lost=self._lost)

    def waiting(self) -> tuple[int, ...]:
        """Partitions to be claimed and started now."""
        now = time.monotonic()
        return tuple(sorted(partition for partition, since in self._waiting.items() if since <= now))

    def take_gone(self) -> frozenset[int]:
        """Partitions taken away since the last call; one may be waiting again."""
        gone, self._gone = frozenset(self._gone), set()
        return gone

    def take_rebalances(self) -> Counter[str]:
        """Partitions assigned, revoked, lost, and fenced (claimed by another receiver) since the last call."""
        taken, self._rebalances = self._rebalances, Counter()
        return taken

    def start(self, partition: int, offset: int) -> bool:
        """Read a claimed partition from its position; False where the group takes it away meanwhile."""
        where = TopicPartition(self._topic, partition, offset)
        try:
            self._consumer.seek(where)
            self._consumer.resume([where])
        except KafkaException:
            self._waiting[partition] = time.monotonic() + _FENCED_PAUSE_S
            return False
        self._waiting.pop(partition, None)
        self._started.add(partition)
        return True

    def fence(self, partitions: Iterable[int]) -> None:
        """Another receiver claimed these: stop reading them, and claim them again later if the group still says they are ours."""
        for partition in self._started.intersection(partitions):
            LOG.warning("partition %d was claimed by another receiver; nothing of the last batch of it was written here", partition)
            self._rebalances["fenced"] += 1
            self._consumer.pause([TopicPartition(self._topic, partition)])
            self._started.discard(partition)
            self._gone.add(partition)
            self._waiting[partition] = time.monotonic() + _FENCED_PAUSE_S

    def _assigned(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        for partition in partitions:
            partition.offset = 0  # replaced by `start`; given, so that nothing is looked up
        consumer.incremental_assign(partitions)
        if partitions:
            consumer.pause(partitions)
        self._note("assigned", partitions)
        self._waiting.update({partition.partition: 0.0 for partition in partitions})

    def _revoked(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        self._leave("revoked", consumer, partitions)

    def _lost(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        self._leave("lost", consumer, partitions)

    def _leave(self, how: str, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        numbers = {partition.partition for partition in partitions}
        self._note(how, partitions)
        self._started -= numbers
        self._gone |= numbers
        for number in numbers:
            self._waiting.pop(number, None)
        consumer.incremental_unassign(partitions)

    def _note(self, how: str, partitions: list[TopicPartition]) -> None:
        if partitions:
            self._rebalances[how] += len(partitions)
            LOG.info("partitions %s: %s", how, ", ".join(str(each.partition) for each in sorted(partitions, key=lambda p: p.partition)))
