"""Subject lists end to end: who is added receives, who is removed is taken back, whatever happens meanwhile."""

from __future__ import annotations

import json
import random
import signal
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from gongyu_hub.demo.check import CheckResult
from gongyu_schemas import exit_codes
from gongyu_schemas.names import POLICY_TOPIC, subjects_topic
from gongyu_schemas.partitioner import partition_of
from gongyu_schemas.subject_lists import ADDED, entry_key
from gongyu_schemas.transport.clients import make_producer
from tests.kafka.impatient_worker import MAX_AGE_S
from tests.kafka.operator_asks import ask
from tests.kafka.subject_lists import LISTED, lists, membership, put, settled, told
from tests.kafka.worker_metrics import policy_age_s
from tests.running import Process, Published, Row, RunningHub, people, read_all
from tests.waiting import wait_until

pytestmark = pytest.mark.kafka


def delivered(result: CheckResult, grant: str) -> dict[str, int]:
    return next(each.tally.delivered for each in result.grants if each.terms.name == grant)


@pytest.mark.timeout(300)
def test_added_gets_c_removed_gets_d_and_a_record_change_between_them(hub: RunningHub, unique: Callable[[str], str]) -> None:
    of = hub.add_type("person", unique("listed"), LISTED)
    first, second, third = people(range(3))
    with hub.working():
        for row in (first, second, third):
            of.send("c", None, row)
        of.settled()
        assert put(hub, "put", of, [first["id"], second["id"]])["added"] == 2
        assert told(hub, of) == 2
        of.send("u", first, {**first, "name": "Lee"})
        of.send("u", third, {**third, "name": "Lee"})
        of.settled()
        again = put(hub, "put", of, [first["id"], third["id"], "nobody"])
        assert (again["added"], again["removed"], again["kept"]) == (2, 1, 1)
        assert told(hub, of) == 3
        assert put(hub, "remove", of, [first["id"], second["id"]])["removed"] == 1
        assert told(hub, of) == 2
    result = of.check()
    assert delivered(result, "vip") == {"c": 3, "u": 1, "d": 2} and delivered(result, "seoul-vip") == {"c": 3, "u": 0, "d": 2}
    assert delivered(result, "all") == {"c": 3, "u": 2, "d": 0}
    assert result.list_inputs == 6
    reasons = [message for message in of.read(f"grant.{of.subscriber}.vip", 4) if message.key() is not None]
    assert len(reasons) == 6


@pytest.mark.timeout(300)
def test_an_epoch_that_uses_a_list_waits_until_the_hub_has_read_it(hub: RunningHub, unique: Callable[[str], str]) -> None:
    name = unique("early")
    of = hub.add_type("person", name, {})
    rows = people(range(20))
    assert put(hub, "add", of, [row["id"] for row in rows[:10]])["added"] == 10
    wait_until(lambda: json.loads(lists(hub, "show", of, "--json").stdout)["untold"] == 0, 60, "the list is on Kafka")
    hub.add_grants(of.type, of.subscriber, LISTED)
    for row in rows:
        of.send("c", None, row)
    of.flush()

    def published() -> bool:
        return f"epoch/{name}/1".encode() in {message.key() for message in read_all(hub.profile("admin"), POLICY_TOPIC, 1)}

    assert not published(), "no worker has read the list"
    with hub.working():
        wait_until(published, 60, "the epoch is published")
        of.settled()
        result = of.check()
    assert delivered(result, "vip") == {"c": 10, "u": 0, "d": 0}


@pytest.mark.timeout(300)
def test_an_entry_ends_by_the_control_planes_clock(hub: RunningHub, unique: Callable[[str], str]) -> None:
    of = hub.add_type("person", unique("ending"), LISTED)
    row = people([1])[0]
    with hub.working():
        of.send("c", None, row)
        of.settled()
        end = (datetime.now(UTC) + timedelta(seconds=4)).isoformat(timespec="seconds")
        assert put(hub, "put", of, [f"{row['id']}\t{end}", "other\t2999-12-31", "gone\t2001-01-01"])["lapsed"] == 1
        wait_until(lambda: json.loads(lists(hub, "show", of, "--json").stdout)["entries"] == 1, 60, "the entry ended")
        assert told(hub, of) == 1
    assert delivered(of.check(), "vip") == {"c": 1, "u": 0, "d": 1}


