"""Failed log-ins, counted by whatever names their sender, in bounded memory.

So many in a minute are let through to be judged; after them the sender waits for the minute's end.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Callable, Hashable

WINDOW_S = 60.0
SENDERS_MAX = 10_000


class Attempts:
    """Of one kind of sender; used by the event loop alone."""

    def __init__(self, failures_max: int, clock_s: Callable[[], float]) -> None:
        self._failures_max = failures_max
        self._clock_s = clock_s
        self._seen: OrderedDict[Hashable, tuple[int, float]] = OrderedDict()

    def wait_s(self, sender: Hashable) -> int:
        """How long this sender must wait; 0 where it need not."""
        count, since = self._seen.get(sender, (0, 0.0))
        left = since + WINDOW_S - self._clock_s()
        return math.ceil(left) if count >= self._failures_max and left > 0 else 0

    def failed(self, sender: Hashable) -> None:
        now = self._clock_s()
        count, since = self._seen.pop(sender, (0, now))
        self._seen[sender] = (count + 1, since) if now < since + WINDOW_S else (1, now)
        while len(self._seen) > SENDERS_MAX:
            self._seen.popitem(last=False)
