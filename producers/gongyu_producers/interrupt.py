"""SIGTERM and Ctrl-C: the open transaction is finished, then the run ends; a second one ends it at once.

The exit code of an interrupted run is 128 + the signal's number, as a shell reports it.
"""

from __future__ import annotations

import signal
from types import FrameType, TracebackType
from typing import Self

from gongyu_schemas.command import end_at_once
from gongyu_schemas.errors import GongyuError

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Interrupted(GongyuError):
    """The user or the system asked the run to end; what was committed stays, the next run goes on."""

    def __init__(self, number: int, then: str) -> None:
        super().__init__(f"stopped by {signal.Signals(number).name}; {then}")
        self.exit_code = 128 + number


class Interrupt:
    """While entered, signals are noted; `check` raises Interrupted at the next safe point. `then` says what to do about it."""

    def __init__(self, then: str = "run again to publish what is left") -> None:
        self._then = then
        self._seen: int | None = None
        self._previous: dict[int, object] = {}

    def check(self) -> None:
        if self._seen is not None:
            raise Interrupted(self._seen, self._then)

    def __enter__(self) -> Self:
        for number in _SIGNALS:
            self._previous[number] = signal.signal(number, self._note)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        for number, handler in self._previous.items():
            signal.signal(number, handler)  # type: ignore[arg-type]  # what signal.signal gave back

    def _note(self, number: int, _frame: FrameType | None) -> None:
        self._seen = number
        signal.signal(number, end_at_once)