@pytest.mark.timeout(300)
def test_a_removal_is_told_again_at_each_start_until_the_hub_has_read_it(hub: RunningHub, unique: Callable[[str], str]) -> None:
    of = hub.add_type("person", unique("unread"), LISTED)
    row = people([1])[0]

    def messages() -> list[bytes | None]:
        wait_until(lambda: json.loads(lists(hub, "show", of, "--json").stdout)["untold"] == 0, 60, "all changes published")
        return [message.value() for message in of.read(subjects_topic(of.type.name), of.type.partitions)]

    def restart() -> None:
        assert hub.control is not None
        hub.control.stop()
        hub.start()

    put(hub, "put", of, [row["id"]])
    with hub.working():
        of.send("c", None, row)
        told(hub, of)
    put(hub, "remove", of, [row["id"]])
    assert messages() == [ADDED, None]
    restart()
    assert messages() == [ADDED, None, None], "nobody has read it"
    with hub.working():
        told(hub, of)
        of.settled()
    restart()
    assert messages() == [ADDED, None, None], "it was read"
    assert delivered(of.check(), "vip") == {"c": 1, "u": 0, "d": 1}


@pytest.mark.timeout(300)
def test_bad_lines_lose_no_good_one_and_remove_nothing(hub: RunningHub, unique: Callable[[str], str]) -> None:
    of = hub.add_type("person", unique("badlines"), LISTED)
    put(hub, "put", of, ["a", "b"])
    done = lists(hub, "put", of, lines=["c", "d\t2026-13-01", "e\tx\ty", '{"id": 5}', '{"id": "f", "until": "2999-01-01"}'])
    assert done.returncode == exit_codes.REJECTED, done.stderr
    assert "2 added, 0 removed" in done.stdout and "line 2: until" in done.stderr and "line 3: 3 columns" in done.stderr
    assert "line 4: id: not a value of its kind (string)" in done.stderr and "nothing was removed" in done.stderr
    assert put(hub, "put", of, ["a"], "--dry-run")["removed"] == 3, "a, b, c, f are on the list"
    assert lists(hub, "put", of, lines=[]).returncode == exit_codes.USAGE
    entries = lists(hub, "show", of, "--entries").stdout.splitlines()
    assert [json.loads(line)["id"] for line in entries] == ["a", "b", "c", "f"]
    document = json.loads(lists(hub, "show", of, "--entries", "--json").stdout)
    assert (document["entries"], document["used_by"]) == (4, ["seoul-vip", "vip"])
    assert [each["id"] for each in document["subjects"]] == ["a", "b", "c", "f"]
    removed = lists(hub, "remove", of, lines=["a", "x", "y"])
    assert "1 removed, 2 not on the list" in removed.stdout and removed.stderr == ""


@pytest.mark.timeout(300)
def test_a_name_that_was_mistyped_makes_no_list_and_one_that_no_grant_uses_is_told(hub: RunningHub, unique: Callable[[str], str]) -> None:
    of = hub.add_type("person", unique("named"), LISTED)
    vip = ("lists", "add", "vip", "-")
    for mistyped, known in (
        (("--type", f"{of.type.name}x", "--subscriber", of.subscriber), of.type.name),
        (("--type", of.type.name, "--subscriber", f"{of.subscriber}x"), of.subscriber),
    ):
        for more in ((), ("--json",), ("--dry-run",)):
            done = ask(hub, *vip, *mistyped, *more, given="a\n")
            assert (done.returncode, done.stdout) == (exit_codes.USAGE, "") and "known are " in done.stderr and known in done.stderr
    for action in ("show", "remove"):
        done = lists(hub, action, of, lines=["a"], name="vips")
        assert done.returncode == exit_codes.USAGE and "has no list 'vips'" in done.stderr and "known are vip" in done.stderr
    early = lists(hub, "add", of, lines=["a"], name="early")
    assert early.returncode == 0 and "1 added" in early.stdout
    assert early.stderr == f"{of.subscriber}/early ({of.type.name}): no grant in force uses this list\n"
    assert put(hub, "add", of, ["a"])["used_by"] == ["seoul-vip", "vip"]
    assert lists(hub, "add", of, lines=["b"]).stderr == ""


