"""Grants whose last day, or whose law's, has passed: ended by the control plane's clock, also what lapsed while it was down.

Looked for at the start, before the first heartbeat, and whenever a new day has begun in UTC, until it is done.
"""

from __future__ import annotations

from datetime import UTC, date, datetime

from gongyu_hub.registry.control import Control


class Lapses:
    """`look` is called each second."""

    def __init__(self, control: Control) -> None:
        self._control = control
        self._done: date | None = None

    def look(self) -> None:
        """Raises ClockWrong where the clock may not be believed: a grant would not come back. Raises KafkaUnavailable."""
        today = datetime.fromtimestamp(self._control.clock.require() / 1000, UTC).date()
        if today != self._done:
            self._control.end_lapsed(today)
            self._done = today
