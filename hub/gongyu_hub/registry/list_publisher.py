"""Tells Kafka what changed in the subject lists, and lets entries end whose time has come.

Every round: entries past their end are removed in the database; then changes that Kafka has not been told are written to
`hub.subjects.<type>` in parts, the oldest first, each part a transaction, and noted as told when it is committed. A crash between the
two writes them again, which the hub takes as unchanged; so the topic is equal to the database in the end. This process's clock alone
ends entries.

All is written under the control plane's one transactional id: what a killed predecessor still had on its way can never land behind what
this one writes. One that is replaced itself (`claim`) tells nothing more. `hindrance` says where removals are late: then
nobody may rely on the lists, and the heart stands still.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from itertools import groupby

import structlog

from gongyu_hub.registry import subject_lists
from gongyu_hub.registry.claim import Claim, Replaced
from gongyu_hub.registry.database import Database
from gongyu_hub.registry.list_lateness import Lateness
from gongyu_hub.registry.readiness import Readiness
from gongyu_hub.registry.subject_lists import Change
from gongyu_schemas.errors import DatabaseError, KafkaUnavailable
from gongyu_schemas.names import CONTROL_TRANSACTIONAL_ID, subjects_topic
from gongyu_schemas.partitioner import partition_of
from gongyu_schemas.subject_lists import ADDED, entry_key
from gongyu_schemas.transport.profile import Profile
from gongyu_schemas.transport.transactional import TransactionalProducer, TransactionLost

LOG = structlog.get_logger()
INTERVAL_S = 0.2
_RETRY_S = 1.0
#: Workers go on for 30 s after the last heartbeat: a removal takes effect, or nothing is delivered any more, within some 40 s.
LATE_S = 5.0
_PART = 10_000
_TIMEOUT_S = 30.0
_REASON = "subject lists"


class ListPublisher:
    """Works in its own thread between `start` and `stop`. `told`: set when all that was to be told at the start was told."""

    def __init__(self, profile: Profile, database: Database, readiness: Readiness, now_ms: Callable[[], int]) -> None:
        self.told = threading.Event()
        self._profile = profile
        self._database = database
        self._readiness = readiness
        self._now_ms = now_ms
        self._stopping = threading.Event()
        self._claim = Claim(profile)
        self._claimed = False  # since the producer was opened last
        self._producer: TransactionalProducer | None = None
        self._replaced: str | None = None
        self._lateness = Lateness()
        self._thread = threading.Thread(target=self._run, name="lists", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        self._thread.join(timeout=_TIMEOUT_S)

    @property
    def alive(self) -> bool:
        return self._thread.is_alive()

    @property
    def replaced(self) -> bool:
        """Whether another control plane is the hub's now."""
        return self._replaced is not None

    def hindrance(self) -> str | None:
        """Why nobody may rely on the lists that Kafka has; None where they may. For another thread. Raises DatabaseError."""
        if self._replaced is not None:
            return self._replaced
        if not self.told.is_set():
            return "what changed in subject lists before the start has not been told to Kafka yet"
        with self._database.reading() as session:
            late_s = self._lateness.seconds(session, time.monotonic(), self._now_ms())
        if late_s > LATE_S:
            return f"removals from subject lists, or ends of their entries, have not been told to Kafka for more than {LATE_S:.0f} s"
        return None

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                self._round()
            except Replaced as error:
                self._give_up(str(error))
            except (DatabaseError, KafkaUnavailable, TransactionLost) as error:
                self._claimed = False
                if not isinstance(error, TransactionLost):
                    self._let_go()
                if self._readiness.report(_REASON, str(error)):
                    LOG.warning("subject lists not told to Kafka yet", cause=str(error))
                self._stopping.wait(_RETRY_S)
            else:
                self._readiness.clear(_REASON)
                self._stopping.wait(INTERVAL_S)
        self._let_go()
        self._claim.close()

    def _give_up(self, why: str) -> None:
        """Until it is stopped: a process that ended would be started again, and claim what is another's."""
        self._replaced = why
        self._let_go()
        self._readiness.report(_REASON, why)
        LOG.error("replaced", cause=why)
        self._stopping.wait()

    def _round(self) -> None:
        producer = self._connect()
        self._claim.look()
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
                self.told.set()
                return
            _tell(producer, changes)
            with self._database.writing() as session:
                subject_lists.note_told(session, changes)

    def _connect(self) -> TransactionalProducer:
        """The producer, when it is sure that no other control plane was started later."""
        if self._producer is None:
            # Fenced is nothing final: the broker's time-out looks the same. The claims tell who was replaced.
            self._producer = TransactionalProducer(
                self._profile,
                CONTROL_TRANSACTIONAL_ID,
                connect_timeout_s=_TIMEOUT_S / 3,
                fenced_is_final=False,
                stopping=self._stopping.is_set,
            )
        if not self._claimed:
            if self._claim.made:
                self._claim.confirm()
            else:
                self._claim.make(self._producer)
            self._claimed = True
        return self._producer

    def _let_go(self) -> None:
        if self._producer is not None:
            self._producer.close()
            self._producer = None


def _tell(producer: TransactionalProducer, changes: Sequence[Change]) -> None:
    """All of them or none, as far as anybody sees. Raises KafkaUnavailable, TransactionLost; writing again is harmless."""
    producer.begin()
    for information_type, of_type in groupby(changes, key=lambda each: each.information_type):
        some = list(of_type)
        producer.produce_many(
            subjects_topic(information_type),
            [None if each.removed else ADDED for each in some],
            [entry_key(each.name, each.subject) for each in some],
            [partition_of(each.subject, each.partitions) for each in some],
        )
    producer.commit()