@pytest.mark.timeout(300)
def test_a_malformed_or_misplaced_list_message_is_a_dead_letter(hub: RunningHub, unique: Callable[[str], str]) -> None:
    of = hub.add_type("person", unique("misplaced"), LISTED)
    rows: list[Row] = people(range(4))
    with hub.working():
        for row in rows:
            of.send("c", None, row)
        put(hub, "put", of, [rows[0]["id"]])
        told(hub, of)
        producer, topic = make_producer(hub.profile("admin")), subjects_topic(of.type.name)
        right = partition_of(of.key(rows[1]), of.type.partitions)
        key = entry_key(f"{of.subscriber}/vip", of.key(rows[1]))
        for bad_key, value, partition in (
            (key, ADDED, (right + 1) % of.type.partitions),
            (key, b"perhaps", right),
            (key[:-3], ADDED, right),
            (b"no list", ADDED, right),
        ):  # a null key cannot come: the broker takes none on a compacted topic
            producer.produce(topic, value, bad_key, partition)
        producer.produce(
            topic, ADDED, entry_key(f"{of.subscriber}/vip", of.key(rows[2])), partition_of(of.key(rows[2]), of.type.partitions)
        )
        assert producer.flush(30) == 0
        settled(of)
        of.settled()
    result = of.check()
    assert delivered(result, "vip") == {"c": 2, "u": 0, "d": 0} and result.list_inputs == 6


@pytest.mark.timeout(300)
def test_a_subject_with_several_records_gets_them_all(hub: RunningHub, unique: Callable[[str], str]) -> None:
    grants = {"bills": {"fields": ["bill", "amount"], "rows": "amount > 10", "subjects": {"list": "vip"}}}
    of = hub.add_type("levy", unique("bills"), grants)
    bills: list[Row] = [{"bill": n, "payer": f"p{n % 3}", "revision": 1, "amount": 5 * n} for n in range(12)]
    with hub.working():
        for row in bills:
            of.send("c", None, row)
        of.settled()
        put(hub, "put", of, ["p0", "p1"])
        told(hub, of)
    with hub.working():  # the index of subjects comes back with the state
        of.send("u", bills[9], {**bills[9], "revision": 2, "amount": 0})
        of.send("u", bills[2], {**bills[2], "revision": 2, "amount": 99})
        of.settled()
        put(hub, "put", of, ["p2"])
        told(hub, of)
    result = of.check()
    assert delivered(result, "bills")["c"] > 6 and delivered(result, "bills")["d"] > 4
    assert set(membership(of).values() and {len(names) for names in membership(of).values()}) == {1}


def same_partition(of: Published) -> list[str]:
    """Six residents whose bills lie in one partition."""
    names = [name for name in map("p{}".format, range(100)) if partition_of(of.key({"payer": name}), of.type.partitions) == 0]
    return names[:6]


