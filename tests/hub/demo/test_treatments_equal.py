"""Engine and reference are equal under random treatments; and nothing clear of a treated field is left in what is delivered."""

from __future__ import annotations

from collections import Counter
from decimal import Decimal
from typing import Any

from hypothesis import HealthCheck, given, settings

from gongyu_hub.policy.constants import encode_long
from gongyu_schemas.fields import Kind
from gongyu_schemas.wire import HEADER_BYTES
from tests.hub.building import World, decode_avro, load
from tests.hub.demo.random_treatments import OF_KIND, of_grant
from tests.hub.demo.side_by_side import run, run_stages
from tests.hub.demo.spellings import spellings
from tests.hub.demo.test_engine_equals_reference import types, worlds

#: Every kind, and more of those that most can be done to.
KINDS = (*OF_KIND, *[Kind.STRING] * 24, *[Kind.DATE, Kind.LONG, Kind.DECIMAL] * 2)


def test_engine_and_reference_are_equal_under_random_treatments() -> None:
    tried: Counter[str] = Counter()

    @settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
    @given(worlds(types(KINDS), of_grant))
    def compare(case: tuple[World, list[Any]]) -> None:
        world, batches = case
        found = run(world, batches)
        assert found.outcomes[0] == found.outcomes[1], found.whys
        assert found.findings.clean, found.findings.examples
        for name, topic in zip(world.grants, run_stages(world, batches)[0], strict=True):
            for each in topic:
                decode_avro(world.view_schema(name), (each.value or b"")[HEADER_BYTES:])  # logical types too: any Avro reader may
        tried.update(how for grant in world.grants.values() for each in grant["treatments"].values() for how in each)
        tried["delivered"] += found.delivered

    compare()
    print("treatments tried:", ", ".join(f"{how} {count}" for how, count in sorted(tried.items())))
    assert all(tried[how] >= 15 for how in ("mask", "null", "constant", "generalise", "pseudonymise")), tried
    assert tried["delivered"] > 500, tried


CANARIES = {"id": "canary-id-750101", "name": "카나리아 Canary", "region": "canary-region-11110"}
INCOME = 0x1234567890AB


def test_no_clear_value_of_a_treated_field_is_anywhere_in_what_is_delivered() -> None:
    fields = ["id", "name", "region", "income"]
    treatments = {
        "id": {"pseudonymise": {"key_version": 1}},
        "name": {"mask": {"keep_first": 1}},
        "region": {"constant": "-"},
        "income": {"null": True},
    }
    world = World(load("person"), {"treated": {"fields": fields, "treatments": treatments}, "clear": {"fields": fields}})
    row = {**CANARIES, "income": INCOME, "score": 1.0, "fee": Decimal(1)}
    later = {**row, "name": "카나리아 Canary2"}
    world.send("c", None, row)
    world.send("u", row, later)
    world.send("d", later, None)
    received, _, _, _ = run_stages(world, [world.batch()])
    treated, clear = ([part for each in topic if each.key for part in (each.key, each.value or b"")] for topic in received)
    wanted = [each for text in [*CANARIES.values(), "anary", "나리아"] for each in spellings(text)] + [encode_long(INCOME)]
    assert len(treated) == len(clear) == 6, "the keys and values of c, u and d"
    assert [each for each in wanted if any(each in part for part in treated)] == []
    assert {text for text in CANARIES.values() if any(text.encode() in part for part in clear)} == {*CANARIES.values()}, "the search finds"
    assert any(encode_long(INCOME) in part for part in clear)
    print(f"spellings searched: {len(wanted)}, messages: {len(treated) // 2}")
