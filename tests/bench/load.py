"""Fill an owner topic of the hub from a file of pairs."""

from __future__ import annotations

from pathlib import Path

from confluent_kafka import KafkaError, Message, Producer

from tests.bench.errors import BenchFailed
from tests.bench.job import read_pairs

_FLUSH_S = 120.0


def load(bootstrap: str, topic: str, pairs: Path, key_header: bytes, value_header: bytes) -> None:
    """As an owner sends them: by key, with Java's partitioner. Settings as in the peers' loader."""
    failed: list[str] = []

    def delivered(error: KafkaError | None, _message: Message) -> None:
        if error is not None:
            failed.append(error.str())

    producer = Producer(
        {
            "bootstrap.servers": bootstrap,
            "enable.idempotence": True,
            "linger.ms": 20,
            "batch.size": 262_144,
            "partitioner": "murmur2_random",
            "queue.buffering.max.messages": 200_000,
            "queue.buffering.max.kbytes": 262_144,
            "delivery.report.only.error": True,
            "on_delivery": delivered,
        }
    )
    for number, (key, value) in enumerate(read_pairs(pairs)):
        while True:
            try:
                producer.produce(topic, value_header + value, key_header + key)
                break
            except BufferError:
                producer.poll(0.05)
        if number % 2000 == 0:
            producer.poll(0)
    left = producer.flush(_FLUSH_S)
    if left or failed:
        raise BenchFailed(f"{topic}: {left} messages not delivered, {len(failed)} failed: {failed[:1]}")
