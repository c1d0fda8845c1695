"""What Kafka and the schema registry say about an owner's topic: identity, offsets, schema ids.

The control plane makes topic, schemas and rights; what is missing is said with who provides it (ConfigError).
"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import httpx2
from confluent_kafka import IsolationLevel, KafkaError, KafkaException, TopicCollection, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec
from confluent_kafka.schema_registry import SchemaRegistryClient
from confluent_kafka.schema_registry.error import SchemaRegistryError

from gongyu_schemas.envelope import owner_envelope, subject_key_schema
from gongyu_schemas.errors import ConfigError, KafkaUnavailable
from gongyu_schemas.fields import Schema
from gongyu_schemas.information_type import InformationType
from gongyu_schemas.names import key_subject, owner_topic, value_subject
from gongyu_schemas.transport.transactional import CONNECT_TIMEOUT_S

_TIMEOUT_S = 10.0
_BACK_OFF_S = 0.2
_EARLIEST, _LATEST = OffsetSpec.earliest(), OffsetSpec.latest()


@dataclass(frozen=True, slots=True)
class OwnerTopic:
    """A topic as it is now. `begin` and `end`: per partition the first offset kept and the one behind the last."""

    name: str
    cluster: str
    topic_id: str
    begin: dict[int, int]
    end: dict[int, int]


@dataclass(frozen=True, slots=True)
class TopicEnds:
    """Topic -> partition -> the offset behind its last message; `problems` say of a topic why its ends are not known."""

    cluster: str
    ends: dict[str, dict[int, int]] = field(default_factory=dict)
    problems: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SchemaIds:
    """Registry ids of a topic's key and value schema."""

    key: int
    value: int


def find_topic(admin: AdminClient, information_type: InformationType) -> OwnerTopic:
    """Raises ConfigError where the topic does not exist or is not this user's, KafkaUnavailable where Kafka is gone."""
    name = owner_topic(information_type.owner, information_type.name)
    try:
        metadata = admin.list_topics(name, timeout=_TIMEOUT_S)
    except KafkaException as error:
        raise _explain(error.args[0], information_type, name) from error
    failure = metadata.topics[name].error
    if failure is not None:
        raise _explain(failure, information_type, name)
    try:
        described = admin.describe_topics(TopicCollection([name]), request_timeout=_TIMEOUT_S)[name].result()
        partitions = sorted(metadata.topics[name].partitions)
        begin = _offsets(admin, name, partitions, _EARLIEST)
        end = _offsets(admin, name, partitions, _LATEST)
    except KafkaException as error:
        raise _explain(error.args[0], information_type, name) from error
    return OwnerTopic(name, str(metadata.cluster_id), str(described.topic_id), begin, end)


def ask_ends(admin: AdminClient, topics: Sequence[str]) -> TopicEnds:
    """Two requests for all of them, each bounded; Kafka lists no topic that this user may not describe. Raises KafkaUnavailable."""
    try:
        seen = admin.list_topics(timeout=_TIMEOUT_S)
    except KafkaException as error:
        raise KafkaUnavailable(f"Kafka does not list the topics within {_TIMEOUT_S:.0f} s: {error.args[0].str()}") from error
    found = TopicEnds(str(seen.cluster_id))
    places = [TopicPartition(name, partition) for name in topics if name in seen.topics for partition in seen.topics[name].partitions]
    asked = dict.fromkeys(places, _LATEST)
    answers = admin.list_offsets(asked, isolation_level=IsolationLevel.READ_UNCOMMITTED, request_timeout=_TIMEOUT_S) if asked else {}
    for place, answer in answers.items():
        try:
            found.ends.setdefault(place.topic, {})[place.partition] = int(answer.result().offset)
        except KafkaException as error:
            found.problems[place.topic] = f"topic {place.topic}: its end cannot be read: {error.args[0].str()}"
    for name in topics:
        if name not in seen.topics:
            found.problems[name] = (
                f"topic {name}: there is none, or this user has no right to it: does the hub know the type, and is it its owner's profile?"
            )
    return found


def end_offsets(admin: AdminClient, name: str, partitions: list[int]) -> dict[int, int]:
    """The offsets behind the last message, committed or not. Raises KafkaUnavailable."""
    return _patient_offsets(admin, name, partitions, IsolationLevel.READ_UNCOMMITTED)


