"""The quick writer gives the bytes that fastavro gives, or leaves the schema to it; changes are owner envelopes to any reader."""

from __future__ import annotations

import io
from typing import Any

import fastavro
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gongyu_producers.encode import encode_long, make_encoder
from gongyu_producers.records import Records
from gongyu_schemas.envelope import owner_envelope
from tests.producers.models import LEVY

LONGS = st.one_of(st.integers(-(2**63), 2**63 - 1), st.integers(-10_000, 10_000))
KINDS: list[tuple[Any, st.SearchStrategy[Any]]] = [
    ("boolean", st.booleans()),
    ("int", st.integers(-(2**31), 2**31 - 1)),
    ("long", LONGS),
    ({"type": "long"}, LONGS),
    ("float", st.floats(width=32, allow_nan=False)),
    ("double", st.floats(allow_nan=False)),
    ("string", st.text(st.characters(codec="utf-8"))),
    ("string", st.text("가x", min_size=60, max_size=5_000)),
    ("bytes", st.binary(max_size=300)),
]


def by_fastavro(schema: Any, value: Any) -> bytes:
    out = io.BytesIO()
    fastavro.schemaless_writer(out, schema, value)
    return out.getvalue()


@st.composite
def records(draw: st.DrawFn, path: tuple[int, ...] = ()) -> tuple[dict[str, Any], dict[str, Any]]:
    """A schema and a record of it."""
    fields, values = [], {}
    for at in range(draw(st.integers(1, 5))):
        name = "f" + "_".join(map(str, (*path, at)))
        choice = draw(st.integers(0, len(KINDS) + (1 if len(path) < 2 else 0)))
        if choice < len(KINDS):
            schema, strategy = KINDS[choice]
            value = draw(strategy)
        elif choice == len(KINDS):
            symbols = [f"S{number}" for number in range(draw(st.integers(1, 200)))]
            schema, value = {"type": "enum", "name": f"E{name}", "symbols": symbols}, draw(st.sampled_from(symbols))
        else:
            schema, value = draw(records((*path, at)))
            schema["name"] = f"R{name}"
        nullable = draw(st.sampled_from(["never", "first", "last"]))
        if nullable != "never":
            schema, value = (["null", schema] if nullable == "first" else [schema, "null"]), draw(st.sampled_from([None, value]))
        fields.append({"name": name, "type": schema})
        values[name] = value
    return {"type": "record", "name": "R", "fields": fields}, values


@given(records())
def test_the_bytes_are_those_of_fastavro(made: tuple[dict[str, Any], dict[str, Any]]) -> None:
    schema, values = fastavro.parse_schema(made[0]), made[1]
    encode = make_encoder(schema)
    assert encode is not None
    assert encode(values) == by_fastavro(schema, values)


@given(LONGS)
def test_longs_are_those_of_fastavro(number: int) -> None:
    assert encode_long(number) == by_fastavro("long", number)


@pytest.mark.parametrize(
    "other",
    [{"type": "array", "items": "long"}, {"type": "map", "values": "long"}, ["null", "long", "string"], ["long", "string"], "test.Other"],
)
def test_other_shapes_are_left_to_fastavro(other: Any) -> None:
    assert make_encoder({"type": "record", "name": "R", "fields": [{"name": "a", "type": "long"}, {"name": "b", "type": other}]}) is None


@given(st.text(st.characters(codec="utf-8"), max_size=200), LONGS, st.integers(0, 2**62), st.none() | st.text(st.characters(codec="utf-8")))
def test_changes_are_owner_envelopes_to_any_reader(source: str, ts_ms: int, position: int, act: str | None) -> None:
    images = [{"bill": number, "payer": "kim", "revision": 1, "amount": None} for number in range(2)]
    writer = Records(LEVY)
    first, second = map(writer.image, images)
    listed = [("c", None, first), ("u", first, second), ("d", second, None)]
    read = [
        fastavro.schemaless_reader(io.BytesIO(body), fastavro.parse_schema(owner_envelope(LEVY)), None)
        for body in writer.changes(listed, ts_ms, source, position, act)
    ]
    assert [(each["op"], each["before"], each["after"]) for each in read] == [
        ("c", None, images[0]), ("u", images[0], images[1]), ("d", images[1], None),
    ]  # fmt: skip
    assert [each["source"] for each in read] == [{"name": source, "position": position + at, "act": act} for at in range(3)]
    assert {each["ts_ms"] for each in read} == {ts_ms}
