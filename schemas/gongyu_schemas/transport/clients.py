"""Kafka and registry clients made from a profile, with one way to say that they cannot connect.

A wrong password shows only in a client's error callback while calls merely time out (librdkafka), so
`require_connection` watches the callback and turns what it sees into a clear KafkaUnavailable.
"""

from __future__ import annotations

import logging
import time
from typing import Any

import httpx2
from confluent_kafka import Consumer, KafkaError, KafkaException, Message, Producer
from confluent_kafka.admin import AdminClient
from confluent_kafka.schema_registry import SchemaRegistryClient

from gongyu_schemas.errors import ConfigError, CredentialsRefused, KafkaUnavailable
from gongyu_schemas.transport.profile import Profile

#: librdkafka's own log lines; shown only where a command configures logging to show them.
LOG = logging.getLogger("gongyu.librdkafka")
LOG.addHandler(logging.NullHandler())

#: What a registry that cannot be reached raises (confluent-kafka's client speaks through httpx2).
RegistryUnreachable = httpx2.HTTPError

_ATTEMPT_S = 0.5
_REGISTRY_TIMEOUT_S = 10


def client_config(profile: Profile, **more: Any) -> dict[str, Any]:
    """librdkafka settings for this profile and `more` of them, given as `**{"a.b": value}`."""
    config: dict[str, Any] = {
        "bootstrap.servers": profile.bootstrap,
        "security.protocol": profile.security_protocol,
        "sasl.mechanism": profile.mechanism,
        "sasl.username": profile.user,
        "sasl.password": profile.password.get_secret_value(),
        "logger": LOG,
        # Loopback and data-centre links: come back soon after a broker restart.
        "reconnect.backoff.ms": 50,
        "reconnect.backoff.max.ms": 2000,
    }
    if profile.ca_file is not None:
        config["ssl.ca.location"] = profile.ca_file
    return {**config, **more}


def make_consumer(profile: Profile, **more: Any) -> Consumer:
    return Consumer(client_config(profile, **more))


def make_producer(profile: Profile, **more: Any) -> Producer:
    """An idempotent producer with Kafka's own default partitioner (Java's murmur2)."""
    settings: dict[str, Any] = {"enable.idempotence": True, "partitioner": "murmur2_random"}
    return Producer(client_config(profile, **{**settings, **more}))


def make_admin(profile: Profile) -> AdminClient:
    return AdminClient(client_config(profile))


def make_registry(profile: Profile) -> SchemaRegistryClient:
    """Raises ConfigError where the profile names no registry."""
    if profile.registry is None:
        raise ConfigError("the profile names no schema registry: add `registry: http(s)://HOST:PORT`")
    password = profile.password.get_secret_value()
    settings: dict[str, Any] = {
        "url": profile.registry,
        "basic.auth.user.info": f"{profile.user}:{password}",
        "timeout": _REGISTRY_TIMEOUT_S,
    }
    if profile.ca_file is not None:
        settings["ssl.ca.location"] = profile.ca_file
    client = SchemaRegistryClient(settings)
    # The client would take proxies from the environment and has no setting against it: they would be sent the password.
    rest = client._rest_client
    rest.session.close()
    rest.session = httpx2.Client(verify=rest.verify, auth=rest.auth, timeout=rest.timeout, trust_env=False)
    return client


def take_messages(consumer: Consumer, limit: int, timeout_s: float) -> list[Message]:
    """Wait for a first message or event, then take what is there: `consume` alone would wait for its limit or its time."""
    first = consumer.poll(timeout_s)
    return [] if first is None else [first, *consumer.consume(limit - 1, 0)]


def require_connection(profile: Profile, timeout_s: float = 10.0) -> None:
    """Return when Kafka answers these credentials. Raises KafkaUnavailable saying which of both is wrong (CredentialsRefused)."""
    seen: list[KafkaError] = []
    producer = Producer({**client_config(profile), "error_cb": seen.append})
    deadline = time.monotonic() + timeout_s
    while True:
        try:
            producer.list_topics(timeout=_ATTEMPT_S)
            return
        except KafkaException:
            producer.poll(0)  # serves the error callback
        if any(error.code() == KafkaError._AUTHENTICATION for error in seen):
            raise CredentialsRefused(
                f"Kafka at {profile.bootstrap} refuses user {profile.user!r}: wrong password or no such user; check the profile"
            )
        if time.monotonic() > deadline:
            raise KafkaUnavailable(
                f"Kafka at {profile.bootstrap} does not answer within {timeout_s:.0f} s; "
                "check that it runs and that the profile's bootstrap is right"
            )
