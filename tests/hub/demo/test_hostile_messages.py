"""Hostile bytes through all stages: every message is a dead letter or a valid result, exactly as the reference says."""

from __future__ import annotations

import random
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest

from tests.hub.building import World, load
from tests.hub.demo.side_by_side import run

MUTATIONS = 100_000
BATCH = 5000


@pytest.mark.thorough
@pytest.mark.timeout(400)
def test_every_truncation_and_100_000_random_mutations_of_valid_messages_are_a_dead_letter_or_a_valid_result() -> None:
    world = World(load("person"), {"all": {"fields": ["id", "name", "region", "income", "score", "fee"], "rows": "income >= 0"}})
    rng = random.Random(11)
    valid = [(world.key(row), world.value(op, None, row)) for row, op in people(rng)]
    for key, value in valid[:20]:
        for cut in range(len(value)):
            world.send_raw(key, value[:cut])
        for cut in range(len(key)):
            world.send_raw(key[:cut], value)
    truncations = len(world.messages)
    batches = [world.batch()]
    for _ in range(MUTATIONS // BATCH):
        for _ in range(BATCH):
            key, value = rng.choice(valid)
            world.send_raw(*((mutate(rng, key), value) if rng.random() < 0.1 else (key, mutate(rng, value))))
        batches.append(world.batch())
    found = run(world, batches)
    tried, rejected = sum(found.outcomes[0].values()), found.outcomes[0]["rejected"]
    print(f"truncations: {truncations}, mutations: {MUTATIONS}, dead letters: {rejected}, deliveries: {found.delivered}")
    assert found.dead_letters[0] == found.dead_letters[1] and found.outcomes[0] == found.outcomes[1]
    assert found.findings.clean, found.findings.examples
    assert truncations > 1000 and tried == truncations + MUTATIONS and rejected > 50_000 and found.delivered > 5_000


def people(rng: random.Random) -> Iterator[tuple[dict[str, Any], str]]:
    for number in range(200):
        row = {
            "id": f"p{number}",
            "name": rng.choice(["Kim", "이", "", "x" * 70]),
            "region": rng.choice([None, "11", "26"]),
            "income": rng.choice([0, -1, 10**12]),
            "score": rng.choice([0.0, -0.0, 1e300, float("nan")]),
            "fee": rng.choice([Decimal("0.00"), Decimal("-1.28"), Decimal("1234567.89")]),
        }
        yield row, rng.choice("cur")


def mutate(rng: random.Random, message: bytes) -> bytes:
    """One to five bits flipped, bytes inserted or removed, or stretches replaced."""
    changed = bytearray(message)
    for _ in range(rng.choice([1, 1, 1, 2, 5])):
        place = rng.randrange(len(changed)) if changed else 0
        kind = rng.randrange(4)
        if kind == 0 and changed:
            changed[place] ^= 1 << rng.randrange(8)
        elif kind == 1:
            changed.insert(place, rng.choice([0, 1, 0x7F, 0x80, 0xFF, rng.randrange(256)]))
        elif kind == 2 and changed:
            del changed[place]
        elif changed:
            changed[place : place + rng.randrange(9)] = rng.randbytes(rng.randrange(9))
    return bytes(changed)
