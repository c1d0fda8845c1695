"""A grant on real Kafka, fed by a test in the hub's place: topic, subscriber, rights, schemas and transactions."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import Any

import fastavro
from confluent_kafka import Producer
from confluent_kafka.admin import (
    AclBinding,
    AclOperation,
    AclPermissionType,
    AdminClient,
    NewTopic,
    ResourcePatternType,
    ResourceType,
    ScramCredentialInfo,
    ScramMechanism,
    UserScramCredentialUpsertion,
)
from pydantic import SecretStr

from gongyu_schemas.envelope import ViewTerms, record_key_schema, view_envelope
from gongyu_schemas.information_type import InformationType, load_type, shipped_types
from gongyu_schemas.names import grant_topic, key_subject, subscriber_group_prefix, subscriber_user, value_subject
from gongyu_schemas.transport.clients import make_admin, make_producer
from gongyu_schemas.transport.profile import Profile, write_profile
from gongyu_schemas.wire import frame
from tests.consumers.small_registry import SmallRegistry

PASSWORD = "an-open-secret"
FIELDS = ("resident_id", "address", "household_id", "household_head")


def resident() -> InformationType:
    return load_type(shipped_types() / "mois" / "resident")


def terms(subscriber: str, grant: str, version: int = 1, fields: tuple[str, ...] = FIELDS) -> ViewTerms:
    purpose, law = {"code": "loan-review", "text": "Loan application review"}, {"statute": "Credit Act", "article": "32"}
    return ViewTerms(subscriber, grant, version, fields, purpose, dict(law))


def image(record: str, address: str | None) -> dict[str, Any] | None:
    return None if address is None else {"resident_id": record, "address": address, "household_id": None, "household_head": True}


@dataclass(frozen=True)
class Event:
    """A change (`op` c, u, d, r) or a marker (`op` begin, end; then `number`), from input partition `source`."""

    op: str
    record: str = ""
    address: str = ""
    source: int = 0
    number: int = 1
    ts_ms: int = 1_000


@dataclass
class FedGrant:
    admin_profile: Profile
    admin: AdminClient
    profile: Profile
    profile_path: Path
    registry: SmallRegistry
    subscriber: str
    grant: str
    partitions: int
    view_id: int = 0
    key_id: int = 0
    sent: int = 0
    _offsets: Iterator[int] = field(default_factory=itertools.count)
    _producers: list[Producer] = field(default_factory=list)

    @property
    def topic(self) -> str:
        return grant_topic(self.subscriber, self.grant)

    def register(self, version: int = 1, fields: tuple[str, ...] = FIELDS) -> None:
        """A view schema of the grant; events published from now on use it."""
        kind = resident()
        self.key_id = self.registry.add(key_subject(self.topic), record_key_schema(kind))
        schema = view_envelope(kind, terms(self.subscriber, self.grant, version, fields))
        self.view_id = self.registry.add(value_subject(self.topic), schema)
        self._parsed, self._fields = fastavro.parse_schema(schema), fields

    def encode(self, event: Event) -> tuple[bytes | None, bytes]:
        """(key, value) as the hub writes them."""
        marker = event.op in {"begin", "end"}
        old = image(event.record, event.address) if event.op in {"u", "d"} else None
        new = None if marker or event.op == "d" else image(event.record, event.address)
        place = {"phase": event.op, "number": event.number, "partition": event.source, "bucket": None}
        content = {
            "before": old and {name: old.get(name) for name in self._fields},
            "after": new and {name: new.get(name) for name in self._fields},
            "op": "m" if marker else event.op,
            "ts_ms": event.ts_ms,
            "source": {"partition": event.source, "offset": next(self._offsets), "reason": None, "act": None},
            "copy": place if marker else None,
        }
        body = BytesIO()
        fastavro.schemaless_writer(body, self._parsed, content)
        text = event.record.encode()
        key = None if marker else frame(self.key_id, bytes([len(text) * 2]) + text)
        return key, frame(self.view_id, body.getvalue())

    def producer(self) -> Producer:
        made = make_producer(self.admin_profile, **{"transactional.id": f"hub.{self.subscriber}", "linger.ms": 5})
        made.init_transactions(15)
        self._producers.append(made)
        return made

    def send(self, producer: Producer, events: Iterable[Event]) -> None:
        for event in events:
            key, value = self.encode(event)
            producer.produce(self.topic, value, key, event.source % self.partitions)
            producer.poll(0)
            self.sent += 1

    def publish(self, *events: Event) -> None:
        """In one committed transaction."""
        producer = self._producers[0] if self._producers else self.producer()
        producer.begin_transaction()
        self.send(producer, events)
        producer.commit_transaction(15)

    def abort(self, *events: Event) -> None:
        """In one transaction that nobody may see."""
        producer = self._producers[0] if self._producers else self.producer()
        producer.begin_transaction()
        self.send(producer, events)
        self.sent -= len(events)
        producer.flush(15)
        producer.abort_transaction(15)

    def read_rule(self) -> AclBinding:
        return allow(ResourceType.TOPIC, self.topic, ResourcePatternType.LITERAL, subscriber_user(self.subscriber))


def allow(kind: ResourceType, name: str, pattern: ResourcePatternType, user: str) -> AclBinding:
    return AclBinding(kind, name, pattern, f"User:{user}", "*", AclOperation.READ, AclPermissionType.ALLOW)


@contextmanager
def fed_grant(admin_profile: Profile, folder: Path, subscriber: str, *, partitions: int = 1) -> Iterator[FedGrant]:
    user, admin = subscriber_user(subscriber), make_admin(admin_profile)
    with SmallRegistry(user, PASSWORD) as registry:
        profile = Profile(bootstrap=admin_profile.bootstrap, user=user, password=SecretStr(PASSWORD), registry=registry.url)
        write_profile(folder / "profile.yaml", profile)
        made = FedGrant(admin_profile, admin, profile, folder / "profile.yaml", registry, subscriber, "resident-address", partitions)
        login = UserScramCredentialUpsertion(user, ScramCredentialInfo(ScramMechanism.SCRAM_SHA_512, 4096), PASSWORD.encode())
        admin.alter_user_scram_credentials([login])[user].result(10)
        admin.create_topics([NewTopic(made.topic, partitions, 1)])[made.topic].result(10)
        group = allow(ResourceType.GROUP, subscriber_group_prefix(subscriber), ResourcePatternType.PREFIXED, user)
        for future in admin.create_acls([made.read_rule(), group]).values():
            future.result(10)
        made.register()
        yield made
