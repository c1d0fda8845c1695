"""`--rate`: how fast changes may go out, so that a bulk correction leaves room for others.

Paced between transactions, never inside one: a transaction that waits keeps every reader of the topic waiting.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable

from gongyu_schemas.errors import ConfigError

_RATE = re.compile(r"([0-9]{1,9})(?:/s)?")
_TRANSACTIONS_PER_S = 4
_NAP_S = 0.1


def read_rate(text: str) -> int:
    """Changes per second: `500` or `500/s`. Raises ConfigError."""
    found = _RATE.fullmatch(text)
    if found is None or int(found[1]) == 0:
        raise ConfigError(f"--rate {text!r}: give changes per second, like 500 or 500/s")
    return int(found[1])


class Pace:
    """Spreads changes evenly; `rate` None lets everything through at once."""

    def __init__(self, rate: int | None, clock: Callable[[], float] = time.monotonic, sleep: Callable[[float], None] = time.sleep) -> None:
        self._rate = rate
        self._clock = clock
        self._sleep = sleep
        self._due = clock()

    def at_once(self, most: int) -> int:
        """How many changes the next transaction may have."""
        return most if self._rate is None else min(most, max(1, self._rate // _TRANSACTIONS_PER_S))

    def wait(self, check: Callable[[], None]) -> None:
        """Until the next transaction is due; `check` may raise."""
        while (left := self._due - self._clock()) > 0:
            check()
            self._sleep(min(left, _NAP_S))

    def sent(self, changes: int) -> None:
        """Time that passed without sending is not made up for."""
        if self._rate is not None:
            self._due = max(self._due, self._clock() - 1 / _TRANSACTIONS_PER_S) + changes / self._rate
