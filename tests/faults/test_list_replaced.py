"""A list replaced while processes die: each entry is applied once, and in the end the hub holds exactly the new list.

Workers die and come back, or another goes on where the dead one stood; the control plane dies while it tells Kafka a list that
an epoch waits for. What the metrics say is held against what is on the topics.
"""

from __future__ import annotations

import random
import threading
from collections import Counter
from collections.abc import Callable, Mapping, Sequence

import pytest
from confluent_kafka import Message

from gongyu_hub.demo.sums import judge_sums
from gongyu_schemas.names import HUB_GROUP, POLICY_TOPIC, subjects_topic
from gongyu_schemas.subject_lists import split_entry_key
from gongyu_schemas.transport.clients import make_admin
from tests.faults.changes import change
from tests.kafka.subject_lists import LISTED, lists, membership, on_kafka, put, settled, told
from tests.kafka.worker_metrics import count, metrics_text
from tests.running import Process, Published, RunningHub, people, read_all
from tests.waiting import wait_until

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


def holders(hub: RunningHub) -> dict[tuple[str, int], str]:
    """By partition of an owner topic, the worker that the group gave it to."""
    admin = make_admin(hub.profile("admin"))
    group = admin.describe_consumer_groups([HUB_GROUP], request_timeout=10)[HUB_GROUP].result()
    found = [(place, member) for member in group.members if member.assignment for place in member.assignment.topic_partitions]
    return {(place.topic, place.partition): str(member.group_instance_id) for place, member in found}


class Counted:
    """What one worker's metrics say of one type."""

    def __init__(self, worker: Process, of: Published) -> None:
        self._text, self._name = metrics_text(worker), of.type.name
        self.inputs = self._of("gongyu_inputs_total", "outcome")
        self.lists = self._of("gongyu_list_inputs_total", "outcome")
        self.decided = self._of("gongyu_decided_records_total", "cause")

    def require_sums(self) -> None:
        """Both, within what this worker has settled since it began."""
        inputs = self.inputs.total()
        assert judge_sums(self._text, {self._name: inputs}, {self._name: len(LISTED)}).clean, self._text

    def _of(self, metric: str, by: str) -> Counter[str]:
        return count(self._text, metric, self._name, by)


def counted_when(workers: Mapping[str, Process], of: Published, lists: int, inputs: int) -> dict[str, Counted]:
    """By worker, when together they have counted that many list and owner messages: a commit is counted just behind it."""

    def find() -> dict[str, Counted] | None:
        found = {name: Counted(each, of) for name, each in workers.items()}
        on_lists, taken = sum(each.lists.total() for each in found.values()), sum(each.inputs.total() for each in found.values())
        return found if on_lists >= lists and taken >= inputs else None

    found = wait_until(find, 30, f"{lists} list messages and {inputs} inputs counted")
    assert found is not None
    return found


def behind(messages: Sequence[Message], froms: dict[int, int]) -> list[Message]:
    """Those of each partition from its offset on."""
    return [each for each in messages if (each.offset() or 0) >= froms[each.partition() or 0]]


def decided(entries: Sequence[Message], records: set[bytes]) -> int:
    """How many records these changes of lists decide, where each subject has one or none, and each change moves it."""
    return sum(split_entry_key(each.key() or b"")[1] in records for each in entries)


