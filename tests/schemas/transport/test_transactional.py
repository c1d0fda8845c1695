"""The transactional producer against real Kafka: what is committed, what is not, and who may go on."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import Any

import pytest
from confluent_kafka import KafkaError, Message, TopicPartition
from confluent_kafka.admin import NewTopic

from gongyu_hub.local_kafka import LocalKafka
from gongyu_schemas.transport import transactional
from gongyu_schemas.transport.clients import make_admin, make_consumer
from gongyu_schemas.transport.profile import Profile
from gongyu_schemas.transport.transactional import Fenced, TransactionalProducer, TransactionLost
from tests.waiting import wait_until

pytestmark = pytest.mark.kafka

Connect = Callable[..., TransactionalProducer]


class Watched(TransactionalProducer):
    """Says when it gives a transaction up."""

    def _recycle(self) -> None:
        self.gave_up.set()
        super()._recycle()

    gave_up: threading.Event


@pytest.fixture
def topic(admin: Profile, unique: Callable[[str], str]) -> str:
    name, client = unique("transactions"), make_admin(admin)
    client.create_topics([NewTopic(name, 2, 1)])[name].result(10)
    return name


@pytest.fixture
def connect(admin: Profile) -> Iterator[Connect]:
    """A producer that is closed when the test ends."""
    with ExitStack() as opened:

        def open_one(transactional_id: str, **more: Any) -> TransactionalProducer:
            producer = Watched(admin, transactional_id, **more)
            producer.gave_up = threading.Event()
            opened.callback(producer.close)
            return producer

        yield open_one


def read(profile: Profile, topic: str, group: str, isolation: str = "read_committed") -> list[bytes | None]:
    """All values of the topic up to its end as this isolation level sees it."""
    config = {"group.id": group, "isolation.level": isolation, "enable.partition.eof": True, "enable.auto.commit": False}
    consumer = make_consumer(profile, **config)
    consumer.assign([TopicPartition(topic, partition, 0) for partition in range(2)])
    values: list[bytes | None] = []
    ended: set[int | None] = set()

    def at_the_end() -> bool:
        message: Message | None = consumer.poll(0.2)
        if message is None:
            return False
        error = message.error()
        if error is None:
            values.append(message.value())
        elif error.code() == KafkaError._PARTITION_EOF:
            ended.add(message.partition())
        return len(ended) == 2

    try:
        wait_until(at_the_end, 30, f"the end of {topic}")
        return sorted(values, key=lambda value: value or b"")
    finally:
        consumer.close()


def deliver(producer: TransactionalProducer, topic: str, value: bytes) -> None:
    """Return when the broker has the message, in a transaction that is still open."""
    answers: list[KafkaError | None] = []
    producer.produce(topic, value, b"k", 0, on_delivery=lambda error, _message: answers.append(error))

    def answered() -> bool:
        producer.poll()
        return bool(answers)

    wait_until(answered, 15, "the message reaches the broker")
    assert answers == [None]


def test_only_what_is_committed_is_seen(admin: Profile, topic: str, unique: Callable[[str], str], connect: Connect) -> None:
    producer = connect(unique("hub.commit"))
    delivered: list[tuple[KafkaError | None, bytes | None]] = []
    producer.begin()
    producer.produce(
        topic, b"1", b"k", 0, headers=[("h", b"v")], on_delivery=lambda error, message: delivered.append((error, message.value()))
    )
    producer.produce_many(topic, [b"2", None], [b"k", b"k"], [1, 1])
    producer.poll()
    assert read(admin, topic, unique("g")) == []
    producer.commit()
    assert delivered == [(None, b"1")]
    assert read(admin, topic, unique("g")) == [None, b"1", b"2"]


def test_what_is_abandoned_is_never_seen_and_the_next_transaction_works(
    admin: Profile, topic: str, unique: Callable[[str], str], connect: Connect
) -> None:
    producer = connect(unique("hub.abandon"))
    producer.begin()
    deliver(producer, topic, b"abandoned")
    producer.abandon()
    producer.begin()
    producer.produce(topic, b"kept", b"k", 0)
    producer.commit()
    assert read(admin, topic, unique("g")) == [b"kept"]
    assert read(admin, topic, unique("g"), "read_uncommitted") == [b"abandoned", b"kept"]


def test_closing_gives_up_the_open_transaction(admin: Profile, topic: str, unique: Callable[[str], str]) -> None:
    producer = TransactionalProducer(admin, unique("hub.close"))
    producer.begin()
    producer.produce(topic, b"open", b"k", 0)
    producer.close()
    assert read(admin, topic, unique("g")) == []


def test_offsets_are_committed_with_the_messages_or_not_at_all(
    admin: Profile, topic: str, unique: Callable[[str], str], connect: Connect
) -> None:
    producer, group = connect(unique("hub.offsets")), unique("g")
    consumer = make_consumer(admin, **{"group.id": group, "enable.auto.commit": False})
    consumer.assign([TopicPartition(topic, 0, 0)])

    def settle(offset: int, finish: Callable[[], None]) -> int:
        producer.begin()
        producer.produce(topic, b"x", b"k", 1)
        if finish == producer.commit:
            producer.commit([TopicPartition(topic, 0, offset)], consumer.consumer_group_metadata())
        else:
            finish()
        (committed,) = consumer.committed([TopicPartition(topic, 0)], timeout=10)
        return committed.offset

    try:
        assert settle(5, producer.commit) == 5
        assert settle(9, producer.abandon) == 5
        assert settle(7, producer.commit) == 7
    finally:
        consumer.close()


@pytest.mark.parametrize("moment", ["before begin", "before produce", "between messages", "before commit", "idle"])
def test_a_second_producer_of_the_same_id_fences_the_first(
    moment: str, admin: Profile, topic: str, unique: Callable[[str], str], connect: Connect
) -> None:
    name = unique("hub.fence")
    first = connect(name)
    seconds: list[TransactionalProducer] = []

    def take_over(at: str) -> None:
        if at == moment:
            seconds.append(connect(name))

    def go_on() -> None:
        take_over("before begin")
        first.begin()
        take_over("before produce")
        if moment == "between messages":
            deliver(first, topic, b"first")
            take_over(moment)
        first.produce(topic, b"first", b"k", 0)
        take_over("before commit")
        first.commit()
        take_over("idle")
        first.begin()
        first.produce(topic, b"first again", b"k", 0)
        first.commit()

    with pytest.raises(Fenced, match=f"another process took over transactional id '{name}'"):
        go_on()
    (second,) = seconds
    second.begin()
    second.produce(topic, b"second", b"k", 0)
    second.commit()
    assert read(admin, topic, unique("g")) == ([b"first", b"second"] if moment == "idle" else [b"second"])


@pytest.mark.parametrize("wrote_before", [False, True])
def test_the_fenced_one_never_takes_over_again(
    wrote_before: bool, admin: Profile, topic: str, unique: Callable[[str], str], connect: Connect
) -> None:
    """Also where it goes on producing while librdkafka has learnt of the fencing by itself."""
    name = unique("hub.fenced")
    first = connect(name)
    first.begin()
    if wrote_before:
        deliver(first, topic, b"first")
    second = connect(name)
    second.begin()
    second.produce(topic, b"second", b"k", 0)

    def produce_until_fenced() -> bool:
        try:
            first.produce(topic, b"first", b"k", 0)
            first.poll()
        except Fenced:
            return True
        return False

    wait_until(produce_until_fenced, 20, "produce says that it is fenced")
    for call in (first.begin, first.commit):
        with pytest.raises(Fenced):
            call()
    second.commit()
    assert read(admin, topic, unique("g")) == [b"second"]


def test_a_broker_lost_inside_a_transaction_loses_the_transaction_and_nothing_else(
    kafka: LocalKafka, admin: Profile, topic: str, unique: Callable[[str], str], connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transactional, "_CALL_TIMEOUT_S", 2.0)
    producer = connect(unique("hub.lost"), connect_timeout_s=60.0)
    producer.begin()
    producer.produce(topic, b"lost", b"k", 0)
    with ThreadPoolExecutor(1) as aside:
        kafka.kill()
        committing = aside.submit(producer.commit)
        assert isinstance(producer, Watched)
        gave_up = producer.gave_up.wait(30)
        kafka.start()
        assert gave_up
        with pytest.raises(TransactionLost, match="lost: "):
            committing.result(60)
    producer.begin()
    producer.produce(topic, b"after", b"k", 0)
    producer.commit()
    assert read(admin, topic, unique("g")) == [b"after"]
