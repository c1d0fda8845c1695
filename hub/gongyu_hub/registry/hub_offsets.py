"""How far the hub has committed: asked as a consumer that never joins its group.

Decision: a consumer's `committed` instead of the administrator's list of group offsets, because librdkafka 2.16 crashes in the
latter where the group is not known yet.
"""

from __future__ import annotations

from collections.abc import Iterable

from confluent_kafka import KafkaException, TopicPartition

from gongyu_schemas.errors import KafkaUnavailable
from gongyu_schemas.names import HUB_GROUP
from gongyu_schemas.transport.clients import make_consumer
from gongyu_schemas.transport.profile import Profile

_TIMEOUT_S = 5.0


def committed_offsets(profile: Profile, topic: str, partitions: Iterable[int]) -> dict[int, int]:
    """By partition; without one where nothing was committed. Raises KafkaUnavailable."""
    asked = [TopicPartition(topic, number) for number in partitions]
    if not asked:
        return {}
    consumer = make_consumer(profile, **{"group.id": HUB_GROUP, "enable.auto.commit": False, "isolation.level": "read_committed"})
    try:
        found = consumer.committed(asked, timeout=_TIMEOUT_S)
    except KafkaException as error:
        raise KafkaUnavailable(f"the hub's offsets of {topic} are not known for now: {error.args[0].str()}") from error
    finally:
        consumer.close()
    return {each.partition: each.offset for each in found if each.error is None and each.offset >= 0}
