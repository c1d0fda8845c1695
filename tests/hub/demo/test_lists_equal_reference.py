"""Record changes and list changes meet in any order, in any batches, through losses, restarts, resumes and ends: as the reference says."""

from __future__ import annotations

import random
import tempfile
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.hub.building import Row, World, load
from tests.hub.demo.hub_in_memory import HubInMemory

HISTORIES = 70
FLOORS = {
    (AGAIN := "messages taken again"): 800,
    (RESTARTS := "restarts"): 60,
    (LISTS := "deliveries of list changes"): 800,
    (ACROSS := "decided by a list on images of an epoch before"): 200,
    (MOVED := "records moved to a subject on other lists"): 200,
    (ENDED := "grants ended half-way"): 80,
}
TRIED = dict.fromkeys(FLOORS, 0)


def person_world(rng: random.Random) -> World:
    """The subject is the record key."""
    grants: dict[str, dict[str, Any]] = {
        "all": {"fields": ["id", "name", "region"]},
        "vip": {"fields": ["id", "name"], "list": "vip"},
        "seoul-vip": {"fields": ["id", "region"], "rows": "region = '11'", "list": "vip"},
        "debtors": {"fields": ["id"], "list": "debtors"},
    }
    world = World(load("person"), grants)
    for _ in range(rng.randrange(10, 50)):
        row = {"id": f"p{rng.randrange(4)}", "name": rng.choice("AB"), "region": rng.choice(["11", "26", None])}
        _send(rng, world, {**row, "income": 1, "score": 1.0, "fee": Decimal("1.00")})
    return world


def treated_world(rng: random.Random) -> World:
    """Lists and treatments meet: the key under a pseudonym, values that are shown less exactly or not at all."""
    fields = ["id", "name", "region", "income"]
    blurred = {"name": {"mask": {"keep_first": 1}}, "region": {"null": True}, "income": {"generalise": {"range": 10}}}
    pseudonym = {"id": {"pseudonymise": {"key_version": 1}}}
    grants: dict[str, dict[str, Any]] = {
        "all": {"fields": fields, "treatments": {**pseudonym, **blurred}},
        "vip": {"fields": fields, "treatments": {**pseudonym, **blurred}, "list": "vip"},
        "blurred-vip": {"fields": fields, "treatments": blurred, "rows": "region = '11'", "list": "vip"},
        "named-vip": {"fields": ["id", "name"], "treatments": pseudonym, "list": "debtors"},
    }
    world = World(load("person"), grants)
    for _ in range(rng.randrange(10, 50)):
        row = {"id": f"p{rng.randrange(4)}", "name": rng.choice(["Kim", "Kin", "Lee"]), "region": rng.choice(["11", "26", None])}
        _send(rng, world, {**row, "income": rng.choice([1, 2, 11]), "score": 1.0, "fee": Decimal("1.00")})
    return world


def levy_world(rng: random.Random) -> World:
    """The subject is another field, has several records, and a record may change to another subject."""
    return _levies(rng, versions=True)


def unversioned_levy_world(rng: random.Random) -> World:
    """The same of a type without a version field: nothing is stale, and a deleted record leaves nothing."""
    return _levies(rng, versions=False)


def _levies(rng: random.Random, versions: bool) -> World:
    grants: dict[str, dict[str, Any]] = {
        "all": {"fields": ["bill", "amount"]},
        "vip": {"fields": ["bill", "payer"], "list": "vip"},
        "large-vip": {"fields": ["bill", "amount"], "rows": "amount > 1", "list": "vip"},
    }
    of = load("levy")
    world = World(of if versions else replace(of, version=None), grants)
    for revision in range(rng.randrange(10, 50)):
        told = revision if rng.random() < 0.9 else 0
        _send(rng, world, {"bill": rng.randrange(4), "payer": f"p{rng.randrange(3)}", "revision": told, "amount": rng.choice([None, 1, 2])})
    return world


def _send(rng: random.Random, world: World, row: Row) -> None:
    kind = rng.choices(["change", "delete", "list", "spoilt entry", "spoilt change"], [40, 8, 45, 4, 3])[0]
    if kind == "change":
        world.send("u", None, row)
    elif kind == "delete":
        world.send("d", row, None)
    elif kind == "spoilt change":
        world.send_raw(world.key(row), b"spoilt")
    elif kind == "list":
        world.put_on_list(rng.choice(["vip", "vip", "debtors", "unused"]), row, rng.random() < 0.6)
    else:
        key = b"bank/vip\x00" + world.key(row)
        spoilt: list[tuple[bytes | None, bytes | None]] = [
            (None, b"added"),
            (key, b"Added"),
            (key[:-1], b"added"),
            (key, None),  # perhaps of another partition
            (b"Bank\x00" + world.key(row), b"added"),
            (b"bank/vip", None),
        ]
        world.put_raw(*rng.choice(spoilt), partition=rng.randrange(world.information_type.partitions))


@pytest.mark.parametrize("make", [person_world, treated_world, levy_world, unversioned_levy_world])
def test_any_order_any_batches_any_restarts(make: Callable[[random.Random], World]) -> None:
    for seed in range(HISTORIES):
        rng = random.Random(seed)
        world = make(rng)
        with tempfile.TemporaryDirectory() as folder:
            hub = HubInMemory(world, Path(folder))
            try:
                _live(hub, rng)
                assert hub.findings() == [], f"history {seed}"
            finally:
                hub.close()
        for what, count in (
            (AGAIN, hub.lost),
            (LISTS, hub.by_lists),
            (ACROSS, hub.across_epochs),
            (MOVED, hub.moved),
            (ENDED, len(hub.ends)),
        ):
            TRIED[what] += count


def _live(hub: HubInMemory, rng: random.Random) -> None:
    """Random steps until both logs are read to their ends."""
    actions: dict[Callable[[], Any], float] = {
        lambda: hub.take_changes(rng.randrange(1, 5)): 5,
        lambda: hub.take_lists(rng.randrange(1, 5)): 5,
        hub.commit: 2,
        hub.lose: 0.5,
        hub.restart: 0.3,
        hub.resume: 0.5,
        lambda: hub.end(rng.choice([*hub.world.grants])): 0.2,
    }
    while not hub.at_end:
        action = rng.choices([*actions], [*actions.values()])[0]
        TRIED[RESTARTS] += action == hub.restart
        action()
    hub.commit()


def test_enough_was_tried() -> None:
    print(f"tried: {TRIED}")
    assert all(TRIED[what] >= floor for what, floor in FLOORS.items()), FLOORS
