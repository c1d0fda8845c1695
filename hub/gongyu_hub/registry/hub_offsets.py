"""How far the hub has committed, and whether it has read all before some ends: asked as a consumer that never joins its group.

Subject lists are written in transactions, and behind the last message of one lies the mark of its end, which nobody reads and no
committed offset counts: so what lies between a committed offset and an end is looked at.

Decision: a consumer's `committed` instead of the administrator's list of group offsets, because librdkafka 2.16 crashes in the
latter where the group is not known yet.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from gongyu_schemas.errors import KafkaUnavailable
from gongyu_schemas.names import HUB_GROUP
from gongyu_schemas.transport.clients import make_consumer
from gongyu_schemas.transport.profile import Profile

_TIMEOUT_S = 5.0


def has_read(profile: Profile, topic: str, ends: Mapping[int, int]) -> bool:
    """Whether the hub has committed every message before these ends, by partition. Raises KafkaUnavailable."""
    committed = committed_offsets(profile, topic, ends)
    left = {partition: committed.get(partition, 0) for partition, end in ends.items() if committed.get(partition, 0) < end}
    return not left or not _any_message(profile, topic, left, ends)


def committed_offsets(profile: Profile, topic: str, partitions: Iterable[int]) -> dict[int, int]:
    """By partition; without one where nothing was committed. Raises KafkaUnavailable."""
    asked = [TopicPartition(topic, number) for number in partitions]
    if not asked:
        return {}
    consumer = _make_consumer(profile)
    try:
        found = consumer.committed(asked, timeout=_TIMEOUT_S)
    except KafkaException as error:
        raise KafkaUnavailable(f"the hub's offsets of {topic} are not known for now: {error.args[0].str()}") from error
    finally:
        consumer.close()
    return {each.partition: each.offset for each in found if each.error is None and each.offset >= 0}


def _any_message(profile: Profile, topic: str, begins: Mapping[int, int], ends: Mapping[int, int]) -> bool:
    """Whether one lies between its partition's begin and end."""
    consumer, looking = _make_consumer(profile), set(begins)
    try:
        consumer.assign([TopicPartition(topic, partition, begin) for partition, begin in begins.items()])
        deadline = time.monotonic() + _TIMEOUT_S
        while looking and time.monotonic() < deadline:
            for message in consumer.consume(100, 0.2):
                partition, error = message.partition() or 0, message.error()
                if error is None and (message.offset() or 0) < ends[partition]:
                    return True
                if error is None or error.code() == KafkaError._PARTITION_EOF:
                    looking.discard(partition)
    finally:
        consumer.close()
    if looking:
        raise KafkaUnavailable(f"{topic} could not be read to its end within {_TIMEOUT_S:.0f} s")
    return False


def _make_consumer(profile: Profile) -> Consumer:
    settings = {"auto.offset.reset": "earliest", "enable.partition.eof": True, "fetch.wait.max.ms": 50}
    return make_consumer(profile, **{"group.id": HUB_GROUP, "enable.auto.commit": False, "isolation.level": "read_committed", **settings})
