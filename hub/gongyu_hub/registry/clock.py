"""The control plane's clock, and whether it may be believed: only then are epochs published and does anything lapse.

Believed is a clock that shows no earlier time than it did when an epoch was published last, nor than at an earlier look, and that differs
from the broker's by 5 s at most. The broker's is what it stamps on a message of `hub.clock`. What does not hold is told in the log and
by `/health/ready` until it does. Raises ClockWrong, or KafkaUnavailable where the broker does not say.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

import structlog
from confluent_kafka import KafkaError, KafkaException, Message, Producer

from gongyu_hub.registry.readiness import Readiness
from gongyu_schemas.errors import KafkaUnavailable, TransientError
from gongyu_schemas.names import CLOCK_TOPIC
from gongyu_schemas.transport.clients import make_producer
from gongyu_schemas.transport.profile import Profile

LOG = structlog.get_logger()
DIFFERENCE_MAX_MS = 5000
_TIMEOUT_S = 2.0
_REASON = "clock"


class ClockWrong(TransientError):
    """No epoch is published until the clock is right."""


class BrokerClock:
    """Asks Kafka for the time; one connection, kept."""

    def __init__(self, profile: Profile) -> None:
        self._profile = profile
        self._producer: Producer | None = None

    def __call__(self) -> int:
        """Milliseconds since 1970. Raises KafkaUnavailable."""
        stamps: list[int] = []
        causes: list[str] = []

        def note(error: KafkaError | None, message: Message) -> None:
            if error is None:
                stamps.append(message.timestamp()[1])
            else:
                causes.append(error.str())

        try:
            if self._producer is None:
                settings = {"acks": "1", "enable.idempotence": False, "linger.ms": 0, "message.timeout.ms": int(_TIMEOUT_S * 1000)}
                self._producer = make_producer(self._profile, **settings)
            self._producer.produce(CLOCK_TOPIC, b"", partition=0, on_delivery=note)
            self._producer.flush(_TIMEOUT_S + 1)
        except (BufferError, KafkaException) as error:
            causes.append(str(error))
        if not stamps:
            self._producer = None
            raise KafkaUnavailable(f"Kafka does not tell the time: {causes[0] if causes else 'no answer'}")
        return stamps[0]


class Clock:
    """`now_ms`: this machine's; `broker_ms`: the broker's. `published_ms`: of the newest epoch that Kafka has."""

    def __init__(self, now_ms: Callable[[], int], broker_ms: Callable[[], int], published_ms: int, readiness: Readiness) -> None:
        self.now_ms = now_ms
        self._broker_ms = broker_ms
        self._latest_ms = published_ms
        self._readiness = readiness
        self._one_at_a_time = threading.Lock()

    def require(self) -> int:
        """The time, where it may be believed."""
        with self._one_at_a_time:
            before = self.now_ms()
            broker = self._broker_ms()
            after = self.now_ms()
            cause = self._judge(before, broker, after)
            if cause is None:
                self._latest_ms = after
                self._readiness.clear(_REASON)
                return after
        if self._readiness.report(_REASON, cause):
            LOG.error("no epoch is published", cause=cause)
        raise ClockWrong(cause)

    def _judge(self, before: int, broker: int, after: int) -> str | None:
        """The broker's stamp lies between two looks at the clock, or is off by what is missing to that."""
        if self._latest_ms - broker > DIFFERENCE_MAX_MS:
            self._latest_ms = 0  # told by a clock that was wrong
        back = self._latest_ms - min(before, after)
        if back > 0:
            return f"this machine's clock stepped back by {back / 1000:.1f} s; epochs are published when it has made up for it"
        off = max(before - broker, broker - after)
        if off > DIFFERENCE_MAX_MS:
            limit = DIFFERENCE_MAX_MS // 1000
            return f"this machine's clock and Kafka's differ by more than {limit} s: set them right; epochs are published then"
        return None
