"""Copies: which are open, and what a marker means to a table that a subscriber keeps.

A copy covers one input partition (of the owner's topic). Between its begin and its end everything visible arrives as
`r`, or as a live change that refreshes the record just as well; at the end, what was not refreshed in that scope is
removed. Enters: markers and deliveries in topic order; leaves: what to do with each. Pure; the sink stores the state in
the transaction of the rows.

- An end whose begin (same number and scope) was not applied removes nothing.
- A newer begin takes the place of an open copy; the older one's end then finds no begin.
- Deliveries of an input partition whose begin was never met are changes of something unknown: they are *passed over*,
  and a reader that comes to the end of the topic with such a partition has to say so (`unbegun`).
- A copy of one bucket needs a rule which record lies in which bucket; this release knows none, and refuses such a
  marker instead of removing the wrong records.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from gongyu_consumers.delivery import Copy, Delivery
from gongyu_schemas.envelope import COPY_BEGIN, CREATE, READ
from gongyu_schemas.errors import FatalError


@dataclass(frozen=True, slots=True)
class Standing:
    """One input partition: the number of the last copy begun (None: none was met), and whether it is still open."""

    number: int | None
    open: bool


@dataclass(frozen=True, slots=True)
class Held:
    """What a sink knows of a row it holds: input partition of its last change, copy that last refreshed it."""

    partition: int
    copy: int | None


@dataclass(slots=True)
class Copies:
    """The standing of every input partition met so far. `changed` collects those to be stored."""

    standings: dict[int, Standing] = field(default_factory=dict)
    from_anywhere: bool = False
    changed: set[int] = field(default_factory=set)

    def replace(self, scope: Callable[[int], bool], standings: Mapping[int, Standing]) -> None:
        """Take over what is stored of the input partitions in this scope; what was known of them is forgotten."""
        for partition in [each for each in self.standings if scope(each)]:
            del self.standings[partition]
            self.changed.discard(partition)
        self.standings.update({partition: standing for partition, standing in standings.items() if scope(partition)})

    def admits(self, partition: int) -> bool:
        """May deliveries of this input partition be applied? Remembers the partition if not."""
        standing = self.standings.get(partition)
        if standing is None:
            self._set(partition, Standing(None, open=False))
        return self.from_anywhere or (standing is not None and standing.number is not None)

    def open_number(self, partition: int) -> int | None:
        standing = self.standings.get(partition)
        return standing.number if standing is not None and standing.open else None

    def begin(self, marker: Copy) -> None:
        self._set(marker.partition, Standing(marker.number, open=True))

    def open_count(self) -> int:
        return sum(standing.open for standing in self.standings.values())

    def end(self, marker: Copy) -> bool:
        """True if this end closes the copy whose begin was applied: then its scope is to be swept."""
        if self.open_number(marker.partition) != marker.number:
            return False
        self._set(marker.partition, Standing(marker.number, open=False))
        return True

    def unbegun(self) -> tuple[int, ...]:
        """Input partitions that delivered something, but no begin."""
        return tuple(sorted(p for p, standing in self.standings.items() if standing.number is None))

    def _set(self, partition: int, standing: Standing) -> None:
        self.standings[partition] = standing
        self.changed.add(partition)


def read_marker(delivery: Delivery) -> Copy:
    """The marker in a delivery. Raises FatalError for one that this release cannot follow."""
    marker = delivery.copy
    place = f"{delivery.topic} [{delivery.partition}] offset {delivery.offset}"
    if marker is None:
        raise FatalError(f"{place}: a marker without its copy; the hub is newer than this program: update it")
    if marker.bucket is not None:
        raise FatalError(f"{place}: a copy of one bucket, which this program cannot follow: update it")
    return marker


def is_begin(marker: Copy) -> bool:
    return marker.phase == COPY_BEGIN


def find_inconsistency(op: str, held: Held | None, open_number: int | None) -> str | None:
    """Why this op does not follow from what the sink holds, or None.

    While a copy is open the hub takes every record for unsent until the copy has refreshed it, so `u` and `d` may only
    concern refreshed records, and `r` only others.
    """
    known = held is not None and (open_number is None or held.copy == open_number)
    if op == CREATE:
        return "c of a record that is there" if held is not None else None
    if op == READ:
        if open_number is None:
            return "r outside a copy"
        return "r of a record that the copy has already delivered" if known else None
    return None if known else f"{op} of a record that is not there"
