"""Which control plane is this Kafka's: the one that claimed it last.

A claim is a record of `hub.control`, written in a transaction under the one transactional id of control planes. Opening that id cuts off
whoever had it, together with what a killed one still had on its way. But a producer that lost a transaction opens the id anew as well
(`TransactionalProducer`), also where the loss was that another control plane had taken it. So after every loss the claims are read to
their end before anything is written: the newest one counts, and who finds another's behind its own stops for good. A claim that is cut
off half-way is made again, so of two control planes the one that started last stays.
"""

from __future__ import annotations

import secrets
import time

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, Message, TopicPartition

from gongyu_schemas.errors import FatalError, KafkaUnavailable
from gongyu_schemas.names import CONTROL_TOPIC
from gongyu_schemas.transport.clients import make_consumer
from gongyu_schemas.transport.profile import Profile
from gongyu_schemas.transport.transactional import TransactionalProducer

_KEY = b"control plane"
_TIMEOUT_S = 10.0
_AT_ONCE = 1000


class Replaced(FatalError):
    """Another control plane has claimed this Kafka later."""


class Claim:
    """This process's. `made`: whether it is known to be on Kafka."""

    def __init__(self, profile: Profile) -> None:
        self.made = False
        self._name = secrets.token_hex(8).encode()
        self._seen = self._replaced = False  # its own record; another's behind it
        self._next = 0
        settings = {"auto.offset.reset": "earliest", "enable.partition.eof": True, "isolation.level": "read_committed"}
        # The administrator needs no group; the name is asked for by the client and never used to commit.
        self._consumer: Consumer = make_consumer(profile, **{"group.id": "hub.control", "enable.auto.commit": False, **settings})
        self._place = TopicPartition(CONTROL_TOPIC, 0, OFFSET_BEGINNING)
        self._consumer.assign([self._place])

    def make(self, producer: TransactionalProducer) -> None:
        """Raises what the producer raises: then it may or may not be on Kafka, and is made again."""
        producer.begin()
        producer.produce(CONTROL_TOPIC, self._name, _KEY, 0)
        producer.commit()
        self.made = True

    def look(self) -> None:
        """Take in the claims that have come. Raises Replaced."""
        for message in self._consumer.consume(_AT_ONCE, 0):
            self._take(message)
        self._require()

    def confirm(self) -> None:
        """Take in every claim that there is now. Raises Replaced, or KafkaUnavailable where they cannot be read."""
        deadline = time.monotonic() + _TIMEOUT_S
        try:
            _, end = self._consumer.get_watermark_offsets(self._place, timeout=_TIMEOUT_S, cached=False)
            while self._next < end:
                for message in self._consumer.consume(_AT_ONCE, 0.1):
                    self._take(message)
                if time.monotonic() > deadline:
                    raise KafkaUnavailable(f"{CONTROL_TOPIC} cannot be read to its end")
        except KafkaException as error:
            raise KafkaUnavailable(f"{CONTROL_TOPIC} cannot be read: {error.args[0].str()}") from error
        self._require()

    def close(self) -> None:
        self._consumer.close()

    def _take(self, message: Message) -> None:
        error, offset = message.error(), message.offset() or 0
        if error is None:
            self._next = offset + 1
            self._replaced = self._seen and message.value() != self._name
            self._seen = self._seen or message.value() == self._name
        elif error.code() == KafkaError._PARTITION_EOF:
            self._next = max(self._next, offset)

    def _require(self) -> None:
        if self._replaced:
            raise Replaced(
                "another control plane was started on this Kafka later and is the hub's now: this one tells the hub nothing more; "
                "stop it (or, if it is the right one, stop the other and start this one again)"
            )
