"""Dead letters as they lie in `hub.dead-letter`: newest first, read backwards a piece at a time, so that a large topic costs no more than
what is shown.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from dataclasses import dataclass

from confluent_kafka import Message
from confluent_kafka.admin import OffsetSpec

from gongyu_hub.operating.partitions import Kafka
from gongyu_schemas.errors import ConfigError
from gongyu_schemas.names import DEAD_LETTER_TOPIC

_PIECE = 2000


@dataclass(frozen=True, slots=True)
class Letter:
    """One rejected message. `position` is its own; topic, partition and offset are the owner's."""

    position: str
    at_ms: int
    reason: str
    detail: str
    topic: str
    partition: int
    offset: int
    omitted: str | None
    key: bytes | None
    value: bytes | None

    @property
    def information_type(self) -> str:
        return self.topic.rpartition(".")[2]


def newest_first(kafka: Kafka, since_ms: int) -> Iterator[Letter]:
    """All dead letters not older than `since_ms`. Raises what Kafka raises."""
    places = [(DEAD_LETTER_TOPIC, number) for number in range(kafka.partitions(DEAD_LETTER_TOPIC))]
    begins, ends = kafka.offsets(places, OffsetSpec.earliest()), kafka.offsets(places, OffsetSpec.latest())
    backwards = [
        _backwards(kafka, number, begins[DEAD_LETTER_TOPIC, number], ends[DEAD_LETTER_TOPIC, number], since_ms) for _, number in places
    ]
    return heapq.merge(*backwards, key=lambda letter: -letter.at_ms)


def _backwards(kafka: Kafka, partition: int, begin: int, end: int, since_ms: int) -> Iterator[Letter]:
    while end > begin:
        start = max(begin, end - _PIECE)
        letters = [read_letter(message) for message in kafka.read_range((DEAD_LETTER_TOPIC, partition), start, end)]
        yield from (letter for letter in reversed(letters) if letter.at_ms >= since_ms)
        if letters and letters[0].at_ms < since_ms:
            return
        end = start


def find(kafka: Kafka, position: str) -> Letter:
    """By its own position. Raises ConfigError."""
    partition, colon, offset = position.partition(":")
    if not colon or not partition.isdecimal() or not offset.isdecimal():
        raise ConfigError(f"{position!r} is no position of a dead letter: PARTITION:OFFSET, as the list of dead letters shows it")
    number, at = int(partition), int(offset)
    if number < kafka.partitions(DEAD_LETTER_TOPIC):
        for message in kafka.read_range((DEAD_LETTER_TOPIC, number), at, at + 1):
            return read_letter(message)
    raise ConfigError(f"there is no dead letter at {position}: it is older than 30 days, or never was")


def read_letter(message: Message) -> Letter:
    headers = {name: value.decode(errors="replace") for name, value in dict(message.headers() or ()).items() if isinstance(value, bytes)}
    return Letter(
        position=f"{message.partition()}:{message.offset()}",
        at_ms=message.timestamp()[1],
        reason=headers.get("gongyu.reason", "unknown"),
        detail=headers.get("gongyu.detail", ""),
        topic=headers.get("gongyu.topic", ""),
        partition=int(headers.get("gongyu.partition", "-1")),
        offset=int(headers.get("gongyu.offset", "-1")),
        omitted=headers.get("gongyu.omitted"),
        key=message.key(),
        value=message.value(),
    )
