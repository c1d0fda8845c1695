"""What a subscriber has: its grants with fields, rows, purpose, law and schema, and how far its receivers are.

Enters a profile; leaves a `Granted` for each grant that the credentials may see. Everything comes from what they may read
anyway: the view schemas in the registry carry the terms, the topics' metadata and the subscriber's own groups are Kafka's to tell.
Goes wrong: registry or Kafka away, credentials refused (KafkaUnavailable).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from confluent_kafka import ConsumerGroupTopicPartitions, KafkaError, KafkaException, TopicCollection, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec

from gongyu_consumers.ended import End, ended_grants
from gongyu_consumers.registry import Registry
from gongyu_consumers.topic import subscriber_of
from gongyu_schemas.errors import FatalError, KafkaUnavailable
from gongyu_schemas.names import grant_topic, key_subject, subscriber_group_prefix, value_subject
from gongyu_schemas.transport.clients import make_admin, require_connection
from gongyu_schemas.transport.profile import Profile

_REQUEST_S = 10.0
_CLOSED = frozenset({KafkaError.TOPIC_AUTHORIZATION_FAILED, KafkaError.UNKNOWN_TOPIC_OR_PART})


@dataclass(frozen=True, slots=True)
class GrantedField:
    """One column. `title` as the owner gives it ({ko, en}) or empty; `treatment`: what the hub does to it before it is shown."""

    name: str
    type: str
    is_key: bool
    nullable: bool
    title: dict[str, str]
    doc: str
    treatment: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Place:
    """The grant's topic: messages held (control records included), and per consumer group how many are still to be read."""

    partitions: int
    held: int
    behind: dict[str, int]


@dataclass(frozen=True, slots=True)
class Granted:
    """`rows` None: all of them; `rows_stated` False: a hub of before said nothing of them. `place` None: not to be read now.

    `ended` None: it has not.
    """

    grant: str
    version: int
    owner: str
    information_type: str
    title: dict[str, str]
    fields: tuple[GrantedField, ...]
    rows: str | None
    rows_stated: bool
    purpose: dict[str, str]
    legal_basis: dict[str, str | None]
    valid_from: str | None
    valid_to: str | None
    topic: str
    schema_id: int
    schema_version: int
    place: Place | None
    ended: End | None = None


def list_grants(profile: Profile) -> list[Granted]:
    subscriber = subscriber_of(profile)
    require_connection(profile)
    registry = Registry(profile)
    topics = _topics_of(subscriber, registry.subjects())
    places = _Places(make_admin(profile), subscriber).find(topics)
    ends = ended_grants(registry)
    return [_describe(registry, topic, places.get(topic), ends.get(topic.rpartition(".")[2])) for topic in topics]


def _topics_of(subscriber: str, subjects: Iterable[str]) -> list[str]:
    start, ending = grant_topic(subscriber, ""), value_subject("")
    return [each.removesuffix(ending) for each in sorted(subjects) if each.startswith(start) and each.endswith(ending)]


def _describe(registry: Registry, topic: str, place: Place | None, ended: End | None) -> Granted:
    latest = registry.latest(value_subject(topic))
    key = {field["name"] for field in json.loads(registry.latest(key_subject(topic)).text)["fields"]}
    try:
        view = json.loads(latest.text)
        declared = {field["name"]: field["type"] for field in view["fields"]}
        record = next(part for part in declared["before"] if isinstance(part, dict))
        titles = view.get("gongyu.titles") or {}
        return Granted(
            grant=view["gongyu.grant"],
            version=view["gongyu.version"],
            owner=view["gongyu.owner"],
            information_type=view["gongyu.informationType"],
            title=view.get("gongyu.title") or {},
            fields=tuple(_field(each, each["name"] in key, titles) for each in record["fields"]),
            rows=view.get("gongyu.rows"),
            rows_stated="gongyu.rows" in view,
            purpose=view["gongyu.purpose"],
            legal_basis=view["gongyu.legalBasis"],
            valid_from=view["gongyu.validFrom"],
            valid_to=view["gongyu.validTo"],
            topic=topic,
            schema_id=latest.schema_id,
            schema_version=latest.version,
            place=place,
            ended=ended,
        )
    except (ValueError, KeyError, TypeError, StopIteration) as error:
        raise FatalError(f"the schema of {topic} is no view of a gongyu grant ({type(error).__name__}); update gongyu") from error


