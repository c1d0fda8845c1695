"""Reading and writing `hub.policy` as its only writer.

`read_policy_topic` gives what is there at start, so that a lost publication is repeated and a foreign or newer policy is
refused instead of overwritten. `PolicyWriter.publish` returns only when every record is acknowledged by all replicas.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

from confluent_kafka import OFFSET_BEGINNING, KafkaError, KafkaException, Message, Producer, TopicPartition

from gongyu_hub.policy.records import HEARTBEAT_KEY, Heartbeat
from gongyu_schemas.errors import KafkaUnavailable
from gongyu_schemas.names import POLICY_TOPIC
from gongyu_schemas.transport.clients import make_consumer, make_producer
from gongyu_schemas.transport.profile import Profile

_TIMEOUT_S = 30.0
_PASSING = frozenset({KafkaError._TRANSPORT, KafkaError._ALL_BROKERS_DOWN, KafkaError._MAX_POLL_EXCEEDED, KafkaError._RESOLVE})


def read_policy_topic(profile: Profile) -> dict[bytes, bytes]:
    """The newest value of every key. Raises KafkaUnavailable."""
    # The administrator needs no group; the name is asked for by the client and never used to commit.
    consumer = make_consumer(profile, **{"group.id": "hub.control", "enable.auto.commit": False, "enable.partition.eof": True})
    newest: dict[bytes, bytes] = {}
    try:
        consumer.assign([TopicPartition(POLICY_TOPIC, 0, OFFSET_BEGINNING)])
        deadline = time.monotonic() + _TIMEOUT_S
        while time.monotonic() < deadline:
            if _take(consumer.consume(10_000, 0.2), newest):
                return newest
    except KafkaException as error:
        raise KafkaUnavailable(f"{POLICY_TOPIC} cannot be read: {error.args[0].str()}") from error
    finally:
        consumer.close()
    raise KafkaUnavailable(f"{POLICY_TOPIC} could not be read to its end within {_TIMEOUT_S:.0f} s")


def _take(messages: list[Message], newest: dict[bytes, bytes]) -> bool:
    """Whether the end was reached. Errors that pass by themselves are waited out."""
    for message in messages:
        error = message.error()
        if error is None:
            newest[message.key() or b""] = message.value() or b""
        elif error.code() == KafkaError._PARTITION_EOF:
            return True
        elif error.code() not in _PASSING:
            raise KafkaException(error)
    return False


def next_sequence(newest: dict[bytes, bytes]) -> int:
    """The heartbeats' count goes on over restarts."""
    last = newest.get(HEARTBEAT_KEY)
    return 1 if last is None else Heartbeat.model_validate_json(last).sequence + 1


class PolicyWriter:
    """Keeps its connection: a new one would be half a second late (librdkafka waits so long before it asks for its producer id again)."""

    def __init__(self, profile: Profile) -> None:
        self._profile = profile
        self._producer: Producer | None = None

    def connect(self) -> None:
        """Without waiting for it."""
        if self._producer is None:
            self._producer = make_producer(self._profile, **{"acks": "all", "linger.ms": 0, "message.timeout.ms": int(_TIMEOUT_S * 1000)})

    def publish(self, records: Sequence[tuple[bytes, bytes]]) -> None:
        """Write in this order. Raises KafkaUnavailable where not every record is known to be written; writing again is harmless."""
        failures: list[KafkaError] = []

        def note(error: KafkaError | None, _message: Message) -> None:
            if error is not None:
                failures.append(error)

        self.connect()
        producer, self._producer = self._producer, None  # used again only where all went well
        assert producer is not None  # noqa: S101 - made by `connect`
        try:
            for key, value in records:
                producer.produce(POLICY_TOPIC, value, key, partition=0, on_delivery=note)
                producer.poll(0)
            waiting = producer.flush(_TIMEOUT_S)
        except (BufferError, KafkaException) as error:
            raise KafkaUnavailable(f"the policy could not be published: {error}") from error
        if failures or waiting:
            cause = failures[0].str() if failures else "no answer in time"
            raise KafkaUnavailable(f"the policy could not be published: {cause}")
        self._producer = producer
