"""What the policy is on Kafka: topics with their settings, and rights.

Pure: enters types and grants, leaves `Topic` and `Right` values. An owner writes and reads its own topics; a subscriber
reads its grant topics, one right for each topic so that one grant can be taken away; the hub reads owners' and writes
subscribers' topics. Nothing else is allowed.
"""

from __future__ import annotations

from collections.abc import Iterator

from confluent_kafka.admin import AclOperation, ResourceType

from gongyu_hub.registry.kafka_admin import Right, Topic
from gongyu_schemas import names
from gongyu_schemas.information_type import InformationType

_DAY_MS = 24 * 3600 * 1000
GRANT_PARTITIONS_MAX = 4
#: Two images of 400,000 bytes, keys and the envelope; Kafka's own default, made explicit.
MESSAGE_BYTES_MAX = 1_048_588
#: A dead letter is the message as it came with its reason in headers.
DEAD_LETTER_BYTES_MAX = MESSAGE_BYTES_MAX + 131_072
#: The first index entry of a fresh partition is a slow page fault inside the commit of a transaction; with few entries
#: it is not due at once in every one of hundreds of fresh topics.
_SPARSE_INDEX = {"index.interval.bytes": "1048576"}
_DATA = {"cleanup.policy": "delete", "max.message.bytes": str(MESSAGE_BYTES_MAX)}
_COMPACTED = {"cleanup.policy": "compact", "max.message.bytes": str(MESSAGE_BYTES_MAX)}

_READ = (AclOperation.READ, AclOperation.DESCRIBE)
_WRITE = (AclOperation.WRITE, AclOperation.DESCRIBE)
_BOTH = (AclOperation.READ, AclOperation.WRITE, AclOperation.DESCRIBE)


def hub_topics() -> tuple[Topic, ...]:
    """The policy rolls its segment each hour, so that heartbeats are compacted away while it is read in a moment."""
    policy = {**_COMPACTED, "segment.ms": "3600000", "min.cleanable.dirty.ratio": "0.1"}
    letters = {**_DATA, **_SPARSE_INDEX, "max.message.bytes": str(DEAD_LETTER_BYTES_MAX), "retention.ms": str(30 * _DAY_MS)}
    # Stamped by the broker, so that the control plane can compare its clock with it.
    clock = {**_DATA, "message.timestamp.type": "LogAppendTime", "retention.ms": "3600000", "segment.ms": "3600000"}
    return (
        Topic(names.POLICY_TOPIC, 1, policy),
        Topic(names.CONTROL_TOPIC, 1, _COMPACTED),
        Topic(names.ADOPTIONS_TOPIC, 1, _COMPACTED),
        Topic(names.CLOCK_TOPIC, 1, clock),
        Topic(names.DEAD_LETTER_TOPIC, 4, letters),
    )


def type_topics(information_type: InformationType) -> tuple[Topic, ...]:
    """The owner's topic, and the state topic with the same partitions.

    A store that missed deletes for longer than half of delete.retention is discarded, so the time is stated: 7 days.
    """
    owner = names.owner_topic(information_type.owner, information_type.name)
    state = {**_COMPACTED, **_SPARSE_INDEX, "delete.retention.ms": str(7 * _DAY_MS), "min.cleanable.dirty.ratio": "0.2"}
    return (
        Topic(owner, information_type.partitions, {**_DATA, "retention.ms": str(14 * _DAY_MS)}),
        Topic(names.state_topic(information_type.name), information_type.partitions, state),
    )


def subjects_topic(information_type: str, partitions: int) -> Topic:
    """The subject lists of a type, partitioned like its owner topic. Their keys are people's numbers.

    A removal is there for 14 + 7 days: longer than an owner topic keeps, and three times as long as it takes until one that the hub has
    not read is told again (`unread_removals`). It is compacted as soon as it may be, however little the topic has changed:
    with Kafka's own ratio alone the numbers of who was removed could stay for ever.
    """
    settings = {
        **_COMPACTED,
        **_SPARSE_INDEX,
        "delete.retention.ms": str(7 * _DAY_MS),
        "min.compaction.lag.ms": str(14 * _DAY_MS),
        "max.compaction.lag.ms": str(14 * _DAY_MS),
    }
    return Topic(names.subjects_topic(information_type), partitions, settings)


def grant_topic(subscriber: str, grant: str, owner_partitions: int) -> Topic:
    """Few partitions: the cost of a transaction grows with the partitions it touches."""
    settings = {**_DATA, **_SPARSE_INDEX, "retention.ms": str(7 * _DAY_MS)}
    return Topic(names.grant_topic(subscriber, grant), min(GRANT_PARTITIONS_MAX, owner_partitions), settings)


def hub_rights() -> Iterator[Right]:
    """Of the workers. They see settings of the hub's own topics, to know how long deletes are kept."""
    user = names.HUB_USER
    yield Right(user, ResourceType.TOPIC, "owner.", _READ, prefix=True)
    yield Right(user, ResourceType.TOPIC, "hub.", (*_BOTH, AclOperation.DESCRIBE_CONFIGS), prefix=True)
    yield Right(user, ResourceType.TOPIC, "grant.", _WRITE, prefix=True)
    yield Right(user, ResourceType.TOPIC, "notice.", _WRITE, prefix=True)
    yield Right(user, ResourceType.GROUP, "hub.", (AclOperation.READ,), prefix=True)
    yield Right(user, ResourceType.TRANSACTIONAL_ID, names.HUB_TRANSACTIONAL_PREFIX, _WRITE, prefix=True)


def control_rights(user: str) -> Iterator[Right]:
    """Of the control plane's user: all else it may do as the administrator of this Kafka."""
    yield Right(user, ResourceType.TRANSACTIONAL_ID, names.CONTROL_TRANSACTIONAL_ID, _WRITE)


def owner_rights(owner: str) -> Iterator[Right]:
    user = names.owner_user(owner)
    yield Right(user, ResourceType.TOPIC, f"owner.{owner}.", _BOTH, prefix=True)
    yield Right(user, ResourceType.GROUP, f"owner.{owner}.", (AclOperation.READ,), prefix=True)
    yield Right(user, ResourceType.TRANSACTIONAL_ID, names.owner_transactional_prefix(owner), _WRITE, prefix=True)


def subscriber_rights(subscriber: str) -> Iterator[Right]:
    user = names.subscriber_user(subscriber)
    yield Right(user, ResourceType.TOPIC, names.notice_topic(subscriber), _READ)
    yield Right(user, ResourceType.GROUP, names.subscriber_group_prefix(subscriber), (AclOperation.READ,), prefix=True)


def grant_right(subscriber: str, grant: str) -> Right:
    return Right(names.subscriber_user(subscriber), ResourceType.TOPIC, names.grant_topic(subscriber, grant), _READ)
