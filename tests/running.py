"""A hub as its operator runs it: the public commands as processes on the run's Kafka, ended by id.

A test module has one control plane: each test adds information types and grants of its own, with names that no other
test has. Workers belong to the test that starts them.
"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from io import BytesIO
from pathlib import Path
from typing import Any

import fastavro
import yaml
from confluent_kafka import Consumer, KafkaException, Message, TopicPartition

from gongyu_hub.demo.check import CheckResult, check_hub
from gongyu_hub.registry.layout import GRANT_PARTITIONS_MAX
from gongyu_schemas import wire
from gongyu_schemas.envelope import owner_envelope, subject_key_schema
from gongyu_schemas.information_type import InformationType, load_type
from gongyu_schemas.names import HUB_GROUP, grant_topic, key_subject, owner_topic, owner_user, state_topic, value_subject
from gongyu_schemas.transport.clients import make_consumer, make_producer, make_registry
from gongyu_schemas.transport.profile import Profile, read_profile
from tests.waiting import wait_until

BIN = Path(sys.executable).parent
TYPES = Path(__file__).parent / "types"
Row = dict[str, Any]


class Process:
    """One public command. Its output is kept in a file; `ready` waits for a line of it."""

    def __init__(self, log: Path, *arguments: str | Path, folder: Path | None = None) -> None:
        self.log = log
        self._output = log.open("ab")
        self._start = log.stat().st_size
        command = [str(BIN / str(arguments[0])), *map(str, arguments[1:])]
        self.process = subprocess.Popen(command, cwd=folder, stdout=self._output, stderr=subprocess.STDOUT)

    def text(self) -> str:
        return self.log.read_bytes()[self._start :].decode(errors="replace")

    def ready(self, words: str, deadline_s: float = 60) -> str:
        """The first line of output with these words. Raises AssertionError with the output where it does not come."""

        def find() -> str | None:
            assert self.process.poll() is None or words in self.text(), f"ended with {self.process.returncode}:\n{self.text()}"
            return next((line for line in self.text().splitlines() if words in line), None)

        line = wait_until(find, deadline_s, f"{words!r} in {self.log}")
        assert line is not None
        return line

    def kill(self) -> None:
        """kill -9."""
        self.process.kill()
        self.process.wait(30)
        self._output.close()

    def stop(self, deadline_s: float = 30) -> int:
        """SIGTERM; the exit code."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(deadline_s)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(30)
            raise
        finally:
            self._output.close()


