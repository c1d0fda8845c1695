"""Publish: deliveries, dead letters and state go to Kafka, inside the open transaction.

What arrives here is decided; a rejection cannot arrive, its type is another. The output partition is given, so that the
order of a record's deliveries is the order of its changes.
"""

from __future__ import annotations

import hashlib
from itertools import pairwise

from confluent_kafka import KafkaException

from gongyu_hub.policy.compiled import TypePolicy
from gongyu_hub.state.pending import Pending
from gongyu_hub.values import DeadLetter, Deliveries
from gongyu_schemas.errors import KafkaUnavailable
from gongyu_schemas.names import DEAD_LETTER_TOPIC
from gongyu_schemas.transport.clients import make_admin
from gongyu_schemas.transport.profile import Profile
from gongyu_schemas.transport.transactional import TransactionalProducer

#: Of key and value; the topic takes a little more (headers).
MAX_DEAD_LETTER_BYTES = 1_048_588


def count_dead_letter_partitions(profile: Profile) -> int:
    """Raises KafkaUnavailable."""
    admin = make_admin(profile)
    try:
        return len(admin.list_topics(DEAD_LETTER_TOPIC, 10).topics[DEAD_LETTER_TOPIC].partitions)
    except KafkaException as error:
        raise KafkaUnavailable(f"cannot look at {DEAD_LETTER_TOPIC}: {error.args[0].str()}") from error


def publish_deliveries(producer: TransactionalProducer, deliveries: list[Deliveries], policy: TypePolicy) -> int:
    """The number of bytes delivered."""
    size = 0
    for batch in deliveries:
        values = [batch.content[start:end] for start, end in pairwise(batch.starts)]
        producer.produce_many(policy.grants[batch.grant].topic, values, batch.keys, batch.partitions)
        size += batch.starts[-1]
    return size


def publish_state(producer: TransactionalProducer, pending: Pending) -> None:
    """The images, memberships and subjects changed since the last call, to the state topic's partition of the same number."""
    partition = pending.partition
    keys, values = pending.take_changed()
    producer.produce_many(partition.state_topic, values, keys, [partition.number] * len(keys))


def publish_dead_letters(producer: TransactionalProducer, letters: list[DeadLetter], partitions: int) -> None:
    """Whole messages with reason and position in headers; what is wrong is said without record content.

    A compressed batch may bring a message that is larger than the topic takes: of such a one only its digest is kept; the owner
    topic still has it.
    """
    for letter in letters:
        headers: list[tuple[str, str | bytes | None]] = [
            ("gongyu.reason", letter.reason.label),
            ("gongyu.detail", letter.detail),
            ("gongyu.topic", letter.topic),
            ("gongyu.partition", str(letter.partition)),
            ("gongyu.offset", str(letter.offset)),
        ]
        key, value = letter.key, letter.value
        if len(key or b"") + len(value or b"") > MAX_DEAD_LETTER_BYTES:
            headers.append(("gongyu.omitted", f"{len(value or b'')} bytes, SHA-256 {hashlib.sha256(value or b'').hexdigest()}"))
            key = value = None
        producer.produce(DEAD_LETTER_TOPIC, value, key, letter.partition % partitions, headers)
