"""The store is a cache: deleted, foreign, ahead or damaged, it is rebuilt from the state topic and nothing shows."""

from __future__ import annotations

import fcntl
import random
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.faults.changes import GRANTS, change
from tests.running import Published, RunningHub, people
from tests.waiting import wait_until

pytestmark = pytest.mark.kafka


def stores(hub: RunningHub, of: Published) -> list[Path]:
    return sorted((hub.directory / "store" / "worker-1").glob(f"{of.state_topic()}.*"))


@pytest.mark.timeout(400)
def test_store_deleted_self_check_zero(hub: RunningHub, unique: Callable[[str], str]) -> None:
    of, rng = hub.add_type("person", unique("deleted"), GRANTS), random.Random(7)
    for _ in range(3):
        with hub.working():
            change(of, rng, 1000)
            of.settled()
        assert len(stores(hub, of)) == 4
        shutil.rmtree(hub.directory / "store")
    with hub.working():
        change(of, rng, 1000)
        of.settled()
    assert of.check().inputs >= 4000


@pytest.mark.timeout(400)
def test_store_copied_from_elsewhere_self_check_zero(hub: RunningHub, unique: Callable[[str], str]) -> None:
    """Another partition's, an older one of its own, and one that is damaged."""
    of, rng = hub.add_type("person", unique("copied"), GRANTS), random.Random(8)
    with hub.working():
        change(of, rng, 1000)
        of.settled()
    mine = stores(hub, of)
    older = hub.directory / "older"
    shutil.copytree(mine[0], older)
    with hub.working():
        change(of, rng, 1000)
        of.settled()
    shutil.rmtree(mine[0])
    shutil.move(older, mine[0])
    shutil.rmtree(mine[1])
    shutil.copytree(mine[2], mine[1])
    (mine[3] / "data" / "data.mdb").write_bytes(b"damaged" * 5000)
    with hub.working():
        change(of, rng, 1000)
        of.settled()
    assert of.check().inputs >= 3000


@pytest.mark.timeout(400)
def test_valid_poison_store_deleted_then_record_deleted_the_d_arrives(hub: RunningHub, unique: Callable[[str], str]) -> None:
    of = hub.add_type("person", unique("poison"), GRANTS)
    row = people([1])[0]
    with hub.working():
        of.send("c", None, row)
        of.send_raw(of.key(row), b"poison")
        of.settled()
    shutil.rmtree(hub.directory / "store")
    with hub.working():
        of.send_raw(of.key(row), None)
        of.settled()
    result = of.check()
    delivered = {grant.terms.name: grant.tally.delivered for grant in result.grants}
    assert delivered["all"] == {"c": 1, "u": 0, "d": 1} == delivered["seoul"] and delivered["rich"]["d"] == 0


@pytest.mark.timeout(400)
def test_one_partition_that_cannot_be_restored_does_not_stop_the_others(hub: RunningHub, unique: Callable[[str], str]) -> None:
    of, rng = hub.add_type("person", unique("locked"), GRANTS), random.Random(11)
    with hub.working():
        change(of, rng, 1000)
        of.settled()
    with (stores(hub, of)[1] / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with hub.working() as worker:
            wait_until(lambda: worker.text().count("cannot be restored for now") >= 2, 60, "the locked one tried again")

            def restored() -> int:
                return len([line for line in worker.text().splitlines() if "partition restored" in line and of.topic in line])

            wait_until(lambda: restored() >= 3, 60, "the others restored")
            assert restored() == 3
            fcntl.flock(lock, fcntl.LOCK_UN)
            change(of, rng, 1000)
            of.settled()
    assert of.check().inputs >= 2000
