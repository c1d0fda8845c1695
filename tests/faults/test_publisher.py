"""The owner's publisher through a lost broker, kill -9 among its deletes, and other writers: each change is on the topic once."""

from __future__ import annotations

import random
import subprocess
import threading
from collections import Counter
from decimal import Decimal
from pathlib import Path

import pytest

from gongyu_hub.local_kafka import LocalKafka
from gongyu_schemas import exit_codes
from gongyu_schemas.transport.clients import make_producer
from gongyu_schemas.transport.profile import read_profile
from tests.producers.owned_topic import OwnedTopic
from tests.producers.registers import write_people
from tests.waiting import wait_until

pytestmark = pytest.mark.kafka

STOOD_STILL = "stood still for longer than a transaction may last"


def lose_brokers(kafka: LocalKafka, people: OwnedTopic, process: subprocess.Popen[str], rng: random.Random, most: int) -> int:
    """Kill the broker at random moments of the run and start it again; how often."""
    for kills in range(most):
        start = people.committed()
        wait_until(lambda start=start: process.poll() is not None or people.committed() > start, 60, "a transaction more")
        threading.Event().wait(rng.random() / 2)
        if process.poll() is not None:
            return kills
        kafka.kill()
        kafka.start()
    return most


@pytest.mark.timeout(600)
def test_broker_kill_9_in_the_middle_of_a_run(kafka: LocalKafka, people: OwnedTopic, tmp_path: Path) -> None:
    rng, kills, by_themselves = random.Random(3), 0, 0
    before = dict.fromkeys(range(12_000), 7)
    after = {number: 8 if number % 2 else 7 for number in range(3_000, 13_000)}
    for register in (before, after):
        file = write_people(tmp_path / "people.tsv", register)
        with people.start(file, "--snapshot", "--allow-deletes", "--per-transaction", "50") as process:
            kills += lose_brokers(kafka, people, process, rng, most=2)
            _, err = process.communicate(timeout=120)
        assert process.returncode in (exit_codes.OK, exit_codes.KAFKA) or STOOD_STILL in err, err
        if process.returncode == exit_codes.OK:
            by_themselves += 1
        else:
            people.snapshot(file, "--allow-deletes")
        assert people.incomes() == register
    changes = Counter(each.change["op"] for each in people.messages())
    print(f"broker kills: {kills}, changes: {changes.total()}, runs that went on by themselves: {by_themselves} of 2")
    assert changes == {"c": 13_000, "u": 4_500, "d": 3_000}
    assert kills >= 3
    assert by_themselves >= 1


def test_publisher_kill_9_in_its_delete_transactions(people: OwnedTopic, tmp_path: Path) -> None:
    small = ("--allow-deletes", "--per-transaction", "200")
    people.snapshot(write_people(tmp_path / "people.tsv", dict.fromkeys(range(2_000), 1)))
    after = dict.fromkeys(range(1_600, 2_000), 1) | dict.fromkeys(range(1500, 1600), 2)
    file = write_people(tmp_path / "people.tsv", after)
    people.run_killed("after-save", 1, file, *small)  # the updates; what follows are deletes
    kills = [("before-commit", 1), ("after-commit", 1), ("after-save", 2), ("before-commit", 2), ("after-commit", 1), ("after-commit", 1)]
    for point, transaction in kills:
        people.run_killed(point, transaction, file, *small)
    people.snapshot(file, *small)
    assert people.incomes() == after
    changes = Counter(each.change["op"] for each in people.messages())
    print(f"publisher kills: {len(kills) + 1}, deletes: {changes['d']}")
    assert changes == {"c": 2_000, "u": 100, "d": 1_500}


def write_as_another_program(people: OwnedTopic) -> None:
    """A record of its own, with the owner's credentials."""
    theirs = {"id": "theirs", "name": "Kim", "region": None, "income": 1, "score": 0.5, "fee": Decimal("1.00")}
    key, value = people.encode("c", None, theirs)
    writer = make_producer(read_profile(people.profile_path))
    writer.produce(people.topic, value, key)
    assert writer.flush(30) == 0


def test_another_writer_during_a_run_is_detected_and_said(people: OwnedTopic, tmp_path: Path) -> None:
    register = dict.fromkeys(range(20_000), 7)
    file = write_people(tmp_path / "people.tsv", register)
    with people.start(file, "--snapshot", "--per-transaction", "50") as process:
        wait_until(lambda: people.committed() > 500, 60, "some transactions")
        write_as_another_program(people)
        _, err = process.communicate(timeout=60)
    assert process.returncode == exit_codes.FATAL
    assert "another program or machine wrote 1 messages to this topic during the run" in err
    assert len(people.messages()) < 20_000, "it stopped at once"
    assert people.snapshot(file, "--dry-run")["keys"]["delete"] == [{"id": "theirs"}], "and the next run would not hide theirs"
    people.snapshot(file)
    assert people.incomes() == register


def test_another_writer_between_two_runs_is_said(people: OwnedTopic, tmp_path: Path) -> None:
    file = write_people(tmp_path / "people.tsv", {1: 1})
    people.snapshot(file)
    write_as_another_program(people)
    summary = people.snapshot(file, "--allow-deletes")
    assert (summary["deleted"], summary["unchanged"]) == (1, 1)
    assert summary["notes"] == ["1 changes were published by another program or machine since the last run here"]
