"""Schema text from outside is parsed within limits; equal schemas are recognised."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gongyu_hub.registry.avro_text import NESTING_MAX, TEXT_BYTES_MAX, InvalidSchema, parse_schema, same_encoding

DOG = {
    "type": "record",
    "name": "Dog",
    "namespace": "a.b",
    "fields": [
        {"name": "born", "type": {"type": "int", "logicalType": "date"}},
        {"name": "size", "type": ["null", {"type": "enum", "name": "Size", "symbols": ["S", "L"]}], "default": None},
        {"name": "other", "type": ["null", "Size"], "default": None},
    ],
}


def changed(**changes: Any) -> dict[str, Any]:
    copy: dict[str, Any] = json.loads(json.dumps(DOG))
    copy.update(changes)
    return copy


def test_the_same_schema_has_the_same_digest_however_it_is_written() -> None:
    spaced = json.dumps(dict(reversed(DOG.items())), indent=3)
    assert parse_schema(spaced).digest == parse_schema(json.dumps(DOG)).digest
    assert parse_schema('{"type": "string"}').digest == parse_schema('"string"').digest
    assert parse_schema(json.dumps(changed(doc="x"))).digest != parse_schema(json.dumps(DOG)).digest


def test_docs_defaults_and_full_names_leave_the_encoding_alone() -> None:
    other = changed(doc="a dog", aliases=["Hound"])
    other["fields"][1]["type"][1]["name"] = "a.b.Size"
    other["fields"][2]["type"][1] = "a.b.Size"
    del other["fields"][2]["default"]
    assert same_encoding(DOG, other)
    assert same_encoding({"type": "bytes", "logicalType": "decimal", "precision": 3}, changed_decimal(scale=0))


def changed_decimal(**more: Any) -> dict[str, Any]:
    return {"type": "bytes", "logicalType": "decimal", "precision": 3, **more}


@pytest.mark.parametrize("change", ["logical", "symbols", "order", "name", "scale"])
def test_what_changes_bytes_or_values_is_another_encoding(change: str) -> None:
    one, other = changed(), changed()
    if change == "logical":
        other["fields"][0]["type"] = "int"
    elif change == "symbols":
        other["fields"][1]["type"][1]["symbols"] = ["L", "S"]
    elif change == "order":
        other["fields"][2]["type"] = ["Size", "null"]
        other["fields"][2].pop("default")
    elif change == "name":
        other["name"] = "Cat"
    else:
        one, other = changed_decimal(scale=1), changed_decimal(scale=2)
    assert not same_encoding(one, other)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("{", "not JSON"),
        ('{"type": "rekord"}', "not an Avro schema"),
        ('{"type": "record", "name": "X"}', "not an Avro schema"),
        ('{"type": "record", "name": "X", "fields": 3}', "not an Avro schema"),
        ('{"type": "record", "name": "X", "fields": [], "name": "Y"}', "twice"),
        ('{"type": "record", "name": "X", "fields": [], "a": NaN}', "NaN"),
        ('{"type": "record", "name": "X", "fields": [], "a": 1e999}', "not valid JSON"),
        ('{"type": "record", "name": "X", "fields": [], "a": "\\ud800"}', "not valid JSON"),
        ('{"type": "record", "name": "X", "fields": [], "a": ' + "9" * 5000 + "}", "not valid JSON"),
        ("[" * (NESTING_MAX + 1) + "]" * (NESTING_MAX + 1), "deeper"),
        ('"' + "x" * TEXT_BYTES_MAX + '"', "longer"),
        ('["null", ["null"]]', "not an Avro schema"),
    ],
)
def test_bad_text_is_refused_with_its_reason(text: str, why: str) -> None:
    with pytest.raises(InvalidSchema, match=why):
        parse_schema(text)


ATTRIBUTES = ["type", "name", "fields", "symbols", "items", "values", "size", "default", "logicalType", "precision", "namespace", "aliases"]
LEAVES = st.none() | st.booleans() | st.integers() | st.sampled_from(["record", "enum", "fixed", "array", "map", "int", "null", "X"])


@given(st.recursive(LEAVES, lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(ATTRIBUTES), inner), max_leaves=12))
def test_any_json_is_a_schema_or_a_clear_refusal(content: Any) -> None:
    try:
        parsed = parse_schema(json.dumps(content))
    except InvalidSchema:
        return
    assert same_encoding(parsed.schema, parsed.schema)


def test_a_broken_schema_is_a_clear_refusal_too() -> None:
    chance = random.Random(7)
    for _ in range(300):
        broken = mutate(json.loads(json.dumps(DOG)), chance)
        try:
            parsed = parse_schema(json.dumps(broken))
        except InvalidSchema:
            continue
        assert same_encoding(parsed.schema, parsed.schema)


def mutate(schema: Any, chance: random.Random) -> Any:
    if chance.random() < 0.1:
        return chance.choice([None, 1, [], {}, "int", [None], {"type": None}])
    if isinstance(schema, dict):
        return {name: mutate(value, chance) for name, value in schema.items() if chance.random() > 0.05}
    return [mutate(part, chance) for part in schema] if isinstance(schema, list) else schema
