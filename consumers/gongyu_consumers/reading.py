"""Reading a grant: the topic and its schemas together, from stored positions, in batches.

Says so, instead of jumping silently, when a reader cannot know what it missed: stored positions behind retention or
beyond the topic's end, or no begin of a copy up to the end that the topic had at the start (DataRejected).
With `join`, partitions come and go with the consumer group: each is claimed in the target, then read from the position there.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from confluent_kafka import Message

from gongyu_consumers.copies import Copies
from gongyu_consumers.decode import decode
from gongyu_consumers.delivery import Delivery
from gongyu_consumers.membership import Membership
from gongyu_consumers.registry import Registry
from gongyu_consumers.schemas import Schemas
from gongyu_consumers.sinks.sink import Claimable, Shape
from gongyu_consumers.topic import Extent, GrantTopic
from gongyu_schemas.errors import DataRejected
from gongyu_schemas.transport.profile import Profile

LOG = logging.getLogger("gongyu.subscriber")

#: Behind every offset: nothing of a partition that is not this reader's counts.
_NEVER = 2**63
_ADVICE = "ask the hub for a resync, or give --from-anywhere to take what there is"


@dataclass(frozen=True, slots=True)
class Batch:
    """Deliveries in order per partition, and the offset behind what was read, for each partition that moved."""

    deliveries: list[Delivery]
    positions: dict[int, int]


class GrantReader:
    """Connects at once; `start` or `join` once, then `next_batch` as long as wanted; `close` is bounded in time."""

    def __init__(self, profile: Profile, grant: str, *, stop: threading.Event) -> None:
        self.schemas = Schemas(Registry(profile, stop))
        self.topic = GrantTopic(profile, grant)
        self.positions: dict[int, int] = {}
        self.membership: Membership | None = None
        self._claims: Claimable | None = None
        self._from_anywhere = False
        self._without_state: frozenset[int] = frozenset()

    def shape(self) -> Shape:
        return self.schemas.shape(self.topic.name)

    def start(self, stored: Mapping[int, int], *, from_anywhere: bool) -> None:
        """Read every partition, for a target that is this receiver's alone."""
        self.positions = choose_start(self.topic.name, self.topic.extents, stored, from_anywhere=from_anywhere)
        self._without_state = frozenset(self.topic.extents.keys() - stored.keys())
        self.topic.assign(self.positions)

    def join(self, claims: Claimable, group: str, *, from_anywhere: bool) -> None:
        """Read the partitions that the group gives, for a target that others write as well."""
        self._claims, self._from_anywhere = claims, from_anywhere
        self.membership = self.topic.join(group)

    def next_batch(self, timeout_s: float) -> Batch:
        messages, positions = self.topic.poll(timeout_s)
        if self.membership is not None and self._claims is not None:
            self._follow_group(self.membership, self._claims)
            # A partition that went and came back within one poll is read again from its position: what is behind it stays out.
            known = self.positions
            messages = [m for m in messages if _offset(m) >= known.get(_partition(m), _NEVER)]
            positions = {partition: offset for partition, offset in positions.items() if offset > known.get(partition, _NEVER)}
        now_ms = time.time_ns() // 1_000_000
        deliveries = [decode(message, self.schemas, now_ms) for message in messages]
        self.positions.update(positions)
        return Batch(deliveries, positions)

    def fence(self, partitions: frozenset[int]) -> None:
        """The target says that another receiver has these."""
        if self.membership is not None and partitions:
            self.membership.fence(partitions)
            for partition in partitions:
                self.positions.pop(partition, None)

    def _follow_group(self, membership: Membership, claims: Claimable) -> None:
        for partition in membership.take_gone():
            self.positions.pop(partition, None)
            self._without_state -= {partition}
            claims.leave(partition, self._arrives_in(partition))
        waiting = membership.waiting()
        if not waiting:
            return
        extents = self.topic.ask_extents(waiting)
        for partition in waiting:
            stored = claims.claim(partition, self._arrives_in(partition))
            known = {} if stored is None else {partition: stored}
            start = choose_start(self.topic.name, {partition: extents[partition]}, known, from_anywhere=self._from_anywhere)
            if membership.start(partition, start[partition]):
                self.positions.update(start)
                if stored is None:
                    self._without_state |= {partition}

    def _arrives_in(self, partition: int) -> Callable[[int], bool]:
        """Which input partitions a partition of the grant's topic carries: those with its number, modulo the topic's partitions."""
        count = len(self.topic.partitions)
        return lambda each: each % count == partition

    @property
    def caught_up(self) -> bool:
        """Has everything been read that the topic held at the start, of the partitions that are this reader's?"""
        return all(offset >= self.topic.extents[p].high for p, offset in self.positions.items())

    @property
    def all_caught_up(self) -> bool:
        """As `caught_up`, of all partitions: those of other receivers are looked up in the target."""
        if not self.caught_up:
            return False
        reached = self.positions if self._claims is None else {**self._claims.reached(), **self.positions}
        return all(reached.get(p, 0) >= extent.high for p, extent in self.topic.extents.items())

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


def _partition(message: Message) -> int:
    return message.partition() or 0


def _offset(message: Message) -> int:
    return message.offset() or 0


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
