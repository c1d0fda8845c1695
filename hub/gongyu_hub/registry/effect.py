"""Where the newest epochs are in effect: what workers recorded on `hub.adoptions`, held beside what was decided.

An epoch is in effect everywhere when every partition of its type has recorded it or a later one; a partition that nobody works on has not,
so it is missing. How long that took, from the decision on, is measured by this process's clock alone, for epochs that it sees come into
effect.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import structlog
from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, Message, TopicPartition
from prometheus_client import CollectorRegistry, Gauge, Histogram
from sqlalchemy.orm import Session

from gongyu_hub.operating.partitions import asking, reading
from gongyu_hub.policy.records import Adoption, Manifest
from gongyu_hub.registry import ends
from gongyu_hub.registry.acts import newest_manifest
from gongyu_hub.registry.database import Database
from gongyu_hub.registry.tables import EpochRow
from gongyu_schemas.errors import DatabaseError, KafkaUnavailable
from gongyu_schemas.metrics_server import serving
from gongyu_schemas.names import ADOPTIONS_TOPIC
from gongyu_schemas.transport.clients import make_consumer, take_messages
from gongyu_schemas.transport.profile import Profile

LOG = structlog.get_logger()
#: The goal is a second, for 99 of 100.
_BUCKETS = (0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.7, 1.0, 2.0, 5.0, 15.0, 60.0, 300.0)
_POLL_S = 0.5
_AT_ONCE = 1000
#: All types' newest epochs are read for it.
_TELL_EVERY_S = 5.0
#: Of a partition that works under an epoch from before adoptions were recorded, the time is not known.
_UNKNOWN_MS = 0


class EffectMetrics:
    """The control plane's, in a registry of its own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.seconds = Histogram(
            "gongyu_policy_effect_seconds",
            "From the decision on an epoch until every partition has recorded it. A rise: slow or missing workers.",
            ("information_type",),
            buckets=_BUCKETS,
            registry=self.registry,
        )
        self.missing = Gauge(
            "gongyu_policy_missing_partitions",
            "Partitions in which the newest epoch is not in effect. Not 0 for long: no worker has them.",
            ("information_type",),
            registry=self.registry,
        )


@dataclass(frozen=True, slots=True)
class Effect:
    """Of a type's newest epoch. `since_ms`: by the clocks of the workers that recorded it; None where partitions are missing, or were at it
    before adoptions were recorded.
    """

    information_type: str
    epoch: int
    decided_ms: int
    missing: tuple[int, ...]
    since_ms: int | None


