"""How far a run is: a bar on a terminal, otherwise a line every few seconds; always on stderr, never with content."""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import Protocol, Self

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TaskProgressColumn, TextColumn, TimeRemainingColumn

_LINE_EVERY_S = 5.0


class Steps(Protocol):
    """What a run tells: a step with its total begins; so much of it is done, so many rows or changes."""

    def begin(self, name: str, total: int) -> None: ...

    def show(self, done: int, items: int) -> None: ...


class ProgressView:
    """Enter before the run. Shows a rate of items (rows, changes) per second for each step."""

    def __init__(self) -> None:
        console = Console(file=sys.stderr)
        self._bar: Progress | None = None
        if console.is_terminal:
            rate = TextColumn("{task.fields[items]:,} ({task.fields[rate]:,.0f}/s)")
            name = TextColumn("{task.description}")
            self._bar = Progress(name, BarColumn(), TaskProgressColumn(), rate, TimeRemainingColumn(), console=console)
        self._task: TaskID | None = None
        self._name = ""
        self._total = 0
        self._began = self._shown = time.monotonic()

    def __enter__(self) -> Self:
        if self._bar is not None:
            self._bar.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._bar is not None:
            self._bar.stop()

    def begin(self, name: str, total: int) -> None:
        self._name, self._total = name, total
        self._began = self._shown = time.monotonic()
        if self._bar is not None:
            self._task = self._bar.add_task(name, total=total or None, items=0, rate=0.0)

    def show(self, done: int, items: int) -> None:
        now = time.monotonic()
        rate = items / max(now - self._began, 1e-3)
        if self._bar is not None and self._task is not None:
            self._bar.update(self._task, completed=done, items=items, rate=rate)
        elif now - self._shown >= _LINE_EVERY_S:
            self._shown = now
            share = f" {done / self._total:.0%}" if self._total else ""
            print(f"{self._name}:{share} {items:,} ({rate:,.0f}/s)", file=sys.stderr, flush=True)
