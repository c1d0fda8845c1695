"""Follows owner and grant topics while the demo runs: what is published, what arrives, and when.

A thread with a consumer of its own (committed messages only); the main thread reads its counts. It is the independent
reader whose clock the latencies are measured by. If the thread fails, `check` raises what it failed with.
"""

from __future__ import annotations

import threading
import time
from bisect import bisect_left
from collections.abc import Mapping
from types import TracebackType
from typing import Self

from confluent_kafka import KafkaError, TopicPartition

from gongyu_schemas.errors import FatalError
from gongyu_schemas.transport.clients import make_consumer
from gongyu_schemas.transport.profile import Profile

_POLL_S = 0.2
_CLOSE_TIMEOUT_S = 10.0

Place = tuple[str, int]


class Tail:
    """`topics`: number of partitions by topic; all must exist."""

    def __init__(self, profile: Profile, topics: Mapping[str, int]) -> None:
        places = [(topic, partition) for topic, partitions in topics.items() for partition in range(partitions)]
        self._offsets: dict[Place, list[int]] = {place: [] for place in places}
        self._times: dict[tuple[str, int, int], float] = {}
        self._counts = dict.fromkeys(topics, 0)
        self._first: dict[str, float] = {}
        self._last: dict[str, float] = {}
        self._failure: KafkaError | None = None
        self._stopping = threading.Event()
        self._consumer = make_consumer(
            profile,
            **{
                "group.id": "gongyu-demo",
                "enable.auto.commit": False,
                "isolation.level": "read_committed",
                "auto.offset.reset": "earliest",
                "fetch.wait.max.ms": 50,
            },
        )
        self._consumer.assign([TopicPartition(topic, partition, 0) for topic, partition in places])
        self._thread = threading.Thread(target=self._follow, name="tail", daemon=True)

    def count(self, topic: str) -> int:
        """Messages with a key read so far (a marker has none)."""
        return self._counts[topic]

    def first_at(self, topic: str) -> float | None:
        """When the first message with a key arrived (seconds since 1970)."""
        return self._first.get(topic)

    def last_at(self, topic: str) -> float | None:
        """When the newest message with a key arrived."""
        return self._last.get(topic)

    def arrived_at(self, topic: str, partition: int, offset: int) -> float | None:
        """When this message arrived; None if it has not been read."""
        return self._times.get((topic, partition, offset))

    def ends(self, topic: str) -> dict[int, int]:
        """By partition, the offset behind the last message read."""
        return {partition: offsets[-1] + 1 if offsets else 0 for (name, partition), offsets in self._offsets.items() if name == topic}

    def behind(self, topic: str, committed: Mapping[int, int]) -> int:
        """How many messages read so far lie at or behind these offsets."""
        places = ((offsets, committed.get(partition, 0)) for (name, partition), offsets in self._offsets.items() if name == topic)
        return sum(len(offsets) - bisect_left(offsets, offset) for offsets, offset in places)

    def check(self) -> None:
        """Raises FatalError if the thread has failed."""
        if self._failure is not None:
            raise FatalError(f"the demo's own reader failed: {self._failure.str()}")

    def _follow(self) -> None:
        while not self._stopping.is_set():
            message = self._consumer.poll(_POLL_S)
            if message is None:
                continue
            now, error = time.time(), message.error()
            if error is None:
                self._take(message.topic() or "", message.partition() or 0, message.offset() or 0, now, marker=message.key() is None)
            elif error.fatal():
                self._failure = error
                return

    def _take(self, topic: str, partition: int, offset: int, now: float, *, marker: bool) -> None:
        self._offsets[topic, partition].append(offset)
        if not marker:
            self._times[topic, partition, offset] = self._last[topic] = now
            self._counts[topic] += 1
            self._first.setdefault(topic, now)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None) -> None:
        self._stopping.set()
        self._thread.join(_CLOSE_TIMEOUT_S)
        self._consumer.close()