class Effects:
    """Reads in its own thread between `start` and `stop`."""

    def __init__(self, profile: Profile, database: Database, now_ms: Callable[[], int], metrics: EffectMetrics) -> None:
        self._database = database
        self._now_ms = now_ms
        self._metrics = metrics
        self._lock = threading.Lock()
        #: By type and partition: the newest epoch recorded, and when the first record that reached it was made.
        self._adopted: dict[tuple[str, int], tuple[int, int]] = {}
        self._everywhere: dict[str, int] = {}  # by type, up to which epoch
        self._behind = True  # what was recorded before the start is no measurement
        self._stopping = threading.Event()
        self._profile = profile
        settings = {"enable.partition.eof": True, "isolation.level": "read_committed", "fetch.wait.max.ms": 100}
        # The administrator needs no group; the name is asked for by the client and never used to commit.
        self._consumer: Consumer = make_consumer(profile, **{"group.id": "hub.control", "enable.auto.commit": False, **settings})
        self._thread = threading.Thread(target=self._run, name="effects", daemon=True)

    def start(self) -> None:
        self._consumer.assign([TopicPartition(ADOPTIONS_TOPIC, 0, OFFSET_BEGINNING)])
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        self._thread.join(timeout=5)

    @property
    def alive(self) -> bool:
        return self._thread.is_alive()

    def standing(self) -> list[Effect]:
        """Of every type with an epoch. Raises DatabaseError."""
        with self._database.reading() as session:
            manifests = ends.newest_manifests(session)
        with self._lock:
            return [self._standing(each) for each in manifests]

    def _standing(self, of: Manifest) -> Effect:
        reached = {number: self._adopted.get((of.information_type, number), (0, 0)) for number in range(of.partitions)}
        missing = tuple(number for number, (epoch, _) in reached.items() if epoch < of.epoch)
        times = [at_ms for _, at_ms in reached.values()]
        since_ms = None if missing or _UNKNOWN_MS in times else max(times)
        return Effect(of.information_type, of.epoch, of.published_ms, missing, since_ms)

    def _run(self) -> None:
        told_at = float("-inf")
        while not self._stopping.is_set():
            try:
                self._take(take_messages(self._consumer, _AT_ONCE, _POLL_S))
                if time.monotonic() - told_at > _TELL_EVERY_S:
                    self._tell_missing()
                    told_at = time.monotonic()
            except (DatabaseError, KafkaUnavailable, KafkaException) as error:
                LOG.warning("not known for now where epochs are in effect", cause=str(error))
                self._stopping.wait(_POLL_S)
        self._consumer.close()

    def _take(self, messages: list[Message]) -> None:
        moved = set()
        for message in messages:
            error = message.error()
            if error is None:
                moved.add(self._note(Adoption.model_validate_json(message.value() or b"")))
            elif error.code() == KafkaError._PARTITION_EOF and self._behind:
                self._look_at_progress()
                self._behind = False
        if moved:
            now_ms = self._now_ms()
            with self._database.reading() as session:
                for name in moved:
                    self._measure(session, name, now_ms)

    def _note(self, adoption: Adoption) -> str:
        place = (adoption.information_type, adoption.partition)
        with self._lock:
            if adoption.epoch > self._adopted.get(place, (0, _UNKNOWN_MS))[0]:
                self._adopted[place] = (adoption.epoch, adoption.at_ms)
        return adoption.information_type

    def _measure(self, session: Session, information_type: str, now_ms: int) -> None:
        """Every epoch that has just come into effect everywhere, also those that workers passed over."""
        newest = newest_manifest(session, information_type)
        if newest is None:
            return
        with self._lock:
            reached = min(self._adopted.get((information_type, number), (0, 0))[0] for number in range(newest.partitions))
        for epoch in range(self._everywhere.get(information_type, 0) + 1, reached + 1):
            row = session.get(EpochRow, (information_type, epoch))
            if row is not None and not self._behind:
                decided_ms = Manifest.model_validate_json(row.record).published_ms
                seconds = max(0.0, (now_ms - decided_ms) / 1000)
                self._metrics.seconds.labels(information_type).observe(seconds)
                LOG.info("epoch in effect everywhere", information_type=information_type, epoch=epoch, seconds=round(seconds, 3))
        self._everywhere[information_type] = max(reached, self._everywhere.get(information_type, 0))

    def _look_at_progress(self) -> None:
        """What partitions say themselves that workers of before brought to their epoch: they recorded it nowhere else."""
        with self._database.reading() as session:
            manifests = ends.newest_manifests(session)
        places = {
            (of.state_topic, number): (of.information_type, number)
            for of in manifests
            for number in range(of.partitions)
            if (of.information_type, number) not in self._adopted
        }
        if places:
            with reading(self._profile) as kafka, asking(self._profile):
                progress = kafka.progress(places)
            with self._lock:
                for place, (found, _) in progress.items():
                    self._adopted[places[place]] = (found.adopted, _UNKNOWN_MS)

    def _tell_missing(self) -> None:
        for each in self.standing():
            self._metrics.missing.labels(each.information_type).set(len(each.missing))


@contextmanager
def following(profile: Profile, database: Database, now_ms: Callable[[], int], address: tuple[str, int]) -> Iterator[Effects]:
    """Read and measured as long as it is open, the metrics served at `address`. Raises ConfigError where that cannot be used."""
    metrics = EffectMetrics()
    with serving(metrics.registry, *address) as served:
        LOG.info("metrics", at=f"http://{served}/metrics")
        effects = Effects(profile, database, now_ms, metrics)
        effects.start()
        try:
            yield effects
        finally:
            effects.stop()
