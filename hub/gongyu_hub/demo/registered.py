"""What the schema registry says of an information type and of a grant's topic. Raises KafkaUnavailable, FatalError where it has nothing."""

from __future__ import annotations

import json
from collections.abc import Mapping

from confluent_kafka.schema_registry import SchemaRegistryClient
from confluent_kafka.schema_registry.error import SchemaRegistryError

from gongyu_hub.demo.compare import GrantTopic
from gongyu_hub.demo.reading import Published
from gongyu_hub.demo.reference import Terms
from gongyu_schemas.errors import FatalError, KafkaUnavailable
from gongyu_schemas.fields import Schema
from gongyu_schemas.information_type import InformationType
from gongyu_schemas.names import grant_topic, key_subject, owner_topic, value_subject


def read_published(registry: SchemaRegistryClient, information_type: InformationType) -> Published:
    topic = owner_topic(information_type.owner, information_type.name)
    keys = _schemas(registry, key_subject(topic))
    key_schema_id, key_schema = next(iter(keys.items()))
    return Published(information_type, key_schema_id, key_schema, _schemas(registry, value_subject(topic)))


def describe(registry: SchemaRegistryClient, grant: Terms, partitions: Mapping[str, int]) -> GrantTopic:
    topic = grant_topic(grant.subscriber, grant.name)
    keys = _schemas(registry, key_subject(topic))
    key_schema_id, key_schema = next(iter(keys.items()))
    return GrantTopic(
        terms=grant,
        topic=topic,
        partitions=partitions.get(topic, 0),
        input_partitions=grant.information_type.partitions,
        key_schema_id=key_schema_id,
        key_schema=key_schema,
        view_schemas=_schemas(registry, value_subject(topic)),
    )


def _schemas(registry: SchemaRegistryClient, subject: str) -> dict[int, Schema]:
    """All schemas of a subject by id, oldest first. Raises KafkaUnavailable, FatalError where there is none."""
    found: dict[int, Schema] = {}
    try:
        for version in sorted(registry.get_versions(subject)):
            registered = registry.get_version(subject, version)
            if registered.schema_id is not None and registered.schema is not None:
                found[registered.schema_id] = json.loads(registered.schema.schema_str or "null")
    except (SchemaRegistryError, OSError) as error:
        raise KafkaUnavailable(f"schema registry: {subject}: {error}") from error
    if not found:
        raise FatalError(f"schema registry: {subject} has no schema")
    return found
