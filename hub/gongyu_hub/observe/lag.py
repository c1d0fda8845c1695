"""How far behind each partition is, from what the client knows already: no question to the broker."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from confluent_kafka import Consumer, KafkaException, TopicPartition

from gongyu_hub.observe.metrics import Metrics
from gongyu_hub.state.pending import Partition
from gongyu_hub.values import Place
from gongyu_schemas.names import owner_and_type


def tell_lag(
    metrics: Metrics, consumer: Consumer, partitions: Mapping[Place, Partition], ends: Mapping[Place, int], out_of_reach: Collection[Place]
) -> None:
    """`ends`: where the ends of partitions were last seen, behind their last control records."""
    for (topic, number), partition in partitions.items():
        try:
            _, high = consumer.get_watermark_offsets(TopicPartition(topic, number), cached=True)
        except KafkaException:
            continue
        cursor = max(partition.progress.cursor, ends.get((topic, number), 0))
        labels = (*owner_and_type(topic), str(number))
        metrics.lag.labels(*labels).set(max(0, high - cursor))
        metrics.out_of_reach.labels(*labels).set((topic, number) in out_of_reach)
