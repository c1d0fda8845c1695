"""Subject lists end to end: who is added receives, who is removed is taken back, whatever happens meanwhile."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from confluent_kafka import TopicPartition

from gongyu_hub.demo.check import CheckResult
from gongyu_hub.registry.hub_offsets import has_read
from gongyu_schemas import exit_codes
from gongyu_schemas.names import POLICY_TOPIC, subjects_topic
from gongyu_schemas.partitioner import partition_of
from gongyu_schemas.subject_lists import ADDED, entry_key
from gongyu_schemas.transport.clients import make_consumer, make_producer
from tests.running import BIN, Published, Row, RunningHub, people, read_all
from tests.waiting import wait_until

pytestmark = pytest.mark.kafka
LISTED = {
    "all": {"fields": ["id", "name"]},
    "vip": {"fields": ["id", "name"], "subjects": {"list": "vip"}},
    "seoul-vip": {"fields": ["id", "region"], "rows": "region = '11'", "subjects": {"list": "vip"}},
}


def lists(hub: RunningHub, action: str, of: Published, *more: str, lines: Iterable[str] = (), name: str = "vip") -> Any:
    """The command with lines on standard input."""
    of_list = ["--type", of.type.name, "--subscriber", of.subscriber, "--dir", str(hub.directory)]
    source = [] if action == "show" else ["-"]
    command = [str(BIN / "gongyu-hub"), "lists", action, name, *source, *of_list, *more]
    return subprocess.run(command, input="".join(f"{line}\n" for line in lines), capture_output=True, text=True, timeout=120, check=False)


def put(hub: RunningHub, action: str, of: Published, lines: Iterable[str], *more: str) -> dict[str, Any]:
    done = lists(hub, action, of, "--json", *more, lines=lines)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def told(hub: RunningHub, of: Published, deadline_s: float = 60) -> int:
    """Wait until Kafka knows the list and the hub has settled it; the number of entries."""
    standing: dict[str, int] = {}

    def done() -> bool:
        standing.update(json.loads(lists(hub, "show", of, "--json").stdout))
        return standing["untold"] == 0

    wait_until(done, deadline_s, "all changes published")
    settled(hub, of, deadline_s)
    return standing["entries"]


def settled(hub: RunningHub, of: Published, deadline_s: float = 60) -> None:
    """Wait until the hub has committed every message of the lists; behind the last one lies the mark of a transaction's end."""
    topic, admin = subjects_topic(of.type.name), hub.profile("admin")
    consumer = make_consumer(admin, **{"group.id": "test.lists"})
    try:
        found = [consumer.get_watermark_offsets(TopicPartition(topic, number), timeout=10)[1] for number in range(of.type.partitions)]
    finally:
        consumer.close()
    ends = {number: end for number, end in enumerate(found) if end > 0}
    wait_until(lambda: has_read(admin, topic, ends), deadline_s, f"everything of {topic} settled")


def delivered(result: CheckResult, grant: str) -> dict[str, int]:
    return next(each.tally.delivered for each in result.grants if each.terms.name == grant)


def membership(of: Published) -> dict[bytes, set[str]]:
    """By subject, its lists, as the state topic has them."""
    found: dict[bytes, set[str]] = {}
    for message in of.read(of.state_topic(), of.type.partitions):
        key, value = message.key() or b"", message.value()
        if key[:1] == b"\x03":
            found[key[1:]] = set(value.decode().split("\n")) if value else set()
    return {subject: names for subject, names in found.items() if names}


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
    assert lists(hub, "show", of, name="none").returncode == exit_codes.USAGE


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
        settled(hub, of)
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
