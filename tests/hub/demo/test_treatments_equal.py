"""Engine and reference are equal under random treatments; and nothing clear of a treated field is left in what is delivered."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import date
from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gongyu_hub.policy.constants import encode_long
from gongyu_schemas.fields import Kind, read_fields
from gongyu_schemas.wire import HEADER_BYTES
from tests.hub.building import World, decode_avro, load
from tests.hub.demo.random_treatments import OF_KIND, of_grant
from tests.hub.demo.side_by_side import run, run_stages
from tests.hub.demo.spellings import spellings
from tests.hub.demo.test_engine_equals_reference import types, worlds
from tests.hub.demo.test_nested_records import worlds as nested_worlds

#: Every kind, and more of those that most can be done to.
KINDS = (*OF_KIND, *[Kind.STRING] * 24, *[Kind.DATE, Kind.LONG, Kind.DECIMAL] * 2)


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("cases", "examples", "least"), [(worlds(types(KINDS), of_grant), 90, 8), (nested_worlds(of_grant), 50, 0)], ids=["flat", "nested"]
)
def test_engine_and_reference_are_equal_under_random_treatments(cases: st.SearchStrategy[Any], examples: int, least: int) -> None:
    tried: Counter[str] = Counter()

    @settings(max_examples=examples, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
    @given(cases)
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
    assert all(tried[how] >= least for how in ("mask", "null", "constant", "generalise", "pseudonymise")), tried
    assert tried["delivered"] > 200, tried


def test_a_field_of_a_record_that_is_absent_is_absent_under_every_treatment() -> None:
    home = {
        "type": "record",
        "name": "Home",
        "fields": [
            {"name": "city", "type": "string"},
            {"name": "floor", "type": ["null", "int"], "default": None},
            {"name": "since", "type": {"type": "int", "logicalType": "date"}},
            {"name": "meter", "type": "long"},
            {"name": "note", "type": "string"},
        ],
    }
    record = {"type": "record", "name": "R", "fields": [{"name": "id", "type": "string"}, {"name": "home", "type": ["null", home]}]}
    of = replace(load("person"), record_schema=record, fields=read_fields(record))
    treatments = {
        "home.city": {"null": True},
        "home.floor": {"constant": 7},
        "home.since": {"generalise": {"to": "year"}},
        "home.meter": {"pseudonymise": {"key_version": 1}},
        "home.note": {"mask": "all"},
    }
    world = World(of, {"treated": {"fields": ["id", "home"], "treatments": treatments}})
    lived = {"city": "Seoul", "floor": None, "since": date(2020, 2, 2), "meter": 5, "note": "ab"}
    homes = [None, lived, {**lived, "city": "Busan", "floor": 3, "since": date(2020, 3, 3), "note": "cd"}, {**lived, "meter": 6}, None]
    rows = [{"id": "a", "home": each} for each in homes]
    world.send("c", None, rows[0])
    for before, after in pairwise(rows):
        world.send("u", before, after)
    found = run(world, [world.batch()])
    assert found.findings.clean, found.findings.examples
    assert found.delivered == 2 * of.partitions + 4, "the markers, c, and three u: what moved in the third row is not shown"


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
