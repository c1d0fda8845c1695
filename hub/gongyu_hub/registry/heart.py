"""The heartbeat on `hub.policy`: once a second, "the policy before this record is complete".

It stops where the database cannot be read, because nobody could change the policy any more, and where removals from subject lists
do not reach Kafka, because workers would go on delivering what has ended: without it they stop reading by themselves.
A heartbeat that Kafka does not take within a second is given up; late ones would say nothing.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import structlog
from confluent_kafka import KafkaError, KafkaException, Message, Producer

from gongyu_hub.policy.records import HEARTBEAT_KEY, Heartbeat
from gongyu_hub.registry.database import Database
from gongyu_hub.registry.readiness import Readiness
from gongyu_hub.registry.refusals import Refusals
from gongyu_schemas.errors import DatabaseError
from gongyu_schemas.names import POLICY_TOPIC
from gongyu_schemas.transport.clients import make_producer
from gongyu_schemas.transport.profile import Profile

LOG = structlog.get_logger()
INTERVAL_S = 1.0
_REASON = "heartbeat"


class Heart:
    """Beats in its own thread between `start` and `stop`. `hindrance`: why it must not beat, or None; may raise DatabaseError.

    Each beat tells what is refused.
    """

    def __init__(
        self,
        profile: Profile,
        database: Database,
        sequence: int,
        readiness: Readiness,
        refusals: Refusals,
        hindrance: Callable[[], str | None],
    ) -> None:
        self._profile = profile
        self._database = database
        self._sequence = sequence
        self._readiness = readiness
        self._refusals = refusals
        self._hindrance = hindrance
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="heart", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        self._thread.join(timeout=5)

    @property
    def alive(self) -> bool:
        return self._thread.is_alive()

    def _run(self) -> None:
        producer = self._producer()
        while not self._stopping.wait(INTERVAL_S):
            hindrance = self._ask()
            cause = hindrance or self._beat(producer)
            if cause is None:
                self._readiness.clear(_REASON)
                continue
            if self._readiness.report(_REASON, cause):
                LOG.error("no heartbeat", cause=cause)
            if hindrance is None:
                producer.purge()
                producer = self._producer()

    def _ask(self) -> str | None:
        try:
            return self._hindrance()
        except DatabaseError as error:
            return str(error)

    def _producer(self) -> Producer:
        return make_producer(self._profile, **{"acks": "all", "linger.ms": 0, "message.timeout.ms": 1000})

    def _beat(self, producer: Producer) -> str | None:
        """Why it failed, or None."""
        failures: list[str] = []

        def note(error: KafkaError | None, _message: Message) -> None:
            if error is not None:
                failures.append(error.str())

        try:
            self._database.check()
            record = Heartbeat(sequence=self._sequence, at_ms=time.time_ns() // 1_000_000, refused=self._refusals.current)
            self._sequence += 1
            producer.produce(POLICY_TOPIC, record.encode(), HEARTBEAT_KEY, partition=0, on_delivery=note)
            if producer.flush(1.5):
                failures.append("Kafka does not answer")
        except (BufferError, KafkaException, DatabaseError) as error:
            failures.append(str(error))
        return failures[0] if failures else None
