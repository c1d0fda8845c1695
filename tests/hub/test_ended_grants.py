"""A grant that has ended is not decided any more; nothing else of an epoch that ends one differs, and no other epoch is adopted."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from gongyu_hub.adopt import adopt
from gongyu_hub.policy.compiled import end_grants
from gongyu_hub.policy.records import Ended, Manifest, ManifestEntry
from gongyu_hub.state.pending import Pending
from gongyu_schemas.errors import FatalError
from gongyu_schemas.names import ADOPTIONS_TOPIC
from gongyu_schemas.transport.transactional import TransactionalProducer
from tests.hub.building import World, load

END = Ended(epoch=2, at_ms=5, who="admin", reason="an order")
GRANTS = {"all": {"fields": ["id", "name"]}, "seoul": {"fields": ["id"], "rows": "region = '11'"}}


@pytest.fixture
def world() -> World:
    return World(load("person"), GRANTS)


def entry(name: str, **changes: Any) -> ManifestEntry:
    return ManifestEntry(subscriber="bank", grant=name, version=1, **changes)


def ended(name: str, end: Ended = END) -> ManifestEntry:
    return entry(name, state="ended", ended=end)


def following(before: Manifest, *entries: ManifestEntry, **changes: Any) -> Manifest:
    return before.model_copy(update={"epoch": before.epoch + 1, "published_ms": 9, "grants": entries, **changes})


def test_only_ends_and_resumes_follow(world: World) -> None:
    first = world.policy().manifest
    both = entry("all"), entry("seoul")
    second = following(first, entry("all"), ended("seoul"), resume={0: 3})
    assert second.follows(first) and following(second, ended("all"), ended("seoul")).follows(second)
    assert following(second, ended("all"), ended("seoul")).follows(first), "what lies between may be passed over"
    for entries in (both, (entry("all"), ended("seoul", END.model_copy(update={"reason": "another"}))), (entry("all"),)):
        assert not following(second, *entries).follows(second)
    for entries in ((entry("all", copy_number=2), entry("seoul")), (entry("seoul"), entry("all")), (*both, entry("new"))):
        assert not following(first, *entries).follows(first)
    copied = entry("seoul", copy_number=2, state="ended", ended=END)
    assert not following(first, entry("all"), copied).follows(first)
    assert not following(first, *both, version_field="income").follows(first)


@pytest.mark.parametrize("changes", [{"state": "ended"}, {"ended": END}, {"state": "paused"}])
def test_an_entry_says_how_it_ended_or_is_none(changes: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="ended"):
        entry("all", **changes)
    assert Manifest.model_validate_json(World(load("person"), GRANTS).policy().manifest.encode())


def test_a_policy_has_no_grant_that_has_ended(world: World) -> None:
    policy = world.policy(2, ended={"all"})
    assert [view.grant for view in policy.grants] == ["seoul"] and len(policy.manifest.grants) == 2
    assert (len(policy.predicates), policy.grants[0].predicate) == (1, 0)
    assert world.policy(2, ended={"all", "seoul"}).grants == ()


def close(pendings: dict[int, Pending]) -> None:
    for each in pendings.values():
        each.partition.store.close()


def test_the_policy_of_an_end_is_the_one_before_without_the_grant(world: World) -> None:
    compiled, made = world.policy(2, ended={"all"}), end_grants(world.policy(1), world.policy(2, ended={"all"}).manifest)
    assert [view.grant for view in made.grants] == ["seoul"] and made.manifest == compiled.manifest
    without = end_grants(world.policy(1), world.policy(2, ended={"seoul"}).manifest)
    assert ([view.predicate for view in without.grants], without.predicates) == ([-1], ()), "nor is its predicate judged"


class Kept(TransactionalProducer):
    """Keeps what is produced."""

    def __init__(self) -> None:
        self.produced: list[tuple[str, bytes | None]] = []

    def produce(self, topic: str, value: bytes | None, *_more: Any, **_options: Any) -> None:
        self.produced.append((topic, value))


def test_an_adoption_is_recorded_with_the_inputs_before_it_and_begins_no_copy_of_what_has_ended(world: World, tmp_path: Path) -> None:
    policy = world.policy(2, ended={"all"})
    for before, markers in ((None, 2), (world.policy().manifest, 0)):
        pendings = world.pendings(tmp_path / str(markers))
        pending = pendings[1]
        adopted = 0 if before is None else 1
        pending.progress = pending.progress.model_copy(update={"adopted": adopted, "cursor": 7, "subjects": 3})
        kept = Kept()
        adopt(pending, policy, before, kept, 1234)
        assert [topic for topic, _ in kept.produced] == ["grant.bank.seoul"] * markers + [ADOPTIONS_TOPIC]
        recorded = json.loads(kept.produced[-1][1] or b"")
        assert recorded == {
            "information_type": "person",
            "partition": 1,
            "epoch": 2,
            "before": adopted,
            "owner_offset": 7,
            "list_offset": 3,
            "at_ms": 1234,
        }
        assert pending.progress.adopted == 2
        close(pendings)


def test_an_epoch_in_which_a_grant_comes_back_is_not_adopted(world: World, tmp_path: Path) -> None:
    pendings = world.pendings(tmp_path)
    with pytest.raises(FatalError, match="decides otherwise"):
        adopt(pendings[0], world.policy(2), world.policy(1, ended={"all"}).manifest, Kept(), 1)
    close(pendings)
