"""A list replaced while workers die: each entry is applied once, and in the end the hub holds exactly the new list."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable

import pytest

from tests.faults.changes import change
from tests.kafka.test_subject_lists import LISTED, lists, membership, put, settled, told
from tests.running import Published, RunningHub

pytestmark = pytest.mark.kafka
ENTRIES = 10_000


def subjects(numbers: range) -> set[str]:
    return {f"p{number:07d}" for number in numbers}


def held(of: Published) -> set[str]:
    """Who is on the list by the state topic: Avro strings of one field."""
    return {subject[1:].decode() for subject, names in membership(of).items() if names == {f"{of.subscriber}/vip"}}


@pytest.mark.timeout(600)
def test_worker_kill_9_while_a_list_is_replaced_each_entry_once(hub: RunningHub, unique: Callable[[str], str]) -> None:
    of, rng, moment = hub.add_type("person", unique("replaced"), LISTED), random.Random(21), threading.Event()
    worker = hub.worker()
    try:
        change(of, rng, 2000)
        put(hub, "put", of, sorted(subjects(range(ENTRIES))))
        told(hub, of)
        for _ in range(4):
            first = rng.randrange(ENTRIES)
            put(hub, "put", of, sorted(subjects(range(first, first + ENTRIES))))
            for _ in range(2):
                change(of, rng, 500, flush=False)
                moment.wait(rng.random())
                worker.kill()
                worker = hub.worker()
        assert told(hub, of, deadline_s=120) == ENTRIES
        of.settled()
    finally:
        worker.stop()
    assert held(of) == subjects(range(first, first + ENTRIES))
    result = of.check()
    print(f"list messages: {result.list_inputs}, inputs: {result.inputs}")
    assert result.list_inputs >= 2 * ENTRIES


@pytest.mark.soak
@pytest.mark.timeout(3600)
def test_a_list_of_a_million_entries_replaced_while_running(hub: RunningHub, unique: Callable[[str], str]) -> None:
    of, rng = hub.add_type("person", unique("million"), LISTED), random.Random(22)
    million = 1_000_000
    with hub.working():
        change(of, rng, 5000)
        for first in (0, million // 2):
            change(of, rng, 5000, flush=False)
            done = lists(hub, "put", of, lines=(f"p{number:07d}" for number in range(first, first + million)))
            assert done.returncode == 0, done.stderr
            print(done.stdout)
        assert told(hub, of, deadline_s=1200) == million
        settled(hub, of, deadline_s=1200)
        of.settled()
    assert held(of) == subjects(range(million // 2, million // 2 + million))
    of.check(timeout_s=1200)