def _field(declared: dict[str, Any], is_key: bool, titles: Mapping[str, dict[str, str]]) -> GrantedField:
    branches = declared["type"] if isinstance(declared["type"], list) else [declared["type"]]
    return GrantedField(
        name=declared["name"],
        type=" or ".join(_type_name(branch) for branch in branches if branch != "null"),
        is_key=is_key,
        nullable="null" in branches,
        title=titles.get(declared["name"]) or {},
        doc=str(declared.get("doc", "")),
        treatment=declared.get("gongyu.treatment") or {},
    )


def _type_name(schema: Any) -> str:
    """In a word: the logical type where there is one."""
    if isinstance(schema, str):
        return schema.rpartition(".")[2]
    if not isinstance(schema, dict):
        return "union"
    if schema.get("logicalType") == "decimal":
        return f"decimal({schema.get('precision')},{schema.get('scale', 0)})"
    if schema.get("type") == "array":
        return f"array of {_type_name(schema['items'])}"
    if schema.get("type") == "map":
        return f"map of {_type_name(schema['values'])}"
    return str(schema.get("logicalType") or schema.get("type"))


class _Places:
    """Asks Kafka with the subscriber's own rights."""

    def __init__(self, admin: AdminClient, subscriber: str) -> None:
        self._admin, self._prefix = admin, subscriber_group_prefix(subscriber)

    def find(self, topics: list[str]) -> dict[str, Place]:
        """Of the topics that may be read now."""
        if not topics:
            return {}
        try:
            readable = self._partitions(topics)
            groups = self._groups() if readable else []
            return {topic: self._place(topic, partitions, groups) for topic, partitions in readable.items()}
        except KafkaException as error:
            raise KafkaUnavailable(f"Kafka does not tell about the grants' topics: {error.args[0].str()}; try again") from error
        except TimeoutError as error:
            raise KafkaUnavailable(f"Kafka does not tell about the grants' topics within {_REQUEST_S:.0f} s; try again") from error

    def _partitions(self, topics: list[str]) -> dict[str, list[int]]:
        found = {}
        for topic, future in self._admin.describe_topics(TopicCollection(topics), request_timeout=_REQUEST_S).items():
            try:
                found[topic] = [partition.id for partition in future.result(_REQUEST_S).partitions]
            except KafkaException as error:
                if error.args[0].code() not in _CLOSED:
                    raise
        return found

    def _groups(self) -> list[str]:
        """The subscriber's own: it may see no others."""
        listed = self._admin.list_consumer_groups(request_timeout=_REQUEST_S).result(_REQUEST_S).valid
        return sorted(each.group_id for each in listed if each.group_id.startswith(self._prefix))

    def _place(self, topic: str, partitions: list[int], groups: list[str]) -> Place:
        low, high = (self._offsets(topic, partitions, spec) for spec in (OffsetSpec.earliest(), OffsetSpec.latest()))
        grant, behind = topic.rpartition(".")[2], {}
        for group in groups:
            if group.removeprefix(self._prefix).partition(".")[0] != grant:
                continue
            asked = [ConsumerGroupTopicPartitions(group)]
            found = self._admin.list_consumer_group_offsets(asked, request_timeout=_REQUEST_S)[group].result(_REQUEST_S)
            committed = {each.partition: each.offset for each in found.topic_partitions if each.topic == topic and each.offset >= 0}
            if committed:
                behind[group] = sum(max(0, high[each] - committed.get(each, low[each])) for each in partitions)
        return Place(len(partitions), sum(high[each] - low[each] for each in partitions), behind)

    def _offsets(self, topic: str, partitions: list[int], spec: OffsetSpec) -> dict[int, int]:
        asked = {TopicPartition(topic, partition): spec for partition in partitions}
        answers = self._admin.list_offsets(asked, request_timeout=_REQUEST_S)
        return {place.partition: int(answer.result(_REQUEST_S).offset) for place, answer in answers.items()}
