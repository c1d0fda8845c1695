"""What a sink is: it applies deliveries and remembers, in the same step, up to where it has read.

The sink's own positions are the truth; those in the Kafka group only show the lag.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from gongyu_consumers.copies import Copies
from gongyu_consumers.delivery import Delivery
from gongyu_schemas.errors import ConfigError
from gongyu_schemas.fields import Field


@dataclass(frozen=True, slots=True)
class Identity:
    """Which topic a sink belongs to. Offsets mean nothing in any other."""

    subscriber: str
    grant: str
    topic: str
    topic_id: str
    cluster_id: str


@dataclass(frozen=True, slots=True)
class Shape:
    """The grant's columns: fields of the view in order, and the names of the key's fields."""

    fields: tuple[Field, ...]
    key: tuple[str, ...]


@dataclass(slots=True)
class Effects:
    """What one batch did. `inconsistencies`: place of the delivery and what was wrong with it (no record content).

    `fenced`: partitions that another receiver of the target has claimed meanwhile, of which nothing was applied.
    """

    delivered: Counter[str] = field(default_factory=Counter)
    swept: int = 0
    sweeps: int = 0
    passed_over: int = 0
    moved: int = 0
    inconsistencies: list[str] = field(default_factory=list)
    fenced: frozenset[int] = frozenset()


class Sink(Protocol):
    """Applies batches. `positions` is the next offset of each partition; `copies` the standing of each input partition."""

    @property
    def positions(self) -> Mapping[int, int]: ...

    @property
    def copies(self) -> Copies: ...

    def apply(self, deliveries: Sequence[Delivery], positions: Mapping[int, int]) -> Effects:
        """Both or neither: the deliveries' effects and the new positions."""

    def close(self) -> None: ...


class Claimable(Protocol):
    """A target that several receivers write, each the partitions that it has claimed. `scope` picks input partitions."""

    def claim(self, partition: int, scope: Callable[[int], bool]) -> int | None:
        """The position to read from; None where the target has none."""

    def leave(self, partition: int, scope: Callable[[int], bool]) -> None: ...

    def reached(self) -> Mapping[int, int]:
        """Positions of all partitions, also those of other receivers."""


def require_same(where: str, stored: Identity, wanted: Identity) -> None:
    """Raises ConfigError where a sink was made for something else."""
    if (stored.subscriber, stored.grant) != (wanted.subscriber, wanted.grant):
        raise ConfigError(
            f"{where} belongs to grant {stored.grant!r} of {stored.subscriber!r}, "
            f"not to {wanted.grant!r} of {wanted.subscriber!r}; use another file"
        )
    if stored.cluster_id != wanted.cluster_id:
        raise ConfigError(f"{where} was filled from Kafka cluster {stored.cluster_id}, this is {wanted.cluster_id}; use another file")
    if stored.topic_id != wanted.topic_id:
        raise ConfigError(
            f"{where} was filled from another topic of the name {wanted.topic} (it was deleted and made anew); "
            "its offsets mean nothing here; use another file"
        )


def place_of(delivery: Delivery) -> str:
    return f"{delivery.topic} [{delivery.partition}] offset {delivery.offset}"
