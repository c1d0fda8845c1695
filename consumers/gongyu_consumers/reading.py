"""Reading a grant: the topic and its schemas together, from stored positions, in batches.

Says so, instead of jumping silently, when a reader cannot know what it missed: stored positions behind retention or
beyond the topic's end, or no begin of a copy up to the end that the topic had at the start (DataRejected).
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass

from gongyu_consumers.copies import Copies
from gongyu_consumers.decode import decode
from gongyu_consumers.delivery import Delivery
from gongyu_consumers.schemas import Schemas
from gongyu_consumers.sinks.sink import Shape
from gongyu_consumers.topic import Extent, GrantTopic
from gongyu_schemas.errors import DataRejected
from gongyu_schemas.transport.clients import make_registry
from gongyu_schemas.transport.profile import Profile

LOG = logging.getLogger("gongyu.subscriber")

_ADVICE = "ask the hub for a resync, or give --from-anywhere to take what there is"


@dataclass(frozen=True, slots=True)
class Batch:
    """Deliveries in order per partition, and the offset behind what was read, for each partition that moved."""

    deliveries: list[Delivery]
    positions: dict[int, int]


class GrantReader:
    """Connects at once; `start` once, then `next_batch` as long as wanted; `close` is bounded in time."""

    def __init__(self, profile: Profile, grant: str, *, group: str, stop: threading.Event) -> None:
        self.schemas = Schemas(make_registry(profile), stop)
        self.topic = GrantTopic(profile, grant, group)
        self.positions: dict[int, int] = {}
        self._without_state: frozenset[int] = frozenset()

    def shape(self) -> Shape:
        return self.schemas.shape(self.topic.name)

    def start(self, stored: Mapping[int, int], *, from_anywhere: bool) -> None:
        self.positions = choose_start(self.topic.name, self.topic.extents, stored, from_anywhere=from_anywhere)
        self._without_state = frozenset(self.topic.extents.keys() - stored.keys())
        self.topic.assign(self.positions)

    def next_batch(self, timeout_s: float) -> Batch:
        messages, positions = self.topic.poll(timeout_s)
        now_ms = time.time_ns() // 1_000_000
        deliveries = [decode(message, self.schemas, now_ms) for message in messages]
        self.positions.update(positions)
        return Batch(deliveries, positions)

    @property
    def caught_up(self) -> bool:
        """Has everything been read that the topic held at the start?"""
        return all(self.positions[p] >= extent.high for p, extent in self.topic.extents.items())

    def is_live(self, delivery: Delivery) -> bool:
        """Was it published after the start?"""
        return delivery.offset >= self.topic.extents[delivery.partition].high

    def require_begun(self, copies: Copies) -> None:
        """Once caught up: raises DataRejected where deliveries came without the begin of a copy, or all had expired."""
        if copies.from_anywhere or not self.caught_up:
            return
        if missing := copies.unbegun():
            raise DataRejected(
                f"{self.topic.name}: no begin of a copy for input partition {', '.join(map(str, missing))}: its deliveries were "
                f"not applied, because what came before them is unknown (retention?); {_ADVICE}"
            )
        begun = {partition % len(self.topic.partitions) for partition in copies.standings}
        for partition in sorted(self._without_state - begun):
            if self.topic.extents[partition].low > 0:
                raise DataRejected(f"{self.topic.name} [{partition}]: everything in it has expired, and no copy began since; {_ADVICE}")

    def close(self) -> None:
        self.topic.close()


def choose_start(topic: str, extents: Mapping[int, Extent], stored: Mapping[int, int], *, from_anywhere: bool) -> dict[int, int]:
    """The first offset to read of each partition. Raises DataRejected instead of jumping."""
    positions = {}
    for partition, extent in extents.items():
        offset = stored.get(partition, extent.low)
        if extent.low <= offset <= extent.high:
            positions[partition] = offset
            continue
        where = "behind retention" if offset < extent.low else "beyond its end: the topic lost messages"
        text = f"{topic} [{partition}]: the stored position {offset} is {where} (it holds {extent.low} to {extent.high})"
        if not from_anywhere:
            raise DataRejected(f"{text}; {_ADVICE}")
        LOG.warning("%s; going on at %d, and what lies between is missing", text, extent.low)
        positions[partition] = extent.low
    return positions
