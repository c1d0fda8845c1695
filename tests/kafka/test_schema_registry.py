"""Confluent's own client reads a grant topic with nothing but that subscriber's credentials, and an owner's serializer writes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import DeserializingConsumer, TopicPartition
from confluent_kafka.schema_registry import SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroDeserializer, AvroSerializer
from confluent_kafka.schema_registry.error import SchemaRegistryError
from confluent_kafka.serialization import MessageField, SerializationContext

from gongyu_hub.policy.records import GrantVersion
from gongyu_schemas import wire
from gongyu_schemas.transport.clients import client_config, make_producer, make_registry
from gongyu_schemas.transport.profile import Profile
from tests.hub.building import encode
from tests.hub.registry.policies import grant, write_policy, write_type
from tests.kafka.hub_on_kafka import HubFiles, empty_hub, policy_records
from tests.waiting import wait_until

pytestmark = pytest.mark.kafka

DELIVERED = {
    "before": None,
    "after": {"dog_id": "d1", "name": "Baduk"},
    "op": "c",
    "ts_ms": 17,
    "source": {"partition": 1, "offset": 2, "reason": None, "act": None},
    "copy": None,
}


@pytest.fixture
def hub(tmp_path: Path, admin: Profile) -> HubFiles:
    files = empty_hub(tmp_path, admin)
    write_type(files.types, "dog", "kennel")
    write_policy(files.policy, grant("vet", "dogs"), grant("shop", "dogs"))
    return files


def deliver_as_the_hub(hub: HubFiles, admin: Profile) -> None:
    """One view message, encoded under the schemas that the grant version names."""
    version = GrantVersion.model_validate_json(dict(policy_records(admin))[b"grant/vet/dogs/1"])
    [view_id] = version.view_schema_ids.values()

    def framed(schema_id: int, value: Any) -> bytes:
        return wire.frame(schema_id, encode(json.loads(registry.get_schema(schema_id).schema_str or ""), value))

    with make_registry(hub.profile("hub")) as registry:
        value, key = framed(view_id, DELIVERED), framed(version.key_schema_id, {"dog_id": "d1"})
    producer = make_producer(hub.profile("hub"))
    producer.produce(version.topic, value, key, partition=1)
    assert producer.flush(10) == 0


def test_a_subscribers_avro_deserializer_needs_its_credentials_only(hub: HubFiles, admin: Profile) -> None:
    with hub.serve():
        deliver_as_the_hub(hub, admin)
        vet = hub.profile("subscriber.vet")
        assert vet.registry is not None
        user_info = f"{vet.user}:{vet.password.get_secret_value()}"
        registry = SchemaRegistryClient({"url": vet.registry, "basic.auth.user.info": user_info})
        read = AvroDeserializer(registry)
        config = client_config(vet, **{"group.id": "subscriber.vet.test", "key.deserializer": read, "value.deserializer": read})
        consumer = DeserializingConsumer({**config, "auto.offset.reset": "earliest"})
        try:
            consumer.assign([TopicPartition("grant.vet.dogs", 1, 0)])
            message = wait_until(lambda: consumer.poll(0.2), 20, "the delivered message")
            assert (message.key(), message.value()) == ({"dog_id": "d1"}, DELIVERED)
        finally:
            consumer.close()
            registry.close()


def test_another_subscriber_reads_neither_the_schema_nor_that_it_exists(hub: HubFiles, admin: Profile) -> None:
    with hub.serve(), make_registry(hub.profile("subscriber.shop")) as shop:
        version = GrantVersion.model_validate_json(dict(policy_records(admin))[b"grant/vet/dogs/1"])
        [view_id] = version.view_schema_ids.values()
        for schema_id in (view_id, view_id + 1000):
            with pytest.raises(SchemaRegistryError) as refused:
                shop.get_schema(schema_id)
            assert (refused.value.http_status_code, refused.value.error_code) == (404, 40403)
        with pytest.raises(SchemaRegistryError) as hidden:
            shop.get_latest_version("grant.vet.dogs-value")
        assert hidden.value.error_code == 40401
        assert shop.get_subjects() == ["grant.shop.dogs-key", "grant.shop.dogs-value"]


def test_an_owners_avro_serializer_registers_by_itself_and_gets_the_declared_id(hub: HubFiles) -> None:
    with hub.serve(), make_registry(hub.profile("owner.kennel")) as owner:
        declared = owner.get_latest_version("owner.kennel.dog-value")
        assert declared.schema is not None
        write = AvroSerializer(owner, declared.schema.schema_str)
        change = {"before": None, "after": None, "op": "d", "ts_ms": 1, "source": {"name": "s", "position": 1, "act": None}}
        message = write(change, SerializationContext("owner.kennel.dog", MessageField.VALUE))
        assert message is not None
        assert wire.unframe(message)[0] == declared.schema_id
        assert owner.lookup_schema("owner.kennel.dog-value", declared.schema).schema_id == declared.schema_id
        foreign = AvroSerializer(owner, '{"type": "record", "name": "Other", "fields": []}')
        with pytest.raises(SchemaRegistryError, match=r"record\.avsc"):
            foreign({}, SerializationContext("owner.kennel.dog", MessageField.VALUE))