@dataclass
class RunningHub:
    """The control plane of a test module."""

    directory: Path
    types: Path
    policy: Path
    database: str | None = None  # PostgreSQL's URL; None: the file in the hub's folder
    control: Process | None = None
    policy_content: dict[str, Any] = field(default_factory=lambda: {"subscribers": {}, "grants": []})

    def start(self, until: str = "control plane: ready") -> None:
        """`until`: a line of its log to wait for."""
        self._write_policy()
        options: list[str | Path] = ["--dir", self.directory, "--policy", self.policy, "--types", self.types]
        if self.database is not None:
            options += ["--database", self.database]
        self.control = Process(self.directory / "serve.log", "gongyu-hub", "serve", *options)
        self.control.ready(until)

    def profile(self, user: str) -> Profile:
        return read_profile(self.profile_path(user))

    def profile_path(self, user: str) -> Path:
        return self.directory / "profiles" / f"{user}.yaml"

    def add_type(
        self, template: str, name: str, grants: dict[str, dict[str, Any]], subscriber: str | None = None, **more: Any
    ) -> Published:
        """A type of this name shaped like tests/types/TEMPLATE, and grants {name: {fields, rows}}; returns when it is in force."""
        folder = self.types / name
        folder.mkdir(parents=True)
        declared = {**yaml.safe_load((TYPES / template / "type.yaml").read_text(encoding="utf-8")), **more, "name": name, "owner": name}
        (folder / "type.yaml").write_text(yaml.safe_dump(declared, allow_unicode=True), encoding="utf-8")
        (folder / "record.avsc").write_bytes((TYPES / template / "record.avsc").read_bytes())
        subscriber = subscriber or f"s-{name}"[:63]
        published = load_type(folder)
        self.add_grants(published, subscriber, grants)
        return Published(self, published, subscriber)

    def add_grants(self, of: InformationType, subscriber: str, grants: dict[str, dict[str, Any]]) -> None:
        """Returns when they are in force; without any, when the type is known."""
        self.state_grants(of, subscriber, grants)
        read = self._times_read()
        self._write_policy()
        wait_until(lambda: self._in_force(of.name) if grants else self._times_read() > read, 60, f"type {of.name} in force")

    def state_grants(self, of: InformationType, subscriber: str, grants: dict[str, dict[str, Any]]) -> None:
        """For the policy file as it is written the next time."""
        self.policy_content["subscribers"][subscriber] = {"title": {"ko": subscriber, "en": subscriber}}
        for grant, terms in grants.items():
            basis = {"statute": "Test Act", "article": "1", "valid_from": "2020-01-01", "valid_to": None}
            purpose = {"code": "test", "text": "A test"}
            self.policy_content["grants"].append(
                {"subscriber": subscriber, "grant": grant, "information_type": of.name, "purpose": purpose, "legal_basis": basis, **terms}
            )

    def worker(self, name: str = "worker-1", *more: str) -> Process:
        log = self.directory / f"{name}.log"
        process = Process(log, "gongyu-hub", "work", "--dir", self.directory, "--name", name, *more)
        process.ready(f"worker {name}: ready")
        return process

    @contextmanager
    def working(self, name: str = "worker-1", *more: str) -> Iterator[Process]:
        process = self.worker(name, *more)
        try:
            yield process
        finally:
            process.stop()

    def _in_force(self, name: str) -> bool:
        assert self.control is not None
        said = self.control.text()
        assert "the policy in force stays" not in said, said
        return any("policy in force" in line and name in line for line in said.splitlines())

    def _times_read(self) -> int:
        assert self.control is not None
        return self.control.text().count("policy in force")

    def _write_policy(self) -> None:
        fresh = self.policy.with_suffix(".new")
        fresh.write_text(json.dumps(self.policy_content), encoding="utf-8")  # JSON is YAML
        fresh.replace(self.policy)


