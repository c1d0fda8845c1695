"""An owner's topic on real Kafka with the owner's own rights only, the publish command, and an independent reading of the topic."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import fastavro
import yaml
from confluent_kafka import KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import (
    AclBinding,
    AclBindingFilter,
    AclOperation,
    AclPermissionType,
    NewTopic,
    ResourcePatternType,
    ResourceType,
    ScramCredentialInfo,
    ScramMechanism,
    UserScramCredentialUpsertion,
)
from pydantic import SecretStr

from gongyu_schemas.envelope import owner_envelope, subject_key_schema
from gongyu_schemas.information_type import InformationType, load_type
from gongyu_schemas.names import key_subject, owner_topic, owner_transactional_prefix, owner_user, value_subject
from gongyu_schemas.transport.clients import make_admin, make_consumer
from gongyu_schemas.transport.profile import Profile, read_profile, write_profile
from tests.consumers.small_registry import SmallRegistry
from tests.waiting import wait_until

PASSWORD = "an-open-secret"
TYPES = Path(__file__).parents[1] / "types"
OWNER = [sys.executable, "-c", "from gongyu_producers.cli import main; main()"]
COMMAND = [*OWNER, "publish"]
KILLED = Path(__file__).parents[1] / "kafka" / "publish_killed.py"


@dataclass(frozen=True)
class Message:
    """One committed change as any Avro client sees it."""

    partition: int
    offset: int
    key: dict[str, Any]
    change: dict[str, Any]


@dataclass
class OwnedTopic:
    information_type: InformationType
    folder: Path
    admin_profile: Profile
    profile_path: Path
    registry: SmallRegistry
    state_dir: Path

    @property
    def topic(self) -> str:
        return owner_topic(self.information_type.owner, self.information_type.name)

    def arguments(self, file: Path, *options: str, state_dir: Path | None = None) -> list[str]:
        return [
            str(file),
            *("--type", self.information_type.name, "--types", str(self.folder), "--profile", str(self.profile_path)),
            *("--state-dir", str(state_dir or self.state_dir), *options),
        ]

    def start(self, file: Path, *options: str, state_dir: Path | None = None) -> subprocess.Popen[str]:
        line = [*COMMAND, *self.arguments(file, *options, state_dir=state_dir)]
        return subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=quiet_environment())

    def run(self, file: Path, *options: str, state_dir: Path | None = None) -> tuple[int, str, str]:
        """(exit code, stdout, stderr) of one publish."""
        with self.start(file, *options, state_dir=state_dir) as process:
            out, err = process.communicate(timeout=120)
            return process.returncode, out, err

    def snapshot(self, file: Path, *options: str, expect: int = 0) -> dict[str, Any]:
        """Publish the file as a snapshot; its summary."""
        code, out, err = self.run(file, "--snapshot", "--json", *options)
        assert code == expect, err
        summary: dict[str, Any] = json.loads(out)
        return summary

    def ask_status(self, *options: str, expect: int = 0) -> str:
        """What `gongyu-owner status` says with this owner's profile, on a screen of 80 columns."""
        line = [*OWNER, "status", "--profile", str(self.profile_path), "--state-dir", str(self.state_dir), *options]
        environment = quiet_environment() | {"COLUMNS": "80"}
        ended = subprocess.run(line, capture_output=True, text=True, timeout=60, env=environment, check=False)
        assert ended.returncode == expect, ended.stderr
        return ended.stdout

    def status(self) -> dict[str, Any]:
        """What it tells of the topic."""
        [told] = json.loads(self.ask_status("--json"))
        return dict(told)

    def run_killed(self, point: str, transaction: int, file: Path, *options: str) -> None:
        """Publish the file as a snapshot until it is killed there; see tests/kafka/publish_killed.py."""
        line = [sys.executable, str(KILLED), point, str(transaction), *self.arguments(file, "--snapshot", *options)]
        ended = subprocess.run(line, capture_output=True, text=True, timeout=120, env=quiet_environment(), check=False)
        assert ended.returncode == -signal.SIGKILL, ended.stderr

    def committed(self) -> int:
        """Messages and markers that a read_committed reader may pass. Waits for a broker that has just come back."""
        consumer = make_consumer(self.admin_profile, **{"group.id": "test", "isolation.level": "read_committed"})
        places = [TopicPartition(self.topic, partition) for partition in range(self.information_type.partitions)]

        def read() -> list[int] | None:
            try:
                return [consumer.get_watermark_offsets(place, timeout=10)[1] for place in places]
            except KafkaException:
                return None

        ends = wait_until(read, 30, "the topic's ends")
        consumer.close()
        return sum(ends or [])

    def messages(self) -> list[Message]:
        """All committed messages so far, in order of each partition."""
        consumer = make_consumer(
            self.admin_profile,
            **{"group.id": "test", "isolation.level": "read_committed", "enable.partition.eof": True, "enable.auto.commit": False},
        )
        partitions = set(range(self.information_type.partitions))
        consumer.assign([TopicPartition(self.topic, partition, 0) for partition in partitions])
        found: list[Message] = []

        def read() -> bool:
            for message in consumer.consume(5_000, 0.2):
                failure = message.error()
                if failure is None:
                    found.append(self._decode(message.partition(), message.offset(), message.key(), message.value()))
                elif failure.code() == KafkaError._PARTITION_EOF:
                    partitions.discard(message.partition())
            return not partitions

        wait_until(read, 60, "the topic's end")
        consumer.close()
        return found

    def register(self) -> dict[tuple[Any, ...], dict[str, Any]]:
        """What a reader of the whole topic holds: key -> last image. Checks every change against the one before."""
        held: dict[tuple[Any, ...], dict[str, Any]] = {}
        for message in self.messages():
            before, after = message.change["before"], message.change["after"]
            key = tuple((after or before)[name] for name in self.information_type.key)
            assert held.get(key) == before, "before is what was published"
            assert message.change["op"] == ("d" if after is None else "c" if before is None else "u")
            assert before != after, "nothing is published twice"
            if after is None:
                del held[key]
            else:
                held[key] = after
        return held

    def incomes(self) -> dict[int, int]:
        """Of the register of people: number -> income. Checks on the way that no change is there twice."""
        return {int(key[0]): record["income"] for key, record in self.register().items()}

    def encode(self, op: str, before: dict[str, Any] | None, after: dict[str, Any] | None) -> tuple[bytes, bytes]:
        """Key and value of a change as another program of the owner would write it."""
        row = after or before or {}
        source = {"name": "another program", "position": 1, "act": None}
        change = {"before": before, "after": after, "op": op, "ts_ms": 0, "source": source}
        key = {name: row[name] for name in self.information_type.subject}
        return self._framed(key_subject(self.topic), key), self._framed(value_subject(self.topic), change)

    def _framed(self, subject: str, content: dict[str, Any]) -> bytes:
        schema_id = self.registry.latest[subject]
        body = io.BytesIO()
        fastavro.schemaless_writer(body, fastavro.parse_schema(json.loads(self.registry.schemas[schema_id])), content)
        return b"\0" + schema_id.to_bytes(4, "big") + body.getvalue()

    def _decode(self, partition: int | None, offset: int | None, key: bytes | None, value: bytes | None) -> Message:
        assert partition is not None
        assert offset is not None
        assert key is not None
        assert value is not None
        return Message(partition, offset, self._avro(key), self._avro(value))

    def _avro(self, framed: bytes) -> dict[str, Any]:
        assert framed[0] == 0
        schema = fastavro.parse_schema(json.loads(self.registry.schemas[int.from_bytes(framed[1:5], "big")]))
        stream = io.BytesIO(framed[5:])
        content: Any = fastavro.schemaless_reader(stream, schema, None)
        assert not stream.read()
        return dict(content)


