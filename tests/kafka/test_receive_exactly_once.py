"""Receiving exactly once: kill -9 again and again, and nothing is lost or applied twice."""

from __future__ import annotations

import json
import random
import signal
import sqlite3
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import ConsumerGroupTopicPartitions, TopicPartition
from confluent_kafka.admin import OffsetSpec

from gongyu_schemas import exit_codes
from gongyu_schemas.transport.profile import Profile
from tests.consumers import receiver
from tests.consumers.fed_grant import Event, FedGrant, fed_grant
from tests.waiting import wait_until

pytestmark = pytest.mark.kafka

PARTITIONS = 3
KILLS = 8
MESSAGES = 60_000


@pytest.fixture
def fed(admin: Profile, tmp_path: Path, unique: Callable[[str], str]) -> Iterator[FedGrant]:
    with fed_grant(admin, tmp_path, unique("bank"), partitions=PARTITIONS) as made:
        yield made


def day_of_changes(seed: int, size: int) -> tuple[list[Event], dict[str, str]]:
    """A legal history with two copies per partition, and the table it ends in."""
    chance = random.Random(seed)
    events = [Event(op, source=p) for p in range(PARTITIONS) for op in ("begin", "end")]
    held: dict[str, str] = {}
    fresh: set[str] | None = None
    for number in range(size):
        if number == size // 2:
            events += [Event("begin", source=p, number=2) for p in range(PARTITIONS)]
            fresh = set()
        elif number == size * 3 // 4 and fresh is not None:
            events += [Event("end", source=p, number=2) for p in range(PARTITIONS)]
            held, fresh = {record: held[record] for record in fresh if record in held}, None
        record, address = f"{chance.randrange(5_000):013d}", f"{number} Sejong-daero"
        known = record in held and (fresh is None or record in fresh)
        op = ("d" if chance.random() < 0.2 else "u") if known else "r" if fresh is not None else "c"
        events.append(Event(op, record, held[record] if op == "d" else address, source=int(record) % PARTITIONS))
        if op == "d":
            del held[record]
        else:
            held[record] = address
            if fresh is not None:
                fresh.add(record)
    return events, held


def publish(fed: FedGrant, events: list[Event]) -> None:
    """In transactions of a thousand, every third one aborted and sent again."""
    for number, start in enumerate(range(0, len(events), 1_000)):
        if number % 3 == 0:
            fed.abort(*events[start : start + 500])
        fed.publish(*events[start : start + 1_000])


def query(path: Path, sql: str) -> dict[Any, Any]:
    if path.exists():
        with closing(sqlite3.connect(path)) as database, suppress(sqlite3.OperationalError):
            return dict(database.execute(sql).fetchall())
    return {}


def _reached(progress: Callable[[], int], goal: int) -> bool:
    return progress() >= goal


