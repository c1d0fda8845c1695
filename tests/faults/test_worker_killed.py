"""A worker killed at random moments loses nothing and delivers nothing twice."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable

import pytest

from tests.faults.changes import GRANTS, change
from tests.running import RunningHub

pytestmark = pytest.mark.kafka


@pytest.mark.timeout(600)
def test_worker_kill_9_at_random_moments_self_check_zero(hub: RunningHub, unique: Callable[[str], str]) -> None:
    moment, kills, rng = threading.Event(), 20, random.Random(5)
    of = hub.add_type("person", unique("killed"), GRANTS)
    worker = hub.worker()
    try:
        for _ in range(kills):
            change(of, rng, 1500)
            moment.wait(rng.random())  # anything from before the restore to after the last commit
            worker.kill()
            worker = hub.worker()
        of.settled()
    finally:
        worker.stop()
    result = of.check()
    print(f"kills: {kills}, inputs: {result.inputs}")
    assert result.inputs >= 20 * 1500