def quiet_environment() -> dict[str, str]:
    return os.environ | {"COLUMNS": "200", "TERM": "dumb", "NO_COLOR": "1"}


@contextmanager
def owned_topic(admin: Profile, folder: Path, owner: str, like: str, partitions: int | None = None) -> Iterator[OwnedTopic]:
    """The type `like` (in tests/types, or a whole path) under an owner of its own, as the control plane would provide it."""
    information_type = copy_type(TYPES / like, folder / "types" / Path(like).name, owner, partitions)
    client = make_admin(admin)
    topic = owner_topic(owner, information_type.name)
    client.create_topics([NewTopic(topic, information_type.partitions, 1)])[topic].result(10)
    user = owner_user(owner)
    make_owner(admin, user, topic, owner)
    with SmallRegistry(user, PASSWORD) as registry:
        registry.add(key_subject(topic), subject_key_schema(information_type))
        registry.add(value_subject(topic), owner_envelope(information_type))
        profile_path = folder / "owner.yaml"
        write_profile(profile_path, admin.model_copy(update={"user": user, "password": SecretStr(PASSWORD), "registry": registry.url}))
        yield OwnedTopic(information_type, folder / "types", admin, profile_path, registry, folder / "state")


def copy_type(source: Path, target: Path, owner: str, partitions: int | None) -> InformationType:
    target.mkdir(parents=True)
    declared = yaml.safe_load((source / "type.yaml").read_text(encoding="utf-8")) | {"owner": owner}
    if partitions is not None:
        declared["partitions"] = partitions
    (target / "type.yaml").write_text(yaml.safe_dump(declared, allow_unicode=True), encoding="utf-8")
    (target / "record.avsc").write_bytes((source / "record.avsc").read_bytes())
    return load_type(target)


def make_owner(admin: Profile, user: str, topic: str, owner: str) -> None:
    """The rights of an owner: its topic, its transactional ids, nothing else."""
    client = make_admin(admin)
    secret = UserScramCredentialUpsertion(user, ScramCredentialInfo(ScramMechanism.SCRAM_SHA_512, 4096), PASSWORD.encode())
    client.alter_user_scram_credentials([secret])[user].result(10)
    literal, prefixed = ResourcePatternType.LITERAL, ResourcePatternType.PREFIXED
    rights = [
        (ResourceType.TOPIC, topic, literal, AclOperation.READ),
        (ResourceType.TOPIC, topic, literal, AclOperation.WRITE),
        (ResourceType.TRANSACTIONAL_ID, owner_transactional_prefix(owner), prefixed, AclOperation.WRITE),
        (ResourceType.TRANSACTIONAL_ID, owner_transactional_prefix(owner), prefixed, AclOperation.DESCRIBE),
    ]
    bindings = [
        AclBinding(kind, name, pattern, f"User:{user}", "*", operation, AclPermissionType.ALLOW)
        for kind, name, pattern, operation in rights
    ]
    for future in client.create_acls(bindings).values():
        future.result(10)


def take_rights(owned: OwnedTopic) -> None:
    """The owner may neither read its topic nor write to it any more; returns when Kafka no longer shows it to the owner."""
    owner, admin = read_profile(owned.profile_path), make_admin(owned.admin_profile)
    of_user = AclBindingFilter(
        ResourceType.TOPIC, owned.topic, ResourcePatternType.LITERAL, f"User:{owner.user}", None, AclOperation.ANY, AclPermissionType.ANY
    )
    for future in admin.delete_acls([of_user]).values():
        future.result(10)
    shown = make_admin(owner)
    wait_until(lambda: owned.topic not in shown.list_topics(timeout=10).topics, 30, "the right is gone")