def kill_in_a_loop(fed: FedGrant, to: str, progress: Callable[[], int], size: int) -> None:
    """Start, let it come some way that differs each time, kill -9."""
    chance = random.Random(5)
    for _ in range(KILLS):
        goal = min(size, progress() + chance.randrange(1, size // KILLS))
        process = receiver.start(fed, to)
        wait_until(partial(_reached, progress, goal), 30, f"{goal} received")
        process.send_signal(signal.SIGKILL)
        process.communicate()


def test_a_table_survives_kill_9_in_a_loop_without_loss_or_double_application(fed: FedGrant, tmp_path: Path) -> None:
    path = tmp_path / "bank.db"
    events, held = day_of_changes(7, MESSAGES)
    publisher = threading.Thread(target=publish, args=(fed, events))
    publisher.start()
    kill_in_a_loop(fed, f"sqlite:///{path}", lambda: sum(query(path, 'SELECT what, number FROM "gongyu.counts"').values()), MESSAGES)
    publisher.join()
    code, _, err = receiver.run(fed, f"sqlite:///{path}", "--exit-at-end")
    assert code == exit_codes.OK, err
    counts = query(path, 'SELECT what, number FROM "gongyu.counts"')
    swept = counts.pop("swept")
    assert counts == Counter("m" if each.op in {"begin", "end"} else each.op for each in events)
    assert query(path, 'SELECT resident_id, address FROM "resident-address"') == held
    assert swept + len(held) == sum({"c": 1, "d": -1}.get(each.op, 0) for each in events) + new_in_copy(events)


def new_in_copy(events: list[Event]) -> int:
    """How many `r` brought a record that the table did not hold."""
    held: set[str] = set()
    new = 0
    for each in events:
        new += each.op == "r" and each.record not in held
        if each.op in {"c", "r"}:
            held.add(each.record)
        elif each.op == "d":
            held.discard(each.record)
    return new


def received_lines(path: Path) -> int:
    """By the positions that the sink keeps beside the lines."""
    sidecar = path.with_name(path.name + ".offsets.json")
    return sum(json.loads(sidecar.read_text())["positions"].values()) if sidecar.exists() else 0


def test_lines_survive_kill_9_in_a_loop_each_once_and_in_order(fed: FedGrant, tmp_path: Path) -> None:
    path = tmp_path / "bank.jsonl"
    events, _ = day_of_changes(8, MESSAGES // 2)
    publisher = threading.Thread(target=publish, args=(fed, events))
    publisher.start()
    kill_in_a_loop(fed, f"jsonl:{path}", lambda: received_lines(path), MESSAGES // 2)
    publisher.join()
    code, _, err = receiver.run(fed, f"jsonl:{path}", "--exit-at-end")
    assert code == exit_codes.OK, err
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    for partition in range(PARTITIONS):
        found = [
            (each["key"].get("resident_id", ""), (each["after"] or {}).get("address")) for each in lines if each["partition"] == partition
        ]
        sent = [(each.record, None if each.op in {"d", "begin", "end"} else each.address) for each in events if each.source == partition]
        assert found == sent


def test_sigterm_commits_and_exits_0(fed: FedGrant, tmp_path: Path) -> None:
    path = tmp_path / "bank.db"
    fed.publish(*(Event(op, source=p) for p in range(PARTITIONS) for op in ("begin", "end")))
    process = receiver.start(fed, f"sqlite:///{path}", "--json")
    wait_until(lambda: query(path, 'SELECT what, number FROM "gongyu.counts"').get("m") == 2 * PARTITIONS, 20, "the first copy")
    fed.publish(Event("c", "1", "Seoul"))
    wait_until(lambda: query(path, 'SELECT resident_id, address FROM "resident-address"'), 10, "the change")
    process.send_signal(signal.SIGTERM)
    out, err = process.communicate(timeout=20)
    assert process.returncode == exit_codes.OK, err
    summary = json.loads(out)
    assert summary["delivered"]["c"] == 1
    assert summary["live_latency_ms"]["p50"] > 0
    positions = query(path, 'SELECT partition, next_offset FROM "gongyu.offsets"')
    for partition in range(PARTITIONS):
        place = TopicPartition(fed.topic, partition)
        end = fed.admin.list_offsets({place: OffsetSpec.latest()})[place].result(10).offset
        assert positions[partition] in {end - 1, end}  # the last offset is the transaction's control record


def test_the_group_shows_the_lag(fed: FedGrant, tmp_path: Path) -> None:
    path = tmp_path / "bank.db"
    group = f"subscriber.{fed.subscriber}.{fed.grant}"
    process = receiver.start(fed, f"sqlite:///{path}")
    fed.publish(*(Event(op, source=p) for p in range(PARTITIONS) for op in ("begin", "end")))

    def committed() -> int:
        answer = fed.admin.list_consumer_group_offsets([ConsumerGroupTopicPartitions(group)])[group].result(10)
        return sum(max(0, each.offset) for each in answer.topic_partitions)

    wait_until(lambda: committed() >= 2 * PARTITIONS, 20, "offsets in the group")
    process.terminate()
    process.communicate(timeout=20)
    assert process.returncode == exit_codes.OK