@pytest.mark.timeout(300)
def test_bills_without_a_version_follow_their_payer_on_and_off_the_list(hub: RunningHub, unique: Callable[[str], str]) -> None:
    grants = {
        "all": {"fields": ["bill", "payer", "amount"]},
        "bills": {"fields": ["bill", "amount"], "subjects": {"list": "vip"}},
        "large": {"fields": ["bill", "amount"], "rows": "amount > 10", "subjects": {"list": "vip"}},
    }
    of, rng = hub.add_type("levy", unique("bills-of"), grants, version=None), random.Random(24)
    payers = same_partition(of)
    listed, other = payers[:2]

    def bill(number: int, payer: str, amount: int) -> Row:
        return {"bill": number, "payer": payer, "revision": 1, "amount": amount}

    def shown() -> list[tuple[str, int, int, bool]]:
        """(op, bill, amount, whether a list brought it) of the list's grant, in order."""
        found = [(each, each["after"] or each["before"]) for each in of.deliveries("bills")]
        return [(each["op"], image["bill"], image["amount"], each["source"]["offset"] < 0) for each, image in found]

    worker = hub.worker()
    try:
        put(hub, "put", of, [listed])
        told(hub, of)
        of.send("c", None, bill(1, listed, 5))
        of.send("c", None, bill(2, other, 50))
        of.send("u", None, bill(1, other, 5))  # to somebody who is not on the list
        of.send("u", None, bill(2, listed, 60))
        of.send("u", None, bill(2, listed, 50))  # no version: an older content is a change like any other
        of.settled()
        story = [("c", 1, 5, False), ("d", 1, 5, False), ("c", 2, 60, False), ("u", 2, 50, False)]
        assert shown() == story
        put(hub, "add", of, [other])
        told(hub, of)
        put(hub, "remove", of, [listed])
        told(hub, of)
        story += [("c", 1, 5, True), ("d", 2, 50, True)]
        assert shown() == story, "each bill with its payer of now"
        of.send("d", bill(1, other, 5), None)
        of.settled()
        put(hub, "remove", of, [other])
        told(hub, of)
        story += [("d", 1, 5, False)]
        assert shown() == story, "of a bill that is gone nothing is taken back"

        for turn in range(8):
            for _ in range(30):
                kind = rng.choices(("u", "d"), (8, 1))[0]
                row = bill(rng.randrange(3, 20), rng.choice(payers), rng.randrange(5, 15))
                of.send(kind, row if kind == "d" else None, None if kind == "d" else row)
            of.flush()
            if turn % 2:  # else lists and bills are read in whatever order the worker meets them
                of.settled()
            put(hub, "put", of, rng.sample(payers, rng.randrange(1, 5)))
            if turn == 4:
                of.settled()
                worker.kill()
                worker = hub.worker()  # who has which bills is known again from the state
        told(hub, of)
        of.settled()
    finally:
        worker.stop()
    result = of.check()
    given = shown()
    by_lists = sum(each[3] for each in given)
    print(f"inputs: {result.inputs}, list inputs: {result.list_inputs}, deliveries by lists: {by_lists} of {len(given)}")
    assert result.inputs == 6 + 240 and by_lists >= 12 and len(given) - by_lists >= 20


@pytest.mark.timeout(300)
def test_under_an_old_heartbeat_neither_lists_nor_owner_topics_are_read(
    hub: RunningHub, unique: Callable[[str], str], tmp_path: Path
) -> None:
    of = hub.add_type("person", unique("heartbeat"), LISTED)
    first, second = people(range(2))
    assert hub.control is not None
    script = Path(__file__).with_name("impatient_worker.py")
    worker = Process(tmp_path / "impatient.log", "python", script, hub.directory)
    try:
        worker.ready("worker impatient: ready")
        for row in (first, second):
            of.send("c", None, row)
        of.settled()
        put(hub, "put", of, [first["id"]])
        told(hub, of)
        before = [of.committed(topic) for topic in (of.topic, subjects_topic(of.type.name))]
        hub.control.process.send_signal(signal.SIGSTOP)
        try:
            wait_until(lambda: policy_age_s(worker) > MAX_AGE_S, 30, "the heartbeat is too old")
            producer, key = make_producer(hub.profile("admin")), of.key(second)
            entry = entry_key(f"{of.subscriber}/vip", key)
            producer.produce(subjects_topic(of.type.name), ADDED, entry, partition_of(key, of.type.partitions))
            assert producer.flush(30) == 0
            of.send("u", None, {**first, "name": "Lee"})
            of.flush()
            wait_until(lambda: policy_age_s(worker) > MAX_AGE_S + 2, 30, "it grew older still")
            assert [of.committed(topic) for topic in (of.topic, subjects_topic(of.type.name))] == before, "nothing was read"
        finally:
            hub.control.process.send_signal(signal.SIGCONT)
        settled(of)
        of.settled()
    finally:
        worker.stop()
    result = of.check()
    assert delivered(result, "vip") == {"c": 2, "u": 1, "d": 0}
