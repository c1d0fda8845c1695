"""Workers come and go: partitions move between them, and every subscriber still receives each delivery once, in order."""

from __future__ import annotations

import random
import signal
from collections.abc import Callable

import pytest

from gongyu_schemas import exit_codes
from tests.faults.changes import GRANTS, change
from tests.running import RunningHub
from tests.waiting import wait_until

pytestmark = pytest.mark.kafka


@pytest.mark.timeout(600)
def test_two_workers_rebalance_self_check_zero(hub: RunningHub, unique: Callable[[str], str]) -> None:
    of, rng = hub.add_type("person", unique("rebalanced"), GRANTS), random.Random(9)
    with hub.working("worker-a") as first:
        change(of, rng, 2000)
        with hub.working("worker-b") as second:
            wait_until(lambda: of.topic in second.text(), 60, "the second worker has a partition")
            change(of, rng, 2000)
            of.settled()
            change(of, rng, 2000)
            first.kill()  # the second takes over after the session timeout
            of.settled(deadline_s=90)
    result = of.check()
    print(f"inputs: {result.inputs}")
    assert result.inputs >= 6000


@pytest.mark.timeout(600)
def test_a_worker_stopped_while_another_takes_over_writes_nothing_when_it_wakes(hub: RunningHub, unique: Callable[[str], str]) -> None:
    of, rng = hub.add_type("person", unique("zombie"), GRANTS), random.Random(10)
    with hub.working("worker-a") as first:
        change(of, rng, 2000)
        first.process.send_signal(signal.SIGSTOP)
        try:
            with hub.working("worker-b"):
                change(of, rng, 2000)
                of.settled(deadline_s=120)
                first.process.send_signal(signal.SIGCONT)
                change(of, rng, 2000)
                of.settled(deadline_s=120)
        finally:
            first.process.send_signal(signal.SIGCONT)
    assert of.check().inputs >= 6000


@pytest.mark.timeout(300)
def test_of_two_workers_under_one_name_the_newest_wins_and_the_older_ends_with_a_clear_message(
    hub: RunningHub, unique: Callable[[str], str]
) -> None:
    of, rng = hub.add_type("person", unique("twice"), GRANTS), random.Random(11)
    older = hub.worker("worker-t")
    try:
        change(of, rng, 500)
        of.settled()
        (hub.directory / "store").rename(hub.directory / "store-of-the-older")  # as on another machine
        with hub.working("worker-t"):
            change(of, rng, 500)
            wait_until(lambda: older.process.poll() is not None, 60, "the older worker ends")
            of.settled(deadline_s=90)
    finally:
        older.stop()
    assert older.process.returncode == exit_codes.FATAL and "error:" in older.text()
    assert of.check().inputs >= 1000
