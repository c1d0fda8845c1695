from __future__ import annotations

import time
from collections.abc import Callable

import pytest
from confluent_kafka import Message
from confluent_kafka.admin import NewTopic
from pydantic import SecretStr

from gongyu_schemas.errors import ConfigError, KafkaUnavailable
from gongyu_schemas.partitioner import partition_of
from gongyu_schemas.transport.clients import client_config, make_admin, make_consumer, make_producer, make_registry, require_connection
from gongyu_schemas.transport.profile import Profile

A_PROFILE = Profile(bootstrap="127.0.0.1:9", user="hub", password=SecretStr("its-password"))


def test_a_clients_settings_are_the_profiles_and_the_callers() -> None:
    secured = A_PROFILE.model_copy(update={"security_protocol": "SASL_SSL", "ca_file": "ca.pem"})
    config = client_config(secured, **{"group.id": "g", "reconnect.backoff.ms": 7})
    assert {name: config[name] for name in ("bootstrap.servers", "sasl.username", "sasl.password", "sasl.mechanism")} == {
        "bootstrap.servers": "127.0.0.1:9",
        "sasl.username": "hub",
        "sasl.password": "its-password",
        "sasl.mechanism": "SCRAM-SHA-512",
    }
    assert (config["security.protocol"], config["ssl.ca.location"]) == ("SASL_SSL", "ca.pem")
    assert (config["group.id"], config["reconnect.backoff.ms"]) == ("g", 7)
    assert "ssl.ca.location" not in client_config(A_PROFILE)


def test_a_profile_without_registry_is_refused_with_the_remedy() -> None:
    with pytest.raises(ConfigError, match="names no schema registry: add `registry:"):
        make_registry(A_PROFILE)


def test_unreachable_kafka_is_said_within_the_time(free_port: int) -> None:
    nowhere = A_PROFILE.model_copy(update={"bootstrap": f"127.0.0.1:{free_port}"})
    begun = time.monotonic()
    with pytest.raises(KafkaUnavailable) as refused:
        require_connection(nowhere, timeout_s=1.0)
    assert time.monotonic() - begun < 4
    assert f"Kafka at 127.0.0.1:{free_port} does not answer within 1 s; check that it runs" in str(refused.value)
    assert "its-password" not in str(refused.value)


@pytest.mark.kafka
def test_right_credentials_connect(admin: Profile) -> None:
    require_connection(admin)


@pytest.mark.kafka
@pytest.mark.parametrize("user", ["admin", "nobody-of-this-name"])
def test_wrong_credentials_are_said_at_once_and_clearly(admin: Profile, user: str) -> None:
    wrong = admin.model_copy(update={"user": user, "password": SecretStr("not-it")})
    begun = time.monotonic()
    with pytest.raises(KafkaUnavailable) as refused:
        require_connection(wrong, timeout_s=20)
    assert time.monotonic() - begun < 10
    assert f"refuses user '{user}': wrong password or no such user; check the profile" in str(refused.value)
    assert "not-it" not in str(refused.value)


@pytest.mark.kafka
def test_keys_go_to_the_partitions_that_the_contract_says(admin: Profile, unique: Callable[[str], str]) -> None:
    topic, client = unique("spread"), make_admin(admin)
    client.create_topics([NewTopic(topic, 5, 1)])[topic].result(10)
    keys = [b"", b"1", *(f"key-{number}".encode() for number in range(40))]
    producer = make_producer(admin)
    for key in keys:
        producer.produce(topic, b"x", key)
    assert producer.flush(15) == 0
    consumer = make_consumer(admin, **{"group.id": unique("spread"), "auto.offset.reset": "earliest"})
    consumer.subscribe([topic])
    found: list[Message] = []
    deadline = time.monotonic() + 30
    while len(found) < len(keys) and time.monotonic() < deadline:
        found += consumer.consume(len(keys), timeout=1)
    consumer.close()
    assert {message.key(): message.partition() for message in found} == {key: partition_of(key, 5) for key in keys}
