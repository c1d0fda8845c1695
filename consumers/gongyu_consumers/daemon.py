"""A receiver that outlives every outage: it starts anew after a pause, and says so once per change of state.

Enters an attempt (connect, open the target, receive until stopped); it is made again after KafkaUnavailable and
DatabaseError, each time with the profile as it then is, so a mended or rotated password needs no restart. What no waiting
mends ends it: a wrong target or profile at the start (ConfigError), a missing beginning (DataRejected), FatalError.
Pauses grow while attempts fail; an attempt that brought something, or stood for as long as the longest pause, starts them afresh.
"""

from __future__ import annotations

import logging
import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from gongyu_consumers.back_off import OUTAGE, REFUSED, Pauses
from gongyu_schemas.errors import CredentialsRefused, DatabaseError, GongyuError, KafkaUnavailable

LOG = logging.getLogger("gongyu.subscriber")

CREDENTIALS, KAFKA, DATABASE = "credentials", "kafka", "database"
CAUSES = (CREDENTIALS, KAFKA, DATABASE)


@dataclass(slots=True)
class Condition:
    """What a receiver is doing, for its metrics. `pause_s` is 0 unless it waits before its next attempt."""

    connected: bool = False
    pause_s: float = 0.0
    attempts: int = 0
    troubles: dict[str, int] = field(default_factory=lambda: dict.fromkeys(CAUSES, 0))


class Service:
    """`run` attempts until stopped; the attempt calls `ready` when it is connected and `progressed` when something came."""

    def __init__(
        self,
        stop: threading.Event,
        *,
        outage: Pauses = OUTAGE,
        refused: Pauses = REFUSED,
        clock: Callable[[], float] = time.monotonic,
        chance: random.Random | None = None,
    ) -> None:
        self.condition = Condition()
        self._stop, self._outage, self._refused, self._clock = stop, outage, refused, clock
        self._chance = chance or random.Random()  # noqa: S311 - spreads pauses, protects nothing
        self._failures, self._told = 0, ""
        self._down_since = self._ready_at = clock()

    def run(self, attempt: Callable[[], None]) -> None:
        while not self._stop.is_set():
            self.condition.attempts += 1
            try:
                attempt()
            except (KafkaUnavailable, DatabaseError) as error:
                self._wait(error)
            else:
                return
            finally:
                self.condition.connected = False

    def ready(self) -> None:
        """Connected, target open."""
        self._ready_at = self._clock()
        self.condition.connected, self.condition.pause_s = True, 0.0
        if self._told:
            LOG.info("going on after %.0f s and %d attempts", self._clock() - self._down_since, self._failures)
            self._told = ""

    def progressed(self) -> None:
        self._failures = 0

    def _wait(self, error: GongyuError) -> None:
        cause, pauses = self._judge(error)
        if self.condition.connected and self._clock() - self._ready_at >= pauses.longest_s:
            self._failures = 0
        if self.condition.connected or not self._told:
            self._down_since = self._clock()
        self._failures += 1
        self.condition.troubles[cause] += 1
        self.condition.pause_s = pauses.after(self._failures, self._chance)
        if str(error) != self._told:
            self._told = str(error)
            LOG.warning(
                "%s; trying again, at first after %.0f s, then less often (%.0f s)", error, self.condition.pause_s, pauses.longest_s
            )
        self._stop.wait(self.condition.pause_s)
        self.condition.pause_s = 0.0

    def _judge(self, error: GongyuError) -> tuple[str, Pauses]:
        if isinstance(error, CredentialsRefused):
            return CREDENTIALS, self._refused
        return (DATABASE if isinstance(error, DatabaseError) else KAFKA), self._outage
