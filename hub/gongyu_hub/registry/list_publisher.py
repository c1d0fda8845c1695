"""Tells Kafka what changed in the subject lists, and lets entries end whose time has come.

Every round: entries past their end are removed in the database; then changes that Kafka has not been told are written to
`hub.subjects.<type>` in parts, and noted as told when all replicas have them. A crash between the two writes them again, which
the hub takes as unchanged; so the topic is equal to the database in the end. This process's clock alone ends entries.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

import structlog
from confluent_kafka import KafkaError, KafkaException, Message, Producer

from gongyu_hub.registry import subject_lists
from gongyu_hub.registry.database import Database
from gongyu_hub.registry.readiness import Readiness
from gongyu_hub.registry.subject_lists import Change
from gongyu_schemas.errors import DatabaseError, KafkaUnavailable
from gongyu_schemas.names import subjects_topic
from gongyu_schemas.partitioner import partition_of
from gongyu_schemas.subject_lists import ADDED, entry_key
from gongyu_schemas.transport.clients import make_producer
from gongyu_schemas.transport.profile import Profile

LOG = structlog.get_logger()
INTERVAL_S = 0.2
_PART = 10_000
_TIMEOUT_S = 30.0
_REASON = "subject lists"


class ListPublisher:
    """Works in its own thread between `start` and `stop`."""

    def __init__(self, profile: Profile, database: Database, readiness: Readiness, now_ms: Callable[[], int]) -> None:
        self._profile = profile
        self._database = database
        self._readiness = readiness
        self._now_ms = now_ms
        self._stopping = threading.Event()
        self._producer: Producer | None = None
        self._thread = threading.Thread(target=self._run, name="lists", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        self._thread.join(timeout=_TIMEOUT_S)

    @property
    def alive(self) -> bool:
        return self._thread.is_alive()

    def _run(self) -> None:
        while not self._stopping.wait(INTERVAL_S):
            try:
                self._round()
            except (DatabaseError, KafkaUnavailable) as error:
                self._let_go()
                if self._readiness.report(_REASON, str(error)):
                    LOG.warning("subject lists not told to Kafka yet", cause=str(error))
            else:
                self._readiness.clear(_REASON)

    def _round(self) -> None:
        with self._database.reading() as session:
            due = subject_lists.any_due(session, self._now_ms())
        if due:
            with self._database.writing() as session:
                ended = subject_lists.expire(session, self._now_ms())
            LOG.info("entries of subject lists ended", entries=ended)
        while not self._stopping.is_set():
            with self._database.reading() as session:
                changes = subject_lists.untold(session, _PART)
            if not changes:
                return
            self._tell(changes)
            with self._database.writing() as session:
                subject_lists.note_told(session, changes)

    def _let_go(self) -> None:
        """A producer in trouble may hold what is told again by the next one."""
        if self._producer is not None:
            self._producer.purge()
            self._producer = None

    def _tell(self, changes: Sequence[Change]) -> None:
        """Returns when all of them are written. Raises KafkaUnavailable; writing again is harmless."""
        failures: list[KafkaError] = []

        def note(error: KafkaError | None, _message: Message) -> None:
            if error is not None:
                failures.append(error)

        if self._producer is None:
            self._producer = make_producer(self._profile, **{"acks": "all", "message.timeout.ms": int(_TIMEOUT_S * 1000), "linger.ms": 5})
        producer = self._producer
        try:
            for each in changes:
                partition = partition_of(each.subject, each.partitions)
                value = None if each.removed else ADDED
                topic = subjects_topic(each.information_type)
                producer.produce(topic, value, entry_key(each.name, each.subject), partition, on_delivery=note)
            waiting = producer.flush(_TIMEOUT_S)
        except (BufferError, KafkaException) as error:
            raise KafkaUnavailable(f"subject lists cannot be written: {error}") from error
        if failures or waiting:
            cause = failures[0].str() if failures else "no answer in time"
            raise KafkaUnavailable(f"subject lists cannot be written: {cause}")
