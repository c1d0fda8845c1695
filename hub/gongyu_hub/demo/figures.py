"""What a run of the demo is asked for, and what it measured."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from gongyu_hub.demo.check import CheckResult


@dataclass(frozen=True, slots=True)
class Sizes:
    """How much there is to share."""

    residents: int
    businesses: int
    seed: int


@dataclass(slots=True)
class Figures:
    """What was measured; times in seconds."""

    load_changes: int = 0
    load_deliveries: int = 0
    load_s: float = 0.0
    first_delivery_s: float = 0.0
    #: When the worker was killed, and when all changes of that hour were settled (seconds since 1970).
    outage: tuple[float, float] = (0.0, 0.0)
    worker_peak_bytes: int = 0
    check_s: float = 0.0
    total_s: float = 0.0
    #: By grant (subscriber/name): milliseconds from publishing to receiving each delivery of the day; and of these
    #: the ones that were not published in the hour of the killed worker.
    latencies_ms: dict[str, list[float]] = field(default_factory=dict)
    calm_latencies_ms: dict[str, list[float]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Outcome:
    """The end of a run."""

    check: CheckResult
    figures: Figures
    events: Counter[str]
