"""Under treatments too, who is put on a list is shown what a change of the record would show, under the same key."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from gongyu_hub.decode import decode
from gongyu_hub.diff import diff
from gongyu_hub.entitle import entitle
from gongyu_hub.fan_out import fan_out
from gongyu_hub.list_changes import list_changes
from gongyu_hub.policy.compiled import TypePolicy
from gongyu_hub.state.pending import Pending
from gongyu_hub.values import Diffed
from gongyu_schemas import wire
from gongyu_schemas.information_type import InformationType
from tests.hub.building import Row, World, decode_avro, load

PERSON = {"id": "p1", "name": "Kim Maru", "region": "1111010100", "income": 4711, "score": 1.5, "fee": Decimal("1.25")}
PERSON_TREATED = {
    "id": {"pseudonymise": {"key_version": 1}},
    "name": {"mask": {"keep_first": 1}},
    "region": {"generalise": {"prefix": 2}},
    "income": {"generalise": {"range": 1000}},
    "score": {"null": True},
    "fee": {"constant": "9.99"},
}
LEVY = {"bill": 7, "payer": "p1", "revision": 1, "amount": None}
LEVY_TREATED = {"bill": {"pseudonymise": {"key_version": 2}}, "payer": {"mask": "all"}, "amount": {"constant": 3}}
#: (op, message key, partition, before, after)
Delivered = tuple[str, bytes, int, Any, Any]


@pytest.fixture(params=["person", "levy", "levy-unversioned"])
def case(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[World, Row, dict[int, Pending]]]:
    """The subject is the record key, or another field; each grant twice, with a list and without."""
    of, row, treated = _case(request.param)
    terms = {"fields": [*row], "treatments": treated}
    world = World(of, {"all": terms, "vip": {**terms, "list": "vip"}})
    pendings = world.pendings(tmp_path)
    yield world, row, pendings
    for pending in pendings.values():
        pending.partition.store.close()


def _case(name: str) -> tuple[InformationType, Row, dict[str, Any]]:
    if name == "person":
        return load("person"), PERSON, PERSON_TREATED
    of = load("levy")
    return of if name == "levy" else replace(of, version=None), LEVY, LEVY_TREATED


def test_c_and_d_of_a_list_carry_the_treated_key_and_values_of_a_change(case: tuple[World, Row, dict[int, Pending]]) -> None:
    world, row, pendings = case
    policy = world.policy()

    def change(op: str, before: Row | None, after: Row | None) -> dict[str, list[Delivered]]:
        world.send(op, before, after)
        return _delivered(world, policy, diff(decode(world.batch(), policy), pendings, policy, 100))

    def move(there: bool) -> dict[str, list[Delivered]]:
        world.put_on_list("vip", row, there)
        return _delivered(world, policy, list_changes(world.list_batch(), pendings, world.listed(), policy))

    created, added, removed = change("c", None, row), move(there=True), move(there=False)
    assert created["vip"] == [] and added["all"] == removed["all"] == []
    assert added["vip"] == created["all"], "what is new is shown as a new record is"
    deleted = change("d", row, None)
    assert deleted["vip"] == [] and removed["vip"] == deleted["all"], "what is taken back is taken back as a deleted record is"
    [(_, key, _, _, after)], [(_, key_of_d, _, before, _)] = added["vip"], removed["vip"]
    assert (key_of_d, before) == (key, after)
    assert all(after[name] != row[name] for name in world.treatments("vip")), "every treatment shows"
    assert after[world.information_type.key[0]].encode() in key, "also in the message key"


def _delivered(world: World, policy: TypePolicy, diffed: Diffed) -> dict[str, list[Delivered]]:
    found: dict[str, list[Delivered]] = {name: [] for name in world.grants}
    for each in fan_out(diffed.transitions, entitle(diffed.transitions, policy), policy):
        name = policy.grants[each.grant].grant
        for key, partition, start, end in zip(each.keys, each.partitions, each.starts, each.starts[1:], strict=False):
            value = decode_avro(world.view_schema(name), wire.unframe(each.content[start:end])[1])
            found[name].append((value["op"], key, partition, value["before"], value["after"]))
    return found
