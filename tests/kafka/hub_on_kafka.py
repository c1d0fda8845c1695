"""A control plane as a process on the run's Kafka, which it takes over empty: other hubs' topics are deleted first."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from confluent_kafka import OFFSET_BEGINNING, TopicPartition

from gongyu_hub.policy.records import HEARTBEAT_KEY
from gongyu_schemas.names import POLICY_TOPIC
from gongyu_schemas.transport.clients import make_admin, make_consumer
from gongyu_schemas.transport.profile import Profile, read_profile, write_profile
from tests.hub.commands import SERVE, Running
from tests.waiting import wait_until

_HUB_TOPICS = ("hub.", "owner.", "grant.", "notice.")


@dataclass(frozen=True, slots=True)
class HubFiles:
    """The folder of one hub and its sources; `serve` starts its control plane."""

    directory: Path
    types: Path
    policy: Path
    database: str | None = None  # PostgreSQL's URL

    @property
    def log(self) -> Path:
        return self.directory.parent / "serve.log"

    def arguments(self, *more: str) -> list[str | Path]:
        of_database = [] if self.database is None else ["--database", self.database]
        return ["--dir", self.directory, "--policy", self.policy, "--types", self.types, *of_database, *more]

    def profile(self, user: str) -> Profile:
        return read_profile(self.directory / "profiles" / f"{user}.yaml")

    @contextmanager
    def serve(self, *more: str) -> Iterator[tuple[Running, str]]:
        """A running control plane and its URL."""
        with Running(SERVE, *self.arguments(*more), log=self.log) as control:
            yield control, control.line("control plane: ready at ")


def empty_hub(folder: Path, admin: Profile) -> HubFiles:
    """A hub's folder with the administrator's profile in it, on a Kafka without any hub."""
    forget_hubs(admin)
    files = HubFiles(folder / "hub", folder / "types", folder / "policy.yaml")
    files.types.mkdir()
    write_profile(files.directory / "profiles" / "admin.yaml", admin)
    return files


def forget_hubs(admin: Profile) -> None:
    client = make_admin(admin)

    def left() -> list[str]:
        return [name for name in client.list_topics(timeout=10).topics if name.startswith(_HUB_TOPICS)]

    topics = left()
    if topics:
        for deleted in client.delete_topics(topics).values():
            deleted.result(30)
        wait_until(lambda: not left(), 30, "the topics of earlier hubs are gone")


def policy_records(admin: Profile) -> list[tuple[bytes, bytes]]:
    """Every record of `hub.policy` in order, heartbeats left out."""
    return [(key, value) for key, value in _records(admin) if key != HEARTBEAT_KEY]


def heartbeats(admin: Profile) -> list[bytes]:
    return [value for key, value in _records(admin) if key == HEARTBEAT_KEY]


def _records(admin: Profile) -> list[tuple[bytes, bytes]]:
    consumer = make_consumer(admin, **{"group.id": "test.policy", "enable.auto.commit": False})
    try:
        place = TopicPartition(POLICY_TOPIC, 0)
        _, end = consumer.get_watermark_offsets(place, timeout=10)
        consumer.assign([TopicPartition(POLICY_TOPIC, 0, OFFSET_BEGINNING)])
        found: list[tuple[bytes, bytes]] = []
        last = -1

        def take() -> bool:
            nonlocal last
            for message in consumer.consume(1000, 0.2):
                assert message.error() is None, message.error()
                last = message.offset() or 0
                found.append((message.key() or b"", message.value() or b""))
            return last >= end - 1

        wait_until(take, 30, "hub.policy read to its end")
        return found
    finally:
        consumer.close()
