"""A broker killed in the middle of the work and started again: the worker goes on by itself, nothing is lost, doubled or left open."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable

import pytest
from confluent_kafka import KafkaException, TopicPartition
from confluent_kafka.admin import NewTopic

from gongyu_hub.local_kafka import LocalKafka
from gongyu_schemas.transport.clients import make_admin, make_consumer, make_producer
from tests.faults.changes import GRANTS, change
from tests.running import RunningHub
from tests.waiting import wait_until

pytestmark = pytest.mark.kafka


@pytest.mark.timeout(600)
def test_broker_kill_9_self_check_zero(kafka: LocalKafka, hub: RunningHub, unique: Callable[[str], str]) -> None:
    moment, kills, away, rng = threading.Event(), 2, 1, random.Random(6)
    of = hub.add_type("person", unique("broker"), GRANTS)
    with hub.working() as worker:
        for _ in range(kills):
            change(of, rng, 6000, flush=False)
            moment.wait(rng.random() / 2)  # while messages come and transactions are open
            kafka.kill()
            kafka.start()
            of.settled(deadline_s=60)
        change(of, rng, 100)
        of.settled(deadline_s=60)
        assert worker.process.poll() is None, "the same worker went on by itself"
        for _ in range(away):
            change(of, rng, 1000, flush=False)
            moment.wait(rng.random() / 2)
            kafka.kill()
            moment.wait(12)  # longer than a session of the group and than a transaction
            kafka.start()
            of.settled(deadline_s=120)
        assert worker.process.poll() is None, "the same worker went on by itself"
    result = of.check()
    print(f"broker kills: {kills + away}, inputs: {result.inputs}")
    assert result.inputs >= 13_100


@pytest.mark.timeout(300)
def test_transactions_open_at_a_crash_end_although_the_broker_was_away_for_longer_than_they_may_last(
    kafka: LocalKafka, unique: Callable[[str], str]
) -> None:
    topic, partitions, opened = unique("crashed"), 4, 5
    admin = make_admin(kafka.profile)
    admin.create_topics([NewTopic(topic, partitions, 1)])[topic].result(10)
    producers = [make_producer(kafka.profile, **{"transactional.id": f"{topic}.{number}"}) for number in range(opened)]
    for producer in producers:
        producer.init_transactions(30)
        producer.begin_transaction()
        for number in range(partitions):
            producer.produce(topic, b"never committed", partition=number)
        assert producer.flush(30) == 0
    kafka.kill()
    threading.Event().wait(12)  # the broker gives a transaction 10 s here, and takes up those it knows when it starts
    kafka.start()
    committed = make_consumer(kafka.profile, **{"group.id": topic, "isolation.level": "read_committed"})
    written = make_consumer(kafka.profile, **{"group.id": topic, "isolation.level": "read_uncommitted"})

    def ended() -> bool:
        places = [TopicPartition(topic, number) for number in range(partitions)]
        try:
            ends = [(committed.get_watermark_offsets(place, 10)[1], written.get_watermark_offsets(place, 10)[1]) for place in places]
        except KafkaException:  # the broker has just come back
            return False
        return all(stable == end >= opened for stable, end in ends)

    try:
        wait_until(ended, 60, "every transaction is ended in every partition")
    finally:
        for consumer in (committed, written):
            consumer.close()
        for producer in producers:
            producer.purge()
