"""Subjects as people write them become the owner topic's keys; what is no subject is told without its content."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gongyu_hub.registry.subject_values import NotASubject, SubjectCodec
from gongyu_schemas import wire
from tests.hub.building import encode

SCHEMA: dict[str, Any] = {
    "type": "record",
    "name": "Key",
    "fields": [
        {"name": "name", "type": "string"},
        {"name": "number", "type": "long"},
        {"name": "small", "type": "int"},
        {"name": "day", "type": {"type": "int", "logicalType": "date"}},
        {"name": "id", "type": {"type": "string", "logicalType": "uuid"}},
        {"name": "kind", "type": {"type": "enum", "name": "Kind", "symbols": ["A", "B"]}},
        {"name": "flag", "type": "boolean"},
    ],
}
ID = "0fa7f4a0-0000-4000-8000-00000000000a"


@given(st.text(min_size=1, max_size=20).filter(lambda text: text.isprintable()), st.integers(-(2**63), 2**63 - 1), st.dates())
def test_texts_and_json_values_give_the_owner_topics_key(name: str, number: int, day: Any) -> None:
    codec = SubjectCodec(7, SCHEMA)
    value = {"name": name, "number": number, "small": -3, "day": day, "id": ID, "kind": "B", "flag": True}
    expected = wire.frame(7, encode(SCHEMA, value))
    assert codec.encode([name, str(number), "-3", day.isoformat(), ID.upper(), "B", "true"]) == expected
    assert codec.encode([name, number, -3, day.isoformat(), ID, "B", True]) == expected
    assert codec.decode(expected) == [name, number, -3, day.isoformat(), ID, "B", True]


@pytest.mark.parametrize(
    ("place", "value", "told"),
    [
        (0, "", "name: not a value of its kind (string)"),
        (0, 5, "name: not a value of its kind (string)"),
        (0, "\ud800", "name: not a value of its kind (string)"),
        (0, "x" * 5000, "longer than 4096 bytes"),
        (1, "12x", "number: not a value of its kind (long)"),
        (1, True, "number: not a value of its kind (long)"),
        (1, 2**63, "number: not a value of its kind (long)"),
        (2, 2**31, "small: not a value of its kind (int)"),
        (3, "2026-02-30", "day: not a value of its kind (date)"),
        (4, "not-one", "id: not a value of its kind (uuid)"),
        (5, "C", "kind: not a value of its kind (enum)"),
        (6, "yes", "flag: not a value of its kind (boolean)"),
    ],
)
def test_what_is_no_subject_is_told_by_field_and_never_by_value(place: int, value: Any, told: str) -> None:
    values: list[Any] = ["n", 1, 2, "2026-01-31", ID, "A", False]
    values[place] = value
    with pytest.raises(NotASubject) as error:
        SubjectCodec(7, SCHEMA).encode(values)
    assert str(error.value) == told


def test_another_number_of_values_is_told() -> None:
    with pytest.raises(NotASubject, match="1 values instead of 7"):
        SubjectCodec(7, SCHEMA).encode(["n"])
