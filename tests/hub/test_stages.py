"""The pure stages and diff together: messages in, outcomes and finished deliveries out. Named after the promises of the hub."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from gongyu_hub.decode import decode
from gongyu_hub.diff import diff
from gongyu_hub.entitle import entitle
from gongyu_hub.fan_out import fan_out
from gongyu_hub.state.pending import Pending
from gongyu_hub.values import Diffed, Outcome, Reason
from gongyu_schemas import wire
from tests.hub.building import Row, World, decode_avro, load

ALL = ["id", "name", "region", "income", "score", "fee"]


def person(number: int = 1, **fields: Any) -> Row:
    row = {"id": f"p{number}", "name": "Kim", "region": "11", "income": 100, "score": 1.5, "fee": Decimal("1.00")}
    return {**row, **fields}


@dataclass
class Run:
    """One hub with everything it has delivered, in memory."""

    world: World
    pendings: dict[int, Pending]

    def run(self, max_rejections: int = 100) -> tuple[dict[str, list[Row]], Diffed]:
        policy = self.world.policy()
        diffed = diff(decode(self.world.batch(), policy), self.pendings, policy, max_rejections)
        decisions = entitle(diffed.transitions, policy)
        delivered: dict[str, list[Row]] = {name: [] for name in self.world.grants}
        for deliveries in fan_out(diffed.transitions, decisions, policy):
            grant = policy.grants[deliveries.grant].grant
            for start, end in zip(deliveries.starts, deliveries.starts[1:], strict=False):
                _, body = wire.unframe(deliveries.content[start:end])
                delivered[grant].append(decode_avro(self.world.view_schema(grant), body))
        for decision in decisions:
            assert decision.withheld + decision.unchanged + len(decision.rows) == len(diffed.transitions)
        return delivered, diffed

    def outcomes(self) -> dict[Outcome, int]:
        total: dict[Outcome, int] = {}
        for pending in self.pendings.values():
            for outcome, count in pending.tally.outcomes.items():
                total[outcome] = total.get(outcome, 0) + count
        return total


@pytest.fixture
def people(tmp_path: Path) -> Iterator[Run]:
    grants = {
        "all": {"fields": ALL},
        "seoul": {"fields": ["id", "name"], "rows": "region = '11'"},
        "rich": {"fields": ["id", "income"], "rows": "income > 500 AND region <> '26'"},
    }
    world = World(load("person"), grants)
    run = Run(world, world.pendings(tmp_path))
    yield run
    for pending in run.pendings.values():
        pending.partition.store.close()


@pytest.fixture
def levies(tmp_path: Path) -> Iterator[Run]:
    world = World(load("levy"), {"all": {"fields": ["bill", "payer", "revision", "amount"]}})
    run = Run(world, world.pendings(tmp_path))
    yield run
    for pending in run.pendings.values():
        pending.partition.store.close()


def ops(deliveries: list[Row]) -> list[str]:
    return [delivery["op"] for delivery in deliveries]


def test_a_new_record_is_created_for_the_grants_that_see_it_and_withheld_from_others(people: Run) -> None:
    people.world.send("c", None, person())
    delivered, _ = people.run()
    assert ops(delivered["all"]) == ["c"] and ops(delivered["seoul"]) == ["c"] and delivered["rich"] == []
    assert delivered["seoul"][0]["after"] == {"id": "p1", "name": "Kim"} and delivered["seoul"][0]["before"] is None
    source = delivered["all"][0]["source"]
    assert (source["offset"], source["reason"], source["act"]) == (0, None, None) and delivered["all"][0]["ts_ms"] == 5


def test_moving_out_of_a_predicate_gives_d_and_moving_in_gives_c(people: Run) -> None:
    people.world.send("c", None, person())
    people.world.send("u", None, person(region="26"))
    people.world.send("u", None, person(region="11", name="Lee"))
    delivered, _ = people.run()
    assert ops(delivered["seoul"]) == ["c", "d", "c"]
    left = delivered["seoul"][1]
    assert left["before"] == {"id": "p1", "name": "Kim"} and left["after"] is None and left["source"]["reason"] == "left"


def test_an_ungranted_change_delivers_nothing(people: Run) -> None:
    people.world.send("c", None, person())
    people.world.send("u", None, person(income=101))
    delivered, _ = people.run()
    assert ops(delivered["seoul"]) == ["c"] and ops(delivered["all"]) == ["c", "u"]
    assert delivered["all"][1]["before"]["income"] == 100 and delivered["all"][1]["after"]["income"] == 101


def test_a_null_predicate_is_not_true_nothing_or_d_if_the_record_was_inside(people: Run) -> None:
    people.world.send("c", None, person(1, region=None, income=900))
    people.world.send("c", None, person(2, region="11", income=900))
    people.world.send("u", None, person(2, region=None, income=900))
    delivered, _ = people.run()
    assert ops(delivered["rich"]) == ["c", "d"] and delivered["rich"][1]["before"]["id"] == "p2"


def test_valid_poison_then_delete_of_the_same_record_gives_the_right_d(people: Run) -> None:
    row = person(name="before the poison")
    people.world.send("c", None, row)
    people.world.send_raw(people.world.key(row), people.world.value("u", None, person(name="poison")) + b"trailing")
    people.world.send_raw(people.world.key(row), None)
    delivered, diffed = people.run()
    assert ops(delivered["all"]) == ["c", "d"] and delivered["all"][1]["before"]["name"] == "before the poison"
    assert [letter.reason for letter in diffed.dead_letters] == [Reason.NOT_DECODABLE]


def test_two_changes_of_one_record_in_one_batch_each_see_their_predecessor(people: Run) -> None:
    for name in ("A", "B", "C"):
        people.world.send("u", None, person(name=name))
    delivered, _ = people.run()
    assert [(d["op"], d["before"] and d["before"]["name"], d["after"]["name"]) for d in delivered["all"]] == [
        ("c", None, "A"),
        ("u", "A", "B"),
        ("u", "B", "C"),
    ]


def test_repeated_input_delivers_nothing(people: Run) -> None:
    for _ in range(2):
        people.world.send("c", None, person())
        delivered, _ = people.run()
    assert delivered["all"] == [] and people.outcomes() == {Outcome.APPLIED: 1, Outcome.UNCHANGED: 1}


def test_equality_is_of_values_not_of_bytes(people: Run) -> None:
    people.world.send("c", None, person(score=0.0))
    people.world.send("u", None, person(score=-0.0))
    delivered, _ = people.run()
    assert ops(delivered["all"]) == ["c"] and people.outcomes()[Outcome.UNCHANGED] == 1


def test_a_null_message_deletes_if_an_image_exists_and_is_unchanged_otherwise(people: Run) -> None:
    people.world.send_raw(people.world.key(person(9)), None)
    people.world.send("c", None, person(1))
    people.world.send_raw(people.world.key(person(1)), None)
    delivered, _ = people.run()
    assert ops(delivered["all"]) == ["c", "d"] and delivered["all"][1]["ts_ms"] == 7
    assert people.outcomes() == {Outcome.APPLIED: 2, Outcome.UNCHANGED: 1}


def test_the_owners_before_is_only_compared_and_a_mismatch_counted(people: Run) -> None:
    people.world.send("c", None, person())
    people.world.send("u", person(name="never was"), person(name="Lee"))
    delivered, _ = people.run()
    assert delivered["all"][1]["before"]["name"] == "Kim"
    assert sum(pending.tally.before_mismatches for pending in people.pendings.values()) == 1


@pytest.mark.parametrize(
    ("break_", "reason"),
    [
        (lambda w, r: w.send_raw(None, w.value("c", None, r)), Reason.NULL_KEY),
        (lambda w, r: w.send_raw(b"plain", w.value("c", None, r)), Reason.FOREIGN_KEY_SCHEMA),
        (lambda w, r: w.send_raw(w.key(r), b"{}"), Reason.NOT_WIRE_FORMAT),
        (lambda w, r: w.send_raw(w.key(r), b"\1" + b"g" * 16), Reason.NOT_WIRE_FORMAT),
        (lambda w, r: w.send_raw(w.key(r), wire.frame(99, w.value("c", None, r)[5:])), Reason.UNKNOWN_SCHEMA),
        (lambda w, r: w.send_raw(w.key(r), w.value("c", None, r)[:-1]), Reason.NOT_DECODABLE),
        (lambda w, r: w.send_raw(w.key(person(2)), w.value("c", None, r)), Reason.KEY_NOT_OF_RECORD),
        (lambda w, r: w.send_raw(w.key(r), w.value("c", None, r), partition=(w.policy().manifest.partitions - 1)), Reason.WRONG_PARTITION),
        (lambda w, r: w.send_raw(w.key(r), w.value("t", None, r)), Reason.TRUNCATE),
        (lambda w, r: w.send_raw(w.key(r), w.value("x", None, r)), Reason.BAD_OPERATION),
        (lambda w, r: w.send_raw(w.key(r), w.value("d", None, r)), Reason.BAD_OPERATION),
        (lambda w, r: w.send_raw(w.key(r), w.value("u", r, None)), Reason.BAD_OPERATION),
        (lambda w, r: w.send("c", None, {**r, "name": "x" * 400_001}), Reason.TOO_LARGE),
        (lambda w, r: w.send("c", None, {**r, "id": "x" * 200_001}), Reason.TOO_LARGE),
        (lambda w, r: w.send_raw(w.key(r)[:-1], None), Reason.FOREIGN_KEY_SCHEMA),
    ],
)
def test_what_cannot_be_processed_is_rejected_whole_with_its_reason(people: Run, break_: Any, reason: Reason) -> None:
    row = person(5)
    break_(people.world, row)
    delivered, diffed = people.run()
    assert [letter.reason for letter in diffed.dead_letters] == [reason]
    assert not any(delivered.values()) and people.outcomes() == {Outcome.REJECTED: 1}
    assert "Kim" not in diffed.dead_letters[0].detail


def test_an_owners_marker_is_control(people: Run) -> None:
    people.world.send_raw(people.world.key(person()), people.world.value("m", None, None))
    people.run()
    assert people.outcomes() == {Outcome.CONTROL: 1}


def test_rejections_in_a_row_pause_the_partition_and_leave_the_rest_unread(people: Run) -> None:
    row = person()
    for _ in range(3):
        people.world.send_raw(people.world.key(row), b"poison")
    people.world.send("c", None, row)
    delivered, _ = people.run(max_rejections=3)
    paused = [pending for pending in people.pendings.values() if pending.progress.paused is not None]
    assert [(p.progress.paused, p.progress.cursor, p.progress.rejected) for p in paused] == [(2, 3, 3)] and delivered["all"] == []


def test_a_good_message_ends_a_run_of_rejections(people: Run) -> None:
    row = person()
    for _ in range(2):
        people.world.send_raw(people.world.key(row), b"poison")
        people.world.send_raw(people.world.key(row), b"poison")
        people.world.send("u", None, row)
    people.run(max_rejections=3)
    assert all(pending.progress.paused is None for pending in people.pendings.values())


def levy(bill: int = 1, revision: int = 1, amount: int | None = 10) -> Row:
    return {"bill": bill, "payer": "p", "revision": revision, "amount": amount}


def test_an_older_version_is_stale_and_an_equal_one_with_other_content_rejected(levies: Run) -> None:
    for row in (levy(revision=2), levy(revision=1, amount=5), levy(revision=2), levy(revision=2, amount=5), levy(revision=3)):
        levies.world.send("u", None, row)
    delivered, diffed = levies.run()
    assert [d["after"]["revision"] for d in delivered["all"]] == [2, 3]
    assert [letter.reason for letter in diffed.dead_letters] == [Reason.VERSION_CONFLICT]
    assert levies.outcomes() == {Outcome.APPLIED: 2, Outcome.STALE: 1, Outcome.UNCHANGED: 1, Outcome.REJECTED: 1}


def test_a_deleted_record_keeps_its_version_so_that_a_replay_does_not_bring_it_back(levies: Run) -> None:
    levies.world.send("c", None, levy(revision=2))
    levies.world.send("d", levy(revision=2), None)
    levies.world.send("c", None, levy(revision=2))
    levies.world.send("c", None, levy(revision=3))
    delivered, _ = levies.run()
    assert ops(delivered["all"]) == ["c", "d", "c"] and levies.outcomes()[Outcome.STALE] == 1


def test_records_of_one_subject_are_told_apart_by_their_record_key(levies: Run) -> None:
    levies.world.send("c", None, levy(1))
    levies.world.send("c", None, levy(2))
    levies.world.send("d", levy(1), None)
    delivered, _ = levies.run()
    assert [(d["op"], (d["after"] or d["before"])["bill"]) for d in delivered["all"]] == [("c", 1), ("c", 2), ("d", 1)]


def test_a_delete_that_names_no_record_is_rejected(levies: Run) -> None:
    levies.world.send_raw(levies.world.key(levy()), None)
    _, diffed = levies.run()
    assert [letter.reason for letter in diffed.dead_letters] == [Reason.NO_RECORD_KEY]


def test_a_transaction_reads_what_it_has_written(people: Run) -> None:
    people.world.send("c", None, person())
    people.run()
    people.world.send("u", None, person(name="Lee"))
    delivered, _ = people.run()
    assert ops(delivered["all"]) == ["u"]


def test_what_was_settled_is_the_before_of_the_next_transaction(people: Run) -> None:
    people.world.send("c", None, person())
    people.run()
    for number, pending in people.pendings.items():
        pending.settle()
        people.pendings[number] = Pending(pending.partition)
    people.world.send("d", person(), None)
    delivered, _ = people.run()
    assert ops(delivered["all"]) == ["d"]
    assert sum(pending.tally.images for pending in people.pendings.values()) == -1