def stable_offsets(admin: AdminClient, name: str, partitions: list[int]) -> dict[int, int]:
    """The offsets up to which every transaction is decided. Raises KafkaUnavailable."""
    return _patient_offsets(admin, name, partitions, IsolationLevel.READ_COMMITTED)


def _patient_offsets(admin: AdminClient, name: str, partitions: list[int], isolation: IsolationLevel) -> dict[int, int]:
    """A broker that was lost during the run answers when it is back: it is waited for as long as the producer waits for it."""
    deadline = time.monotonic() + CONNECT_TIMEOUT_S
    while True:
        try:
            return _offsets(admin, name, partitions, _LATEST, isolation)
        except KafkaException as error:
            cause: KafkaError = error.args[0]
            if cause.code() == KafkaError.TOPIC_AUTHORIZATION_FAILED or time.monotonic() > deadline:
                raise KafkaUnavailable(f"topic {name}: its end cannot be read: {cause.str()}") from error
        time.sleep(_BACK_OFF_S)


def find_schema_ids(registry: SchemaRegistryClient, information_type: InformationType) -> SchemaIds:
    """Raises ConfigError where the registry knows the type not at all, or with other schemas than the type folder's."""
    name = owner_topic(information_type.owner, information_type.name)
    return SchemaIds(
        key=_latest(registry, key_subject(name), subject_key_schema(information_type)),
        value=_latest(registry, value_subject(name), owner_envelope(information_type)),
    )


def read_schema(registry: SchemaRegistryClient, schema_id: int) -> Schema | None:
    """A writer's schema; None where the registry knows no such id."""
    try:
        return json.loads(registry.get_schema(schema_id).schema_str or "null")
    except SchemaRegistryError as error:
        if error.http_status_code == httpx2.codes.NOT_FOUND:
            return None
        raise _registry_refuses(error) from error
    except httpx2.HTTPError as error:
        raise _registry_unreachable(error) from error


def _offsets(
    admin: AdminClient,
    name: str,
    partitions: list[int],
    at: OffsetSpec,
    isolation: IsolationLevel = IsolationLevel.READ_UNCOMMITTED,  # the true end, not only up to the first open transaction
) -> dict[int, int]:
    asked = {TopicPartition(name, partition): at for partition in partitions}
    found = admin.list_offsets(asked, isolation_level=isolation, request_timeout=_TIMEOUT_S)
    return {topic_partition.partition: int(future.result().offset) for topic_partition, future in found.items()}


def _explain(cause: KafkaError, information_type: InformationType, name: str) -> ConfigError | KafkaUnavailable:
    if cause.code() in (KafkaError.UNKNOWN_TOPIC_OR_PART, KafkaError._UNKNOWN_TOPIC):
        return ConfigError(f"topic {name} does not exist: the hub does not know type {information_type.name!r} yet; ask its operator")
    if cause.code() == KafkaError.TOPIC_AUTHORIZATION_FAILED:
        return ConfigError(
            f"no right to use topic {name}: is this the profile of owner {information_type.owner!r}, and does the hub know the type?"
        )
    return KafkaUnavailable(f"topic {name} cannot be read: {cause.str()}")


def _latest(registry: SchemaRegistryClient, subject: str, expected: Schema) -> int:
    try:
        found: Any = registry.get_latest_version(subject)
    except SchemaRegistryError as error:
        if error.http_status_code == httpx2.codes.NOT_FOUND:
            raise ConfigError(f"the schema registry has no {subject}: the hub does not know this type yet; ask its operator") from error
        raise _registry_refuses(error) from error
    except httpx2.HTTPError as error:
        raise _registry_unreachable(error) from error
    if json.loads(found.schema.schema_str) != expected:
        raise ConfigError(
            f"the schema registry's {subject} (id {found.schema_id}) is not what the type folder says: "
            "the hub works with another version of this type; bring both to the same one"
        )
    return int(found.schema_id)


def _registry_refuses(error: SchemaRegistryError) -> KafkaUnavailable:
    return KafkaUnavailable(f"the schema registry refuses: {error.http_status_code} {error.error_message}; check the profile")


def _registry_unreachable(error: httpx2.HTTPError) -> KafkaUnavailable:
    return KafkaUnavailable(f"the schema registry does not answer: {type(error).__name__}; check the profile's registry address")
