"""A broker killed in the middle of the work and started again: the worker goes on by itself, nothing is lost or doubled."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable

import pytest

from gongyu_hub.local_kafka import LocalKafka
from tests.faults.changes import GRANTS, change
from tests.running import RunningHub

pytestmark = pytest.mark.kafka


@pytest.mark.timeout(600)
def test_broker_kill_9_self_check_zero(kafka: LocalKafka, hub: RunningHub, unique: Callable[[str], str]) -> None:
    moment, kills, rng = threading.Event(), 3, random.Random(6)
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
    result = of.check()
    print(f"broker kills: {kills}, inputs: {result.inputs}")
    assert result.inputs >= 18_100
