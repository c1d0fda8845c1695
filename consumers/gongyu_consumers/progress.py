"""Progress of a receiver: what was received, how fast, how late; a live line on a terminal, a log line elsewhere.

Counts and times only, never a record's content.
"""

from __future__ import annotations

import logging
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from rich.console import Console
from rich.live import Live
from rich.text import Text

from gongyu_consumers.delivery import Delivery
from gongyu_consumers.sinks.sink import Effects
from gongyu_schemas.envelope import CREATE, DELETE, UPDATE

LOG = logging.getLogger("gongyu.subscriber")

_LIVE_EVERY_S = 0.25
_LOG_EVERY_S = 10.0
#: Inconsistencies told one by one; the others are in the summary.
_TOLD = 20


class Latencies:
    """Milliseconds, counted by value; above 1000 to three digits, so that memory stays bounded (error below 0.5 %)."""

    def __init__(self) -> None:
        self._counts: Counter[int] = Counter()

    def note(self, latency_ms: int) -> None:
        value = max(0, latency_ms)  # the owner's clock may be ahead of ours
        self._counts[value if value < 1000 else round(value, 3 - len(str(value)))] += 1

    def percentile(self, share: float) -> int | None:
        """The smallest latency that at least this share does not exceed; None where nothing was noted."""
        rank, total = share * self._counts.total(), 0
        for value in sorted(self._counts):
            total += self._counts[value]
            if total >= rank:
                return value
        return None


@dataclass(slots=True)
class Totals:
    """Everything since the start. Leaves with `summary`."""

    grant: str
    delivered: Counter[str] = field(default_factory=Counter)
    sweeps: int = 0
    swept: int = 0
    passed_over: int = 0
    moved: int = 0
    inconsistencies: int = 0
    latencies: Latencies = field(default_factory=Latencies)
    started: float = field(default_factory=time.monotonic)
    busy_s: float = 0.0

    def add(self, effects: Effects) -> None:
        self.delivered.update(effects.delivered)
        self.sweeps += effects.sweeps
        self.swept += effects.swept
        self.passed_over += effects.passed_over
        self.moved += effects.moved
        for wrong in effects.inconsistencies:
            self.inconsistencies += 1
            if self.inconsistencies <= _TOLD:
                LOG.warning("inconsistent: %s; its after image is applied", wrong)

    def note_live(self, live: Iterable[Delivery]) -> None:
        """Latencies of changes published since the start."""
        for delivery in live:
            if delivery.op in {CREATE, UPDATE, DELETE}:
                self.latencies.note(delivery.received_at_ms - delivery.ts_ms)

    def summary(self) -> dict[str, Any]:
        return {
            "grant": self.grant,
            "received": self.delivered.total(),
            "delivered": {op: self.delivered[op] for op in "cudrm"},
            "sweeps": self.sweeps,
            "swept": self.swept,
            "passed_over": self.passed_over,
            "moved": self.moved,
            "inconsistencies": self.inconsistencies,
            "live_latency_ms": {"p50": self.latencies.percentile(0.5), "p99": self.latencies.percentile(0.99)},
            "seconds": round(time.monotonic() - self.started, 3),
            "busy_seconds": round(self.busy_s, 3),
        }


def describe(totals: Totals) -> str:
    """The summary for people, in one line or two."""
    ops = " ".join(f"{op} {totals.delivered[op]:,}" for op in "cudrm")
    text = f"{totals.grant}: {totals.delivered.total():,} received ({ops})"
    if totals.sweeps:
        text += f", {totals.sweeps} copies ended, {totals.swept:,} rows swept"
    if totals.passed_over:
        text += f", {totals.passed_over:,} before a copy passed over"
    if totals.moved:
        text += f", {totals.moved:,} of records that moved between partitions"
    p50, p99 = totals.latencies.percentile(0.5), totals.latencies.percentile(0.99)
    if p50 is not None:
        text += f", publish to receive p50 {p50:,} ms p99 {p99:,} ms"
    if totals.inconsistencies:
        text += f"\nWARNING: {totals.inconsistencies:,} inconsistencies: the target may differ from the grant; ask the hub for a resync"
    return text


class Progress:
    """Shows `totals` from time to time; `show` is cheap in between."""

    def __init__(self, totals: Totals, *, quiet: bool = False, clock: Callable[[], float] = time.monotonic) -> None:
        self._totals, self._clock = totals, clock
        self._shown, self._received = clock(), 0
        on_terminal = sys.stderr.isatty() and not quiet
        self._live = Live(console=Console(stderr=True), auto_refresh=False, transient=True) if on_terminal else None
        self._every_s = _LIVE_EVERY_S if on_terminal else _LOG_EVERY_S
        if self._live is not None:
            self._live.start()

    def show(self, lag: Callable[[], int]) -> None:
        now, received = self._clock(), self._totals.delivered.total()
        if now - self._shown < self._every_s:
            return
        rate = (received - self._received) / (now - self._shown)
        line = f"{describe(self._totals)}; {rate:,.0f}/s, {lag():,} behind"
        if self._live is not None:
            self._live.update(Text(line), refresh=True)
        elif received != self._received:
            LOG.info("%s", line)
        self._shown, self._received = now, received

    def close(self) -> None:
        if self._live is not None:
            self._live.stop()