class Published:
    """One information type of a test: its owner's side, its grants' topics, and the self-check of all of it."""

    def __init__(self, hub: RunningHub, information_type: InformationType, subscriber: str) -> None:
        self.hub = hub
        self.type = information_type
        self.subscriber = subscriber
        self.topic = owner_topic(information_type.owner, information_type.name)
        with make_registry(hub.profile("hub")) as registry:
            self.key_id = int(registry.get_latest_version(key_subject(self.topic)).schema_id or 0)
            self.writer_id = int(registry.get_latest_version(value_subject(self.topic)).schema_id or 0)
        self._key_schema = fastavro.parse_schema(subject_key_schema(information_type))
        self._envelope = fastavro.parse_schema(owner_envelope(information_type))
        options = {"linger.ms": 5, "compression.type": "zstd", "message.max.bytes": 10_000_000}
        self._producer = make_producer(hub.profile(owner_user(information_type.owner)), **options)
        self._position = 0

    def key(self, row: Row) -> bytes:
        body = BytesIO()
        fastavro.schemaless_writer(body, self._key_schema, {name: row[name] for name in self.type.subject})
        return wire.frame(self.key_id, body.getvalue())

    def value(self, op: str, before: Row | None, after: Row | None) -> bytes:
        body, self._position = BytesIO(), self._position + 1
        source = {"name": "test", "position": self._position, "act": None}
        fastavro.schemaless_writer(body, self._envelope, {"before": before, "after": after, "op": op, "ts_ms": 1000, "source": source})
        return wire.frame(self.writer_id, body.getvalue())

    def send(self, op: str, before: Row | None, after: Row | None) -> None:
        row = after if after is not None else before
        assert row is not None
        self.send_raw(self.key(row), self.value(op, before, after))

    def send_raw(self, key: bytes | None, value: bytes | None) -> None:
        self._producer.produce(self.topic, value, key)
        self._producer.poll(0)

    def flush(self) -> None:
        assert self._producer.flush(30) == 0

    def settled(self, deadline_s: float = 60) -> None:
        """Wait until the hub has committed an offset behind every message of the owner topic."""
        self.flush()
        consumer = make_consumer(self.hub.profile("admin"), **{"group.id": HUB_GROUP, "isolation.level": "read_committed"})
        places = [TopicPartition(self.topic, number) for number in range(self.type.partitions)]
        try:
            ends: dict[int, int] = {}

            def done() -> bool:
                try:
                    for place in places[len(ends) :]:
                        ends[place.partition] = consumer.get_watermark_offsets(place, timeout=10)[1]
                    found = consumer.committed(places, 10)
                except KafkaException:  # the broker has just come back
                    return False
                return all(each.offset >= ends[each.partition] or ends[each.partition] == 0 for each in found)

            wait_until(done, deadline_s, f"everything of {self.topic} settled")
        finally:
            consumer.close()

    def check(self, timeout_s: float = 60) -> CheckResult:
        """The independent self-check of this type alone. Raises AssertionError unless all is zero."""
        self.flush()
        result = check_hub(self.hub.directory, self.hub.policy, [self.hub.types], timeout_s, only=self.type.name)
        assert result.findings.clean, f"{result.findings.counts}\n" + "\n".join(result.findings.examples)
        return result

    def read(self, topic: str, partitions: int) -> list[Message]:
        """Everything committed on a topic, in order per partition."""
        return read_all(self.hub.profile("admin"), topic, partitions)

    def deliveries(self, grant: str) -> list[Row]:
        """Everything that a grant was given but markers, as values, in order per partition."""
        topic, schemas, found = grant_topic(self.subscriber, grant), dict[int, Any](), []
        with make_registry(self.hub.profile("hub")) as registry:
            for message in self.read(topic, min(GRANT_PARTITIONS_MAX, self.type.partitions)):
                schema_id, body = wire.unframe(message.value() or b"")
                if message.key() is None:
                    continue
                if schema_id not in schemas:
                    schemas[schema_id] = fastavro.parse_schema(json.loads(registry.get_schema(schema_id).schema_str or "null"))
                found.append(dict[str, Any](fastavro.schemaless_reader(BytesIO(body), schemas[schema_id], None)))
        return found

    def committed(self, topic: str) -> list[int]:
        """By partition, what the hub has settled of an input topic of this type: what a dead worker left open is waited for."""
        places = [TopicPartition(topic, number) for number in range(self.type.partitions)]
        return [max(each.offset, 0) for each in self._of_group.committed(places, 30)]

    def ends(self, topic: str) -> list[int]:
        """By partition, the end of an input topic of this type."""
        return [self._of_group.get_watermark_offsets(TopicPartition(topic, n), 10)[1] for n in range(self.type.partitions)]

    @cached_property
    def _of_group(self) -> Consumer:
        """Asks for the offsets of the hub's group, without being one of it."""
        return make_consumer(self.hub.profile("admin"), **{"group.id": HUB_GROUP, "isolation.level": "read_committed"})

    def state_topic(self) -> str:
        return state_topic(self.type.name)


def read_all(profile: Profile, topic: str, partitions: int, group: str = "test.read") -> list[Message]:
    consumer: Consumer = make_consumer(
        profile,
        **{"group.id": group, "isolation.level": "read_committed", "enable.partition.eof": True, "enable.auto.commit": False},
    )
    consumer.assign([TopicPartition(topic, number, 0) for number in range(partitions)])
    found, open_ = [], set(range(partitions))
    try:
        while open_:
            for message in consumer.consume(1000, 0.2):
                if message.error() is None:
                    found.append(message)
                else:
                    open_.discard(message.partition() or 0)
        return found
    finally:
        consumer.close()


def people(numbers: Iterable[int], **fields: Any) -> list[Row]:
    """Rows of tests/types/person."""
    from decimal import Decimal

    base = {"name": "Kim", "region": "11", "income": 100, "score": 1.5, "fee": Decimal("1.00")}
    return [{"id": f"p{number:07d}", **base, **fields} for number in numbers]
