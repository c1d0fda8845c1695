"""Settle: one Kafka transaction from begin to commit, and what moves forward after it.

Algorithm:
1. `pending(place)` begins the transaction on first use and takes the group's metadata *then*: a worker that loses a partition
   in between carries the old generation and is fenced when it sends offsets.
2. The stages fill the pendings and the producer.
3. `commit` writes each touched partition's progress record, sends offsets for *every* touched partition, of its owner topic and of
   its subject lists, even where nothing was delivered, and commits. Only then do stores, progress and metrics move.
4. On any failure everything since the begin is thrown away; the caller restores the partitions as on assignment.
"""

from __future__ import annotations

import time
from collections.abc import Mapping

from confluent_kafka import Consumer, KafkaError, Message, TopicPartition

from gongyu_hub.observe.metrics import GrantCounts, Metrics
from gongyu_hub.policy.compiled import TypePolicy
from gongyu_hub.settings import Settings
from gongyu_hub.state.pending import Partition, Pending
from gongyu_hub.state.records import PROGRESS_KEY
from gongyu_hub.values import Decision, Place
from gongyu_schemas.transport.transactional import TransactionalProducer


class Transaction:
    """The open transaction, or none. `bytes`: delivered in it so far. `consumer`: the member of the group whose offsets it sends."""

    def __init__(self, producer: TransactionalProducer, consumer: Consumer, metrics: Metrics, settings: Settings) -> None:
        self.producer = producer
        self.consumer = consumer
        self.bytes = 0
        self._decided: dict[str, GrantCounts] = {}
        self._metrics = metrics
        self._settings = settings
        self._pendings: dict[Place, Pending] = {}
        self._group_metadata: object = None
        self._began = 0.0

    @property
    def is_open(self) -> bool:
        return bool(self._pendings)

    def is_due(self, *, busy: bool) -> bool:
        """Whether to commit: at once when nothing more is waiting; under load after the interval or enough bytes."""
        if not self.is_open:
            return False
        late = time.monotonic() - self._began >= self._settings.commit_interval_s
        return not busy or late or self.bytes >= self._settings.commit_bytes

    def pending(self, partition: Partition) -> Pending:
        """The pending of a partition; begins the transaction if none is open."""
        if not self._pendings:
            self.producer.begin()
            self._group_metadata = self.consumer.consumer_group_metadata()
            self._began, self.bytes = time.monotonic(), 0
        place = (partition.topic, partition.number)
        if place not in self._pendings:
            self._pendings[place] = Pending(partition)
        return self._pendings[place]

    def count(self, policy: TypePolicy, decisions: list[Decision]) -> None:
        """Kept until the commit: decisions of a lost transaction are never counted."""
        topic = policy.manifest.topic
        if topic not in self._decided:
            self._decided[topic] = GrantCounts(policy)
        self._decided[topic].add(decisions)

    def commit(self) -> None:
        """Raises TransactionLost (everything since the begin is to be done again) or Fenced."""
        if not self._pendings:
            return
        pendings, decided, began = self._pendings, self._decided, time.monotonic()
        self.forget()
        for pending in pendings.values():
            self._publish_progress(pending)
        self.producer.commit(_offsets(pendings), self._group_metadata)
        for pending in pendings.values():
            pending.settle()
            self._metrics.settled(pending)
        self._metrics.committed(time.monotonic() - began, decided)

    def _publish_progress(self, pending: Pending) -> None:
        """Last of the transaction in its state partition: its delivery tells up to where the store will reflect the topic."""

        def delivered(error: KafkaError | None, message: Message) -> None:
            if error is None:
                pending.last_state_offset = message.offset() or 0

        state_topic, number = pending.partition.state_topic, pending.partition.number
        self.producer.produce(state_topic, pending.progress.encode(), PROGRESS_KEY, number, on_delivery=delivered)

    def forget(self) -> None:
        """Drop what is open, without asking Kafka: the caller makes a new producer, or its transaction is already lost."""
        self._pendings, self._decided = {}, {}


def _offsets(pendings: Mapping[Place, Pending]) -> list[TopicPartition]:
    offsets = []
    for (topic, number), pending in pendings.items():
        offsets.append(TopicPartition(topic, number, pending.progress.cursor))
        if pending.partition.subjects_topic is not None:
            offsets.append(TopicPartition(pending.partition.subjects_topic, number, pending.progress.subjects))
    return offsets
