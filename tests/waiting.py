"""Waiting for a condition, instead of sleeping for a time."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

_POLL_S = 0.02


def wait_until(condition: Callable[[], T], deadline_s: float, what: str) -> T:
    """The first true result of `condition`. Raises AssertionError naming `what` after `deadline_s` seconds."""
    end = time.monotonic() + deadline_s
    pause = threading.Event()
    while True:
        result = condition()
        if result:
            return result
        if time.monotonic() > end:
            raise AssertionError(f"not within {deadline_s} s: {what} (last result: {result!r})")
        pause.wait(_POLL_S)
