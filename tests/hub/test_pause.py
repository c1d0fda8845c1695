"""Rejections in a row pause a partition; up to the offset of a resume they do not; an epoch that decides alike carries the images on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from gongyu_hub.decode import decode
from gongyu_hub.diff import diff
from gongyu_hub.entitle import entitle
from gongyu_hub.list_changes import list_changes
from gongyu_hub.policy.compiled import TypePolicy
from gongyu_hub.state.pending import Pending
from gongyu_hub.state.records import read_stamp
from gongyu_hub.values import Diffed
from gongyu_schemas.errors import FatalError
from tests.hub.building import World, load

ROW = {"id": "p1", "name": "Kim", "region": "11", "income": 1, "score": 1.5, "fee": Decimal("1.00")}


@pytest.fixture
def world() -> World:
    return World(load("person"), {"all": {"fields": ["id", "name"]}})


@pytest.fixture
def listed() -> World:
    return World(load("person"), {"vip": {"fields": ["id", "name"], "list": "vip"}})


@pytest.fixture
def pendings(world: World, tmp_path: Path) -> Iterator[dict[int, Pending]]:
    found = world.pendings(tmp_path)
    yield found
    for pending in found.values():
        pending.partition.store.close()


def run(world: World, policy: TypePolicy, pendings: dict[int, Pending], guard: int = 3) -> Diffed:
    batch = world.batch()
    return diff(decode(batch, policy), pendings, policy, guard)


def resuming(policy: TypePolicy, partition: int, offset: int) -> TypePolicy:
    return replace(policy, manifest=policy.manifest.model_copy(update={"resume": {partition: offset}}))


@pytest.mark.parametrize(("resume", "paused_at", "letters"), [(-1, 2, 3), (2, 3, 4), (3, 4, 5), (4, None, 5), (99, None, 5)])
def test_the_first_rejection_behind_the_resume_pauses(
    world: World, pendings: dict[int, Pending], resume: int, paused_at: int | None, letters: int
) -> None:
    policy = resuming(world.policy(), 0, resume)
    for _ in range(5):
        world.send_raw(b"no key", b"poison", partition=0)
    diffed = run(world, policy, pendings)
    progress = pendings[0].progress
    assert (progress.paused, len(diffed.dead_letters), progress.rejections) == (paused_at, letters, letters)
    assert progress.cursor == letters, "what stands behind the pause is left unread"


def test_a_resume_of_another_partition_changes_nothing(world: World, pendings: dict[int, Pending]) -> None:
    policy = resuming(world.policy(), 1, 99)
    for _ in range(5):
        world.send_raw(b"no key", b"poison", partition=0)
    run(world, policy, pendings)
    assert pendings[0].progress.paused == 2


def test_images_of_an_epoch_that_decides_alike_are_decided_as_of_the_new_one(world: World, pendings: dict[int, Pending]) -> None:
    first = world.policy(1)
    world.send("c", None, ROW)
    run(world, first, pendings)
    second = world.policy(2)
    world.send("u", ROW, {**ROW, "name": "Lee"})
    (number,) = [number for number, pending in pendings.items() if pending.overlay]
    stale = run(world, second, pendings)
    with pytest.raises(FatalError, match="decided under epoch 1"):
        entitle(stale.transitions, second)
    pendings[number].progress = pendings[number].progress.adopt(2, -1)
    world.send("u", None, {**ROW, "name": "Park"})
    decision = entitle(run(world, second, pendings).transitions, second)[0]
    assert bytes(decision.ops) == b"u"


def test_a_list_change_decides_images_of_the_epoch_before_as_of_the_one_that_resumed_and_stamps_them(
    listed: World, pendings: dict[int, Pending]
) -> None:
    listed.send("c", None, ROW)
    run(listed, listed.policy(1), pendings)
    resumed = listed.policy(2)
    [number] = [number for number, pending in pendings.items() if pending.overlay]
    pendings[number].progress = pendings[number].progress.adopt(2, -1)
    for there, op in ((True, b"c"), (False, b"d")):
        listed.put_on_list("vip", ROW, there)
        moved = list_changes(listed.list_batch(), pendings, listed.listed(), resumed)
        assert bytes(entitle(moved.transitions, resumed)[0].ops) == op
        assert [read_stamp(stored) for stored in pendings[number].overlay.values() if stored is not None] == [2]


def test_a_list_change_leaves_a_pause_and_the_place_in_the_owner_topic_as_they_are(listed: World, pendings: dict[int, Pending]) -> None:
    policy = listed.policy()
    listed.send("c", None, ROW)
    for _ in range(3):
        listed.send_raw(listed.key(ROW), b"poison")
    run(listed, policy, pendings)
    [number] = [number for number, pending in pendings.items() if pending.overlay]
    before = pendings[number].progress
    assert (before.paused, before.rejected, before.cursor) == (3, 3, 4)
    listed.put_raw(b"no list", None, listed.key(ROW))
    listed.put_on_list("vip", ROW)
    moved = list_changes(listed.list_batch(), pendings, listed.listed(), policy)
    assert bytes(entitle(moved.transitions, policy)[0].ops) == b"c"
    assert len(moved.dead_letters) == 1, "rejected entries pause nothing and end no run of rejections"
    assert pendings[number].progress == before.model_copy(update={"subjects": 6})


def test_a_manifest_follows_another_only_where_nothing_but_its_number_time_and_resume_differ(world: World) -> None:
    manifest = world.policy(1).manifest
    next_one = manifest.model_copy(update={"epoch": 2, "published_ms": 7, "resume": {0: 3}})
    assert next_one.follows(manifest)
    for change in ({"grants": ()}, {"writer_schema_ids": (12, 13)}, {"version_field": "income"}):
        assert not next_one.model_copy(update=change).follows(manifest)
    copied = tuple(entry.model_copy(update={"copy_number": 2}) for entry in manifest.grants)
    assert not next_one.model_copy(update={"grants": copied}).follows(manifest)
