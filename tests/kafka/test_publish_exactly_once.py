"""A crash at any point of a run, then the same command again: the topic holds each change once."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from gongyu_schemas import exit_codes
from tests.producers.owned_topic import OwnedTopic
from tests.producers.registers import write_people
from tests.waiting import wait_until

pytestmark = pytest.mark.kafka

SMALL = ("--per-transaction", "500")
PEOPLE = 3_000
BEFORE = dict.fromkeys(range(PEOPLE), 1_000)
AFTER = {number: 2_000 if number % 3 else 1_000 for number in range(300, PEOPLE + 200)}


@pytest.mark.parametrize("point", ["before-commit", "after-commit", "after-save"])
def test_a_run_killed_in_its_middle_is_completed_by_the_next(people: OwnedTopic, tmp_path: Path, point: str) -> None:
    file = write_people(tmp_path / "people.tsv", BEFORE)
    people.run_killed(point, 1, file, *SMALL)
    people.run_killed(point, 2, file, *SMALL)
    people.snapshot(file)
    assert people.incomes() == BEFORE
    write_people(file, AFTER)
    people.run_killed(point, 2, file, *SMALL)  # of five transactions
    people.run_killed(point, 1, file, *SMALL)
    people.snapshot(file)
    assert people.incomes() == AFTER
    assert people.snapshot(file)["unchanged"] == len(AFTER)


def test_a_crash_between_commit_and_saving_the_state_publishes_nothing_twice(people: OwnedTopic, tmp_path: Path) -> None:
    file = write_people(tmp_path / "people.tsv", {1: 1, 2: 2})
    people.run_killed("after-commit", 1, file, *SMALL)
    summary = people.snapshot(file)
    assert (summary["created"], summary["unchanged"]) == (0, 2)
    assert len(people.messages()) == 2


@pytest.mark.parametrize(("number", "code"), [(signal.SIGKILL, -9), (signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_run_stopped_at_a_random_moment_is_completed_by_the_next(
    people: OwnedTopic, tmp_path: Path, number: signal.Signals, code: int
) -> None:
    register = dict.fromkeys(range(30_000), 7)
    file = write_people(tmp_path / "people.tsv", register)
    with people.start(file, "--snapshot", "--per-transaction", "50") as process:
        wait_until(lambda: people.committed() > 500, 60, "some transactions")
        process.send_signal(number)
        _, err = process.communicate(timeout=60)
    assert process.returncode == code, err
    if number != signal.SIGKILL:
        assert "run again to publish what is left" in err
    published = len(people.messages())
    assert 0 < published < len(register)
    summary = people.snapshot(file)
    assert (summary["created"], summary["unchanged"]) == (len(register) - published, published)
    assert people.incomes() == register


def test_a_second_run_at_the_same_time_is_refused(people: OwnedTopic, tmp_path: Path) -> None:
    file = write_people(tmp_path / "people.tsv", dict.fromkeys(range(30_000), 7))
    with people.start(file, "--snapshot", "--per-transaction", "50") as process:
        wait_until(lambda: people.committed() > 0, 60, "the first transaction")
        code, out, err = people.run(file, "--snapshot")
        process.terminate()
        process.communicate(timeout=60)
    assert (code, out) == (exit_codes.USAGE, "")
    assert "another gongyu-owner publishes to this topic now" in err


def test_a_run_from_another_machine_takes_over_and_the_first_one_stops(people: OwnedTopic, tmp_path: Path) -> None:
    first, second = write_people(tmp_path / "first.tsv", dict.fromkeys(range(30_000), 7)), write_people(tmp_path / "second.tsv", {1: 8})
    people.snapshot(write_people(tmp_path / "start.tsv", {1: 1}))
    with people.start(first, "--snapshot", "--per-transaction", "50") as process:
        wait_until(lambda: people.committed() > 500, 60, "some transactions")
        code, _, err = people.run(second, "--snapshot", "--rebuild-state", "--allow-deletes", state_dir=tmp_path / "elsewhere")
        assert code == exit_codes.OK, err
        _, err = process.communicate(timeout=60)
    assert process.returncode == exit_codes.FATAL
    assert "another" in err
    assert people.incomes() == {1: 8}
