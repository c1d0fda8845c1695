"""Are the hub's outputs right? Mapped to the job's output form while they are read, and compared with the oracle.

The job's output (out.avsc) is {before, after, op, ts_ms}; a view's envelope begins with the same fields and goes on with `source` and
`copy`. So the mapping cuts a message after `ts_ms`, and the key is the one string in the key record. Nothing is produced again: count
and sum of crc32(key + body) are taken as the peers' checker takes them.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from confluent_kafka import Consumer, KafkaError, TopicPartition

from tests.bench.errors import BenchFailed
from tests.bench.job import Oracle

_HEADER_BYTES = 5
_VIEW_FIELDS = 5  # all strings
_PRESENT = 2  # second branch of a union, as a zigzag number


@dataclass(frozen=True, slots=True)
class Appended:
    """Outputs, and when the broker appended the first and the last of them (Unix time)."""

    outputs: int
    first_s: float
    last_s: float


def job_key(key: bytes) -> bytes:
    """The key as the job has it: the record's only string."""
    size, at = _long(key, _HEADER_BYTES)
    if at + size != len(key):
        raise BenchFailed(f"a message key of {len(key)} bytes is not one string")
    return key[at:]


def job_body(value: bytes) -> bytes:
    """The body as the job has it: `before`, `after`, `op`, `ts_ms`."""
    at = _HEADER_BYTES
    for _ in range(2):
        present = value[at] == _PRESENT
        at += 1
        if present:
            for _ in range(_VIEW_FIELDS):
                size, at = _long(value, at)
                at += size
    size, at = _long(value, at)  # op
    _, at = _long(value, at + size)  # ts_ms
    return value[_HEADER_BYTES:at]


def check_outputs(bootstrap: str, topics: Sequence[str], after: Mapping[tuple[str, int], int], oracle: Oracle) -> Appended:
    """Read the grant topics from the given offsets to their ends. Raises BenchFailed where a grant's count or sum is wrong."""
    counts, sums = dict.fromkeys(topics, 0), dict.fromkeys(topics, 0)
    first = last = 0
    consumer = Consumer(
        {
            "bootstrap.servers": bootstrap,
            "group.id": "bench.check",
            "isolation.level": "read_committed",
            "enable.auto.commit": False,
            "enable.partition.eof": True,
            "fetch.wait.max.ms": 50,
            "queued.min.messages": 100_000,
        }
    )
    waiting = {place for place in after if place[0] in counts}
    consumer.assign([TopicPartition(topic, number, after[topic, number]) for topic, number in waiting])
    try:
        while waiting:
            for message in consumer.consume(10_000, 0.5):
                error, topic = message.error(), message.topic() or ""
                if error is not None:
                    if error.code() != KafkaError._PARTITION_EOF:
                        raise BenchFailed(f"{topic}: {error.str()}")
                    waiting.discard((topic, message.partition() or 0))
                    continue
                counts[topic] += 1
                sums[topic] += zlib.crc32(job_key(message.key() or b"") + job_body(message.value() or b""))
                at = message.timestamp()[1]
                first, last = min(first or at, at), max(last, at)
    finally:
        consumer.close()
    for g, topic in enumerate(topics):
        told, expected = (counts[topic], sums[topic] % 2**64), (oracle.counts[g % 4], oracle.sums[g % 4])
        if told != expected:
            raise BenchFailed(f"{topic}: count and sum are {told}, the oracle says {expected}")
    return Appended(sum(counts.values()), first / 1000, last / 1000)


def _long(content: bytes, at: int) -> tuple[int, int]:
    """An Avro long, and the place behind it."""
    byte = content[at]
    raw, shift, at = byte & 0x7F, 7, at + 1
    while byte & 0x80:
        byte = content[at]
        raw |= (byte & 0x7F) << shift
        shift, at = shift + 7, at + 1
    return (raw >> 1) ^ -(raw & 1), at