@pytest.mark.timeout(300)
def test_another_worker_goes_on_where_a_killed_one_stood_in_a_list(hub: RunningHub, unique: Callable[[str], str]) -> None:
    of, rows = hub.add_type("person", unique("taken"), LISTED), people(range(3000))
    topic = subjects_topic(of.type.name)
    records = {of.key(row) for row in rows}
    workers = {"worker-a": hub.worker("worker-a", "--commit-interval", "0.05")}
    try:
        for row in rows:
            of.send("c", None, row)
        of.settled()
        workers["worker-b"] = hub.worker("worker-b", "--commit-interval", "0.05")
        wait_until(lambda: {*holders(hub).values()} == {*workers}, 60, "both have partitions, and nobody else")
        put(hub, "put", of, sorted(subjects(range(ENTRIES // 2))))
        told(hub, of)
        held_by = holders(hub)
        dead = held_by[of.topic, 0]
        [going_on] = {*workers} - {dead}
        theirs = [number for number in range(of.type.partitions) if held_by[of.topic, number] == dead]
        entries = of.read(topic, of.type.partitions)
        before = counted_when(workers, of, len(entries), len(rows))
        assert before[dead].lists + before[going_on].lists == Counter(applied=len(entries))
        assert before[dead].decided["list"] + before[going_on].decided["list"] == decided(entries, records) == len(rows)
        for each in before.values():
            each.require_sums()

        ends, owner_ends = of.ends(topic), of.ends(of.topic)
        for row in rows:
            of.send("u", None, {**row, "name": "Lee"})
        put(hub, "put", of, sorted(subjects(range(ENTRIES // 4, ENTRIES // 4 + 2 * ENTRIES))))
        wait_until(lambda: any(of.committed(topic)[number] > ends[number] for number in theirs), 60, "some of the new list settled")
        workers[dead].kill()
        stood, stood_at = of.committed(topic), of.committed(of.topic)
        for row in rows:
            of.send("u", None, {**row, "name": "Park"})
        on_kafka(hub, of)
        left = sum(end - offset for number, (end, offset) in enumerate(zip(of.ends(topic), stood, strict=True)) if number in theirs)
        settled(of)
        of.settled()
        froms = {n: stood[n] if n in theirs else ends[n] for n in range(of.type.partitions)}
        own = behind(of.read(topic, of.type.partitions), froms)
        froms = {n: stood_at[n] if n in theirs else owner_ends[n] for n in range(of.type.partitions)}
        changes = behind(of.read(of.topic, of.type.partitions), froms)
        known = before[going_on]
        survivor = {going_on: workers[going_on]}
        after = counted_when(survivor, of, known.lists.total() + len(own), known.inputs.total() + len(changes))[going_on]
    finally:
        for worker in workers.values():
            worker.stop()
    after.require_sums()
    assert after.lists - known.lists == Counter(applied=len(own))
    assert after.decided["list"] - known.decided["list"] == decided(own, records)
    assert after.inputs - known.inputs == Counter(applied=len(changes))
    assert held(of) == subjects(range(ENTRIES // 4, ENTRIES // 4 + 2 * ENTRIES))
    result = of.check()
    print(f"list messages: {result.list_inputs}, left to the other worker in the middle: {left}, with changes: {len(changes)}")
    assert left >= 500 and len(changes) >= len(rows)


@pytest.mark.timeout(300)
def test_an_epoch_waits_for_its_list_also_when_the_control_plane_is_killed(hub: RunningHub, unique: Callable[[str], str]) -> None:
    """Nothing of the owner topic is read before the whole list is: so whoever is on it is never given as added later.

    The records are those of the entries that are told last.
    """
    of, rows = hub.add_type("person", unique("gated"), {}), people(range(2 * ENTRIES - 2000, 2 * ENTRIES))
    topic, admin, epoch = subjects_topic(of.type.name), make_admin(hub.profile("admin")), f"epoch/{of.type.name}/1".encode()
    for row in rows:
        of.send("c", None, row)
    of.flush()

    def killed_and_started(until: str = "control plane: ready") -> int:
        """How many entries Kafka had in between."""
        assert hub.control is not None
        hub.control.kill()
        assert not published(), "the list is not whole yet"
        entries = sum(of.ends(topic)) if topic in admin.list_topics(timeout=10).topics else 0
        hub.start(until)
        return entries

    def published() -> bool:
        return epoch in {message.key() for message in read_all(hub.profile("admin"), POLICY_TOPIC, 1)}

    with hub.working():
        put(hub, "put", of, sorted(subjects(range(2 * ENTRIES))))
        hub.state_grants(of.type, of.subscriber, LISTED)  # read at the next start
        told_at = [killed_and_started(until="policy in force")]  # before it tells the lists; it is ready when it has told them
        wait_until(lambda: sum(of.ends(topic)) > 0, 60, "some of the list is on Kafka")
        told_at.append(killed_and_started())
        assert on_kafka(hub, of) == 2 * ENTRIES
        wait_until(published, 60, "the epoch is published")
        of.settled()
        told(hub, of)
    given = of.deliveries("vip")
    assert len(given) == len(rows) and all(each["op"] == "c" and each["source"]["offset"] >= 0 for each in given)
    assert of.check().list_inputs >= 2 * ENTRIES
    print(f"of {2 * ENTRIES} entries on Kafka when the control plane was killed: {told_at}")
    assert told_at[0] == 0 < told_at[1]


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
        settled(of, deadline_s=1200)
        of.settled()
    assert held(of) == subjects(range(million // 2, million // 2 + million))
    of.check(timeout_s=1200)
