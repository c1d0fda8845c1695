"""What the demo shows while it runs: on a terminal a live view, elsewhere plain lines.

Enters phases as they begin and a `Reading` now and then; shows phases with their times, changes per second, deliveries per
grant and lag.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

_LINE_EVERY_S = 5.0
_RATE_OVER_S = 2.0


@dataclass(frozen=True, slots=True)
class Reading:
    """The state of the run at a moment: owner messages, of these not settled yet, deliveries by grant."""

    published: int
    lag: int
    deliveries: Mapping[str, int]

    @property
    def settled(self) -> int:
        """Owner messages that the hub is done with."""
        return self.published - self.lag

    @property
    def delivered(self) -> int:
        """Deliveries to all grants."""
        return sum(self.deliveries.values())


@dataclass(slots=True)
class _Phase:
    text: str
    began: float
    ended: float | None = None


class Screen:
    """Give it phases and readings; it decides what to draw."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._phases: list[_Phase] = []
        self._readings: list[tuple[float, Reading]] = []
        self._line_at = 0.0
        self._live = Live(console=console, get_renderable=self._draw, refresh_per_second=4) if console.is_terminal else None

    def phase(self, text: str) -> None:
        """A new phase begins, the one before has ended."""
        now = time.monotonic()
        self._end_phase(now)
        self._phases.append(_Phase(text, now))
        if self._live is None:
            self._console.print(f"{text} ...", highlight=False)
            self._line_at = now

    def note(self, text: str) -> None:
        """A line that stays."""
        self._console.print(text, highlight=False)

    def read(self, reading: Reading) -> None:
        """A new reading."""
        now = time.monotonic()
        self._readings.append((now, reading))
        while len(self._readings) > 2 and self._readings[1][0] < now - _RATE_OVER_S:
            self._readings.pop(0)
        if self._live is None and now - self._line_at > _LINE_EVERY_S:
            self._line_at = now
            self._console.print(f"  {self._progress_line()}", highlight=False)

    def close(self) -> None:
        """Draw the last state; what follows is printed below it."""
        self._end_phase(time.monotonic())
        if self._live is not None:
            self._live.stop()

    def _end_phase(self, now: float) -> None:
        if self._phases and self._phases[-1].ended is None:
            self._phases[-1].ended = now

    def _rates(self) -> tuple[float, float]:
        if len(self._readings) < 2:
            return 0.0, 0.0
        (began, first), (now, last) = self._readings[0], self._readings[-1]
        passed = max(now - began, 0.1)
        return max(0.0, (last.settled - first.settled) / passed), (last.delivered - first.delivered) / passed

    def _progress_line(self) -> str:
        reading = self._readings[-1][1]
        changes, deliveries = self._rates()
        return (
            f"{reading.settled:,} of {reading.published:,} changes settled, lag {reading.lag:,}, {changes:,.0f} changes/s; "
            f"{reading.delivered:,} deliveries, {deliveries:,.0f}/s"
        )

    def _draw(self) -> RenderableType:
        parts: list[RenderableType] = [self._draw_phase(phase) for phase in self._phases]
        if self._readings:
            table = Table("grant", "deliveries", box=None, padding=(0, 2))
            table.columns[1].justify = "right"
            for grant, count in self._readings[-1][1].deliveries.items():
                table.add_row(grant, f"{count:,}")
            parts += [Text(), Text(self._progress_line()), table]
        return Group(*parts)

    def _draw_phase(self, phase: _Phase) -> Text:
        seconds = (phase.ended or time.monotonic()) - phase.began
        mark, style = ("*", "green") if phase.ended is not None else (">", "bold")
        return Text(f"{mark} {phase.text}  {seconds:.1f} s", style=style)

    def __enter__(self) -> Self:
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None) -> None:
        self.close()
