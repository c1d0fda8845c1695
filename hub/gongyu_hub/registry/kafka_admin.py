"""Kafka's administration as this control plane needs it: topics, users, rights, all of it repeatable.

Enters what there should be; afterwards it is there. Existing topics keep their data and settings; one with another number
of partitions is refused, because record order and stored state depend on it. Kafka takes no more than some 10,000 things
in one request, so much is asked for in several; a crash between them leaves what is there already, and the next start makes
the rest. Can go wrong: Kafka is away (KafkaUnavailable) or refuses (ConfigError).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

import structlog
from confluent_kafka import KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import (
    AclBinding,
    AclBindingFilter,
    AclOperation,
    AclPermissionType,
    NewTopic,
    OffsetSpec,
    ResourcePatternType,
    ResourceType,
    ScramCredentialInfo,
    ScramMechanism,
    UserScramCredentialAlteration,
    UserScramCredentialUpsertion,
)

from gongyu_schemas.errors import ConfigError, KafkaUnavailable
from gongyu_schemas.transport.clients import make_admin
from gongyu_schemas.transport.profile import Profile

LOG = structlog.get_logger()
_Item = TypeVar("_Item")
_TIMEOUT_S = 30.0
#: The controller writes a record for every topic, partition and setting, right or user, and refuses a request that needs more than
#: 10,000 of them. Fewer also keep a request, and the broker's making of the partitions' files, well within the timeout.
_RECORDS_TOGETHER = 1000
#: RFC 7677 asks for at least 4096; the passwords have 256 random bits.
_SCRAM_ITERATIONS = 8192
_REFUSALS = frozenset(
    {KafkaError.CLUSTER_AUTHORIZATION_FAILED, KafkaError.TOPIC_AUTHORIZATION_FAILED, KafkaError.POLICY_VIOLATION, KafkaError.INVALID_CONFIG}
)


@dataclass(frozen=True, slots=True)
class Topic:
    name: str
    partitions: int
    settings: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Right:
    """`user` may do `operations` on a resource; `prefix` covers every name that begins with `name`."""

    user: str
    kind: ResourceType
    name: str
    operations: tuple[AclOperation, ...]
    prefix: bool = False

    def bindings(self) -> Iterator[AclBinding]:
        pattern = ResourcePatternType.PREFIXED if self.prefix else ResourcePatternType.LITERAL
        for operation in self.operations:
            yield AclBinding(self.kind, self.name, pattern, f"User:{self.user}", "*", operation, AclPermissionType.ALLOW)

    def filters(self) -> Iterator[AclBindingFilter]:
        """What finds these bindings."""
        for each in self.bindings():
            yield AclBindingFilter(
                each.restype, each.name, each.resource_pattern_type, each.principal, each.host, each.operation, each.permission_type
            )


class KafkaAdmin:
    """One administrator's connection."""

    def __init__(self, profile: Profile) -> None:
        self._admin = make_admin(profile)
        self._where = profile.bootstrap

    def cluster_id(self) -> str:
        with self._asking("the cluster's id"):
            return str(self._admin.describe_cluster(request_timeout=_TIMEOUT_S).result(_TIMEOUT_S).cluster_id)

    def partitions(self) -> dict[str, int]:
        """Number of partitions of every topic."""
        with self._asking("the topics"):
            return {name: len(topic.partitions) for name, topic in self._admin.list_topics(timeout=_TIMEOUT_S).topics.items()}

    def make_topics(self, wanted: Sequence[Topic]) -> None:
        """Returns when every partition has a leader."""
        existing = self.partitions()
        for topic in wanted:
            if existing.get(topic.name, topic.partitions) != topic.partitions:
                raise ConfigError(
                    f"topic {topic.name} has {existing[topic.name]} partitions instead of {topic.partitions}; "
                    "the number is frozen with the topic: set it back, or publish under a new name"
                )
        missing = [topic for topic in wanted if topic.name not in existing]
        for made, some in _in_parts(missing, lambda topic: 1 + topic.partitions + len(topic.settings)):
            # Replication is the broker's default: 1 on one machine, 3 where the operator says so.
            new = [self._new_topic(topic) for topic in some]
            with self._asking("new topics"):
                self._settle(self._admin.create_topics(new, request_timeout=_TIMEOUT_S), unless=KafkaError.TOPIC_ALREADY_EXISTS)
            self._await_leaders([topic.name for topic in some])
            if len(some) < len(missing):
                LOG.info("topics made", made=made + len(some), of=len(missing))

    def is_empty(self, topic: str, partitions: int) -> bool:
        """Whether nothing was ever written to the topic."""
        return all(end <= 0 for end in self._ends(topic, partitions).values())

    def ends(self, topic: str) -> dict[int, int]:
        """The end of every partition; of none where there is no such topic."""
        return self._ends(topic, self.partitions().get(topic, 0))

    def _ends(self, topic: str, partitions: int) -> dict[int, int]:
        asked = {TopicPartition(topic, number): OffsetSpec.latest() for number in range(partitions)}
        if not asked:
            return {}
        with self._asking(f"the end of {topic}"):
            ends = self._admin.list_offsets(asked, request_timeout=_TIMEOUT_S)
            return {place.partition: end.result(_TIMEOUT_S).offset for place, end in ends.items()}

    def scram_users(self) -> frozenset[str]:
        with self._asking("the users"):
            found: Any = self._admin.describe_user_scram_credentials(request_timeout=_TIMEOUT_S)
            return frozenset(found.result(_TIMEOUT_S))

    def set_passwords(self, passwords: Mapping[str, str]) -> None:
        how = ScramCredentialInfo(ScramMechanism.SCRAM_SHA_512, _SCRAM_ITERATIONS)
        new: list[UserScramCredentialAlteration] = [
            UserScramCredentialUpsertion(user, how, password.encode()) for user, password in passwords.items()
        ]
        for _, some in _in_parts(new):
            with self._asking("new passwords"):
                self._settle(self._admin.alter_user_scram_credentials(some, request_timeout=_TIMEOUT_S))

    def allow(self, rights: Iterable[Right]) -> None:
        """Rights that exist already stay."""
        bindings = [binding for right in rights for binding in right.bindings()]
        for _, some in _in_parts(bindings):
            with self._asking("new rights"):
                self._settle(self._admin.create_acls(some, request_timeout=_TIMEOUT_S))

    def disallow(self, rights: Iterable[Right]) -> None:
        """Rights that do not exist are none; the broker refuses the next request that needs them."""
        for _, some in _in_parts([filter_ for right in rights for filter_ in right.filters()]):
            with self._asking("the end of rights"):
                self._settle(self._admin.delete_acls(some, request_timeout=_TIMEOUT_S))

    @staticmethod
    def _new_topic(topic: Topic) -> Any:
        return NewTopic(topic.name, num_partitions=topic.partitions, replication_factor=-1, config=dict(topic.settings))

    @staticmethod
    def _settle(futures: Mapping[Any, Future[Any]], unless: int | None = None) -> None:
        for future in futures.values():
            try:
                future.result(_TIMEOUT_S)
            except KafkaException as error:
                if error.args[0].code() != unless:
                    raise

    def _await_leaders(self, names: Sequence[str]) -> None:
        deadline = time.monotonic() + _TIMEOUT_S
        while time.monotonic() < deadline:
            with self._asking("the topics"):
                known = self._admin.list_topics(timeout=_TIMEOUT_S).topics
            if all(name in known and all(part.leader >= 0 for part in known[name].partitions.values()) for name in names):
                return
            time.sleep(0.05)
        raise KafkaUnavailable(f"Kafka at {self._where} made topics without leaders: {', '.join(names)}; look at its log")

    @contextmanager
    def _asking(self, what: str) -> Iterator[None]:
        try:
            yield
        except TimeoutError as error:
            raise KafkaUnavailable(f"Kafka at {self._where} did not answer about {what} within {_TIMEOUT_S:.0f} s") from error
        except KafkaException as error:
            cause: KafkaError = error.args[0]
            if cause.code() in _REFUSALS:
                advice = "the profile's user must be its administrator"
                raise ConfigError(f"Kafka at {self._where} refuses {what}: {cause.str()}; {advice}") from error
            raise KafkaUnavailable(f"Kafka at {self._where} did not do {what}: {cause.name()}: {cause.str()}") from error


def _in_parts(items: Sequence[_Item], records: Callable[[_Item], int] = lambda _: 1) -> Iterator[tuple[int, list[_Item]]]:
    """Consecutive parts for a request each, with the number of items before: `records` of a part are few enough, or it is one item."""
    part: list[_Item] = []
    size = 0
    for at, item in enumerate(items):
        more = records(item)
        if part and size + more > _RECORDS_TOGETHER:
            yield at - len(part), part
            part, size = [], 0
        part.append(item)
        size += more
    if part:
        yield len(items) - len(part), part
