"""A pause is seen, and ended by the operator: nothing is skipped, repeated or lost by it, whoever is killed meanwhile."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from typing import Any

import pytest

from gongyu_hub.operating.connection import Commands
from gongyu_hub.operating.partitions import reading
from gongyu_hub.operating.status import describe
from gongyu_schemas import exit_codes
from gongyu_schemas.partitioner import partition_of
from tests.faults.changes import GRANTS
from tests.kafka.operator_asks import answer, ask
from tests.kafka.subject_lists import LISTED, put, told
from tests.running import BIN, Published, Row, RunningHub, people
from tests.waiting import wait_until

pytestmark = pytest.mark.kafka
GUARD = ("--max-rejections", "3")


def state(of: Published) -> dict[str, Any]:
    """What `status` says of a type, asked without starting the command each time."""
    with reading(of.hub.profile("hub")) as kafka:
        found: dict[str, Any] = describe(kafka.stand(of.type.name), 0, Commands(of.hub.directory))["types"][0]
    return found


def by_partition(of: Published) -> list[Row]:
    """A record of each partition."""
    found: dict[int, Row] = {}
    for row in people(range(100)):
        found.setdefault(partition_of(of.key(row), of.type.partitions), row)
    return [found[number] for number in range(of.type.partitions)]


def poison(of: Published, row: Row, times: int) -> None:
    for _ in range(times):
        of.send_raw(of.key(row), b"poison")
    of.flush()


@pytest.mark.timeout(300)
def test_a_resumed_partition_reads_on_behind_its_poison_and_the_others_stay_as_they_are(
    hub: RunningHub, unique: Callable[[str], str]
) -> None:
    of = hub.add_type("person", unique("resumed"), GRANTS)
    first, second, *_ = by_partition(of)
    with hub.working("worker-1", *GUARD) as worker:
        for row in (first, second):
            of.send("c", None, row)
            poison(of, row, 4)
            of.send("u", row, {**row, "name": "Lee"})
        of.flush()
        paused = wait_until(lambda: state(of)["paused"] == [0, 1] and state(of), 60, "both partitions paused")
        assert (paused["rejections"], paused["lag"], paused["epoch"], paused["in_effect"]) == (6, 4, 1, True)
        assert [each["paused_at"] for each in paused["partitions"][:2]] == [3, 3]

        resumed = answer(hub, "partitions", "resume", of.type.name, "0")
        assert resumed == {"information_type": of.type.name, "partition": 0, "resumed_up_to": 3, "epoch": 2, "in_effect": True}
        half = wait_until(lambda: state(of)["partitions"][0]["lag"] == 0 and state(of), 30, "the first reads on")
        assert (half["paused"], half["rejections"], half["lag"], half["epoch"], half["in_effect"]) == ([1], 7, 2, 2, True)
        assert half["partitions"][0]["worker"] == "worker-1"

        poison(of, first, 3)  # the guard is there again behind the offset of the resume
        wait_until(lambda: state(of)["paused"] == [0, 1], 30, "paused anew")
        worker.stop()
    for number in ("0", "1"):
        assert answer(hub, "partitions", "resume", of.type.name, number)["in_effect"] is False, "published without a worker"
    with hub.working("worker-1", *GUARD):
        of.send("u", first, {**first, "name": "Kang"})
        of.settled()
        wait_until(lambda: state(of)["lag"] == 0, 30, "settled")
        assert (state(of)["epoch"], state(of)["in_effect"], state(of)["rejections"]) == (4, True, 11)
    result = of.check()
    assert result.inputs == 2 * 6 + 3 + 1
    print(f"{result.inputs} inputs, 3 pauses, 3 resumes")


@pytest.mark.timeout(300)
def test_a_worker_killed_while_it_resumes_goes_on_exactly_once(hub: RunningHub, unique: Callable[[str], str]) -> None:
    of = hub.add_type("person", unique("killed"), GRANTS)
    row = by_partition(of)[0]
    with hub.working("worker-1", *GUARD) as worker:
        poison(of, row, 3)
        for number in range(50):
            of.send("u", None, {**row, "name": f"n{number}"})
        of.flush()
        wait_until(lambda: state(of)["paused"] == [0], 60, "paused")
        line = [str(BIN / "gongyu-hub"), "partitions", "resume", of.type.name, "0", "--dir", str(hub.directory)]
        resuming = subprocess.Popen(line, stdout=subprocess.DEVNULL)
        wait_until(lambda: '"epoch": 2' in worker.text(), 60, "the epoch that resumes, read by the worker")
        worker.kill()
    with hub.working("worker-1", *GUARD):
        of.settled()
        assert resuming.wait(60) == 0
    assert of.check().inputs == 53


@pytest.mark.timeout(300)
def test_a_known_run_of_bad_messages_is_passed_in_one_go_with_at(hub: RunningHub, unique: Callable[[str], str]) -> None:
    of = hub.add_type("person", unique("run"), GRANTS)
    row = by_partition(of)[0]
    with hub.working("worker-1", *GUARD):
        poison(of, row, 10)
        of.send("c", None, row)
        of.flush()
        wait_until(lambda: state(of)["paused"] == [0], 60, "paused")
        for wrong, why in (("1", "is paused at 2"), ("11", "the owner topic ends at 11")):
            refused = ask(hub, "partitions", "resume", of.type.name, "0", "--at", wrong)
            assert refused.returncode == exit_codes.USAGE and why in refused.stderr
        answer(hub, "partitions", "resume", of.type.name, "0", "--at", "9")
        of.settled()
        listed = answer(hub, "partitions", "list", "--type", of.type.name)
        assert (listed[0]["paused_at"], listed[0]["rejections"], listed[0]["next_offset"]) == (None, 10, 11)
        again = ask(hub, "partitions", "resume", of.type.name, "0")
        assert again.returncode == exit_codes.USAGE and "is not paused" in again.stderr
    assert of.check().inputs == 11


def given(of: Published) -> list[tuple[str, str, str]]:
    """(op, id, name) that the grant `vip` was given by changes of the list, sorted."""
    found = [each for each in of.deliveries("vip") if each["source"]["offset"] < 0]
    return sorted((each["op"], (each["after"] or each["before"])["id"], (each["after"] or each["before"])["name"]) for each in found)


@pytest.mark.timeout(300)
def test_lists_take_effect_in_a_paused_partition_and_under_the_epoch_that_resumes_it(hub: RunningHub, unique: Callable[[str], str]) -> None:
    of = hub.add_type("person", unique("listed"), LISTED)
    first, second, third = [row for row in people(range(100)) if partition_of(of.key(row), of.type.partitions) == 0][:3]
    added_and_taken = [("c", first["id"], "Kim"), ("c", third["id"], "Kim"), ("d", third["id"], "Kim")]
    with hub.working("worker-1", *GUARD) as worker:
        for row in (first, second, third):
            of.send("c", None, row)
        of.settled()
        put(hub, "put", of, [third["id"]])
        told(hub, of)
        poison(of, first, 3)
        of.send("u", first, {**first, "name": "Lee"})
        of.send("u", second, {**second, "name": "Lee"})
        of.flush()
        worker.ready("partition paused")
        put(hub, "put", of, [first["id"]])
        told(hub, of)
        assert given(of) == added_and_taken
    put(hub, "add", of, [second["id"]])
    with hub.working("worker-1", *GUARD):  # a partition that comes back paused
        told(hub, of)
        assert given(of) == sorted([*added_and_taken, ("c", second["id"], "Kim")]), "as it was before the pause"
        stands = state(of)
        assert (stands["paused"], stands["lag"], of.committed(of.topic)[0]) == ([0], 2, 6), "nothing of the paused topic was read"

        assert answer(hub, "partitions", "resume", of.type.name, "0")["epoch"] == 2
        put(hub, "put", of, [third["id"]])  # its image was decided under epoch 1
        told(hub, of)
        of.settled()
        of.send("u", third, {**third, "name": "Lee"})
        of.settled()
        put(hub, "put", of, [first["id"]])
        told(hub, of)
    result = of.check()
    assert result.list_inputs == 1 + 2 + 1 + 3 + 2 and result.inputs == 3 + 3 + 2 + 1
    tally = next(each.tally.delivered for each in result.grants if each.terms.name == "vip")
    assert (tally["c"], tally["d"]) == (5, 4)


def test_wrong_names_are_told(hub: RunningHub, unique: Callable[[str], str]) -> None:
    of = hub.add_type("person", unique("named"), GRANTS)
    for arguments, why in (
        (("nothing", "0"), "no information type 'nothing'"),
        ((of.type.name, "99"), "has no partition 99"),
        ((of.type.name, "0"), "is not paused"),
    ):
        refused = ask(hub, "partitions", "resume", *arguments)
        assert refused.returncode == exit_codes.USAGE and why in refused.stderr
