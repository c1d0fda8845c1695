"""Layouts: the envelope's fields are found by name, everything else is passed over, what has no layout is refused with its place."""

import io
from typing import Any, Self

import fastavro
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gongyu_hub.engine.faults import Fault
from gongyu_hub.engine.images import Located, locate
from gongyu_hub.engine.layout import LayoutError, compile_layout
from tests.hub.engine.flat_records import changes, encode, encode_fields, envelope, flat_schemas

RECORD = {"type": "record", "name": "Value", "fields": [{"name": "id", "type": "long"}]}


def plain_envelope(*more: dict[str, Any], **changed: Any) -> dict[str, Any]:
    parts = {"before": ["null", RECORD], "after": ["null", "Value"], "op": "string", "ts_ms": "long"} | changed
    fields = [{"name": name, "type": schema} for name, schema in parts.items() if schema is not None]
    return {"type": "record", "name": "Envelope", "fields": [*fields, *more]}


def locate_one(schema: Any, body: bytes) -> Located:
    return locate(compile_layout(schema), body, [0, len(body)])


def test_a_debezium_envelope_fits_as_it_is() -> None:
    source = [
        {"name": "version", "type": "string"},
        {"name": "snapshot", "type": [{"type": "string", "connect.name": "io.debezium.data.Enum"}, "null"], "default": "false"},
        {"name": "lsn", "type": ["null", "long"], "default": None},
    ]
    transaction = [{"name": "id", "type": "string"}, {"name": "total_order", "type": "long"}]
    schema = {
        "type": "record",
        "name": "Envelope",
        "namespace": "server.public.people",
        "fields": [
            {"name": "before", "type": ["null", {**RECORD, "connect.name": "server.public.people.Value"}], "default": None},
            {"name": "after", "type": ["null", "Value"], "default": None},
            {"name": "source", "type": {"type": "record", "name": "Source", "namespace": "io.debezium", "fields": source}},
            {"name": "transaction", "type": ["null", {"type": "record", "name": "block", "namespace": "event", "fields": transaction}]},
            {"name": "op", "type": "string"},
            {"name": "ts_ms", "type": ["null", "long"], "default": None},
        ],
    }
    datum = {
        "before": None,
        "after": {"id": 7},
        "source": {"version": "2.7", "snapshot": "false", "lsn": 1 << 40},
        "transaction": {"id": "571:5368", "total_order": 1},
        "op": "c",
        "ts_ms": 1_700_000_000_000,
    }
    for ts_ms in (1_700_000_000_000, None):
        found = locate_one(schema, encode(schema, datum | {"ts_ms": ts_ms}))
        assert found.reason.tolist() == [0]
        assert found.fields.tolist() == [[2, 3]]
        assert found.op.tolist() == [ord("c")]
        assert found.ts_ms.tolist() == [ts_ms or 0]
        assert found.act.tolist() == [[-1, -1]]


def passed_over(depth: int) -> st.SearchStrategy[tuple[Any, st.SearchStrategy[Any]]]:
    """Pairs of a schema that the hub does not look into and a strategy for its values."""
    leaves = st.sampled_from(
        [
            ("null", st.none()),
            ("boolean", st.booleans()),
            ("int", st.integers(-(2**31), 2**31 - 1)),
            ("long", st.integers(-(2**63), 2**63 - 1)),
            ("float", st.just(1.5)),
            ("double", st.just(-2.5)),
            ("bytes", st.binary(max_size=9)),
            ("string", st.text(st.characters(codec="utf-8"), max_size=5)),
            ({"type": "fixed", "size": 3}, st.binary(min_size=3, max_size=3)),
            ({"type": "fixed", "size": 0}, st.just(b"")),
            ({"type": "enum", "symbols": ["A", "B"]}, st.sampled_from(["A", "B"])),
        ]
    )
    if depth == 0:
        return leaves
    inner = passed_over(depth - 1)
    arrays = inner.map(lambda part: ({"type": "array", "items": part[0]}, st.lists(part[1], max_size=3)))
    maps = inner.map(lambda part: ({"type": "map", "values": part[0]}, st.dictionaries(st.text("abc", max_size=2), part[1], max_size=3)))
    rows = st.lists(inner, max_size=3).map(
        lambda parts: (
            {"type": "record", "fields": [{"name": f"p{index}", "type": part[0]} for index, part in enumerate(parts)]},
            st.fixed_dictionaries({f"p{index}": part[1] for index, part in enumerate(parts)}),
        )
    )
    unions = st.lists(inner.filter(lambda part: not isinstance(part[0], list)), min_size=1, max_size=3).map(to_union)
    return leaves | arrays | maps | rows | unions


def to_union(parts: list[tuple[Any, st.SearchStrategy[Any]]]) -> tuple[Any, st.SearchStrategy[Any]]:
    """Each branch wrapped in a record of its own, so that fastavro can tell them apart by name."""
    branches: list[Any] = ["null"]
    strategies: list[st.SearchStrategy[Any]] = [st.none()]
    for schema, strategy in parts:
        branch = {"type": "record", "fields": [{"name": "only", "type": schema}]}
        branches.append(branch)
        strategies.append(strategy.map(lambda value, branch=branch: Branch(branch, {"only": value})))
    return branches, st.one_of(strategies)


class Branch(tuple[Any, Any]):
    """A value and the branch of the union that it belongs to; its name is known only when the whole schema is named."""

    __slots__ = ()

    def __new__(cls, branch: Any, value: Any) -> Self:
        return super().__new__(cls, (branch, value))


def name_types(schema: Any, numbers: Any) -> None:
    if isinstance(schema, list):
        for branch in schema:
            name_types(branch, numbers)
    elif isinstance(schema, dict):
        if schema["type"] in ("record", "fixed", "enum"):
            schema["name"] = f"other.T{next(numbers)}"
        for part in [field["type"] for field in schema.get("fields", ())] + [schema.get("items"), schema.get("values")]:
            name_types(part, numbers)


def copied(schema: Any, seen: dict[int, Any]) -> Any:
    """A deep copy without shared parts, remembering which branch became which."""
    if isinstance(schema, list):
        return [copied(branch, seen) for branch in schema]
    if isinstance(schema, dict):
        made = {key: copied(part, seen) if key in ("fields", "items", "values", "type") else part for key, part in schema.items()}
        seen[id(schema)] = made
        return made
    return schema


def named(value: Any, seen: dict[int, Any]) -> Any:
    if isinstance(value, Branch):
        return (seen[id(value[0])]["name"], named(value[1], seen))
    if isinstance(value, dict):
        return {key: named(part, seen) for key, part in value.items()}
    return [named(part, seen) for part in value] if isinstance(value, list) else value


@pytest.mark.thorough
@settings(max_examples=300, deadline=None)
@given(st.data())
def test_fields_are_found_in_any_order_between_others_of_any_type(data: Any) -> None:
    record = data.draw(flat_schemas)
    base = envelope(record)
    others = data.draw(st.lists(passed_over(2), max_size=3))
    seen: dict[int, Any] = {}
    extra = [{"name": f"x{index}", "type": copied(schema, seen)} for index, (schema, _) in enumerate(others)]
    name_types([field["type"] for field in extra], iter(range(10**6)))
    order = data.draw(st.permutations([*base["fields"][2:], *extra]))
    at = data.draw(st.integers(0, len(order)))
    schema = {**base, "fields": [*order[:at], *base["fields"][:2], *order[at:]]}
    change = data.draw(changes(record))
    for index, (_, strategy) in enumerate(others):
        change[f"x{index}"] = named(data.draw(strategy), seen)
    body = encode(schema, change)
    found = locate_one(schema, body)
    assert found.reason.tolist() == [0]
    assert found.ts_ms.tolist() == [change["ts_ms"]]
    for name, place in (("before", found.before), ("after", found.after)):
        start, end = place[0].tolist()
        assert body[start:end] == (b"" if change[name] is None else b"".join(encode_fields(record, change[name]))) or start == -1
        assert (start == -1) == (change[name] is None)
    for length in range(len(body)):
        assert locate_one(schema, body[:length]).reason.tolist() != [0]


ARRAY = plain_envelope({"name": "list", "type": {"type": "array", "items": "string"}})
HEAD = b"\x00\x02\x02\x02c\x02"


@pytest.mark.parametrize(
    ("blocks", "fault"),
    [
        (b"\x00", Fault.NONE),
        (b"\x04\x02a\x02b\x00", Fault.NONE),
        (b"\x02\x02a\x02\x02b\x00", Fault.NONE),  # two blocks
        (b"\x03\x08\x02a\x02b\x00", Fault.NONE),  # -2 items in 4 bytes
        (b"\x03\x06\x02a\x02b\x00", Fault.BAD_LENGTH),  # not in 3
        (b"\x03\x0a\x02a\x02b\x00", Fault.BAD_LENGTH),
        (b"\x03\x01\x02a\x02b\x00", Fault.BAD_LENGTH),
        (b"\x03\xfe\xff\xff\xff\xff\xff\xff\xff\xff\x01\x02a\x02b\x00", Fault.TRUNCATED),
        (b"\xfe\xff\xff\xff\xff\xff\xff\xff\xff\x01\x02a\x02b\x00", Fault.TRUNCATED),  # 2^63 - 1 items
        (b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\x02\x02a\x02b\x00", Fault.BAD_LENGTH),  # -2^63 items
        (b"\x04\x02a", Fault.TRUNCATED),
        (b"\x02\x02\xff\x00", Fault.BAD_UTF8),
    ],
)
def test_blocks_may_be_split_and_sized_but_must_be_as_long_as_they_say(blocks: bytes, fault: Fault) -> None:
    assert Fault(locate_one(ARRAY, HEAD + blocks).reason[0]) is fault


def test_items_without_bytes_cost_no_time_however_many_there_are() -> None:
    empty = {"type": "record", "name": "Empty", "fields": [{"name": "a", "type": "null"}, {"name": "b", "type": "null"}]}
    schema = plain_envelope({"name": "list", "type": {"type": "array", "items": {"type": "array", "items": empty}}})
    many = b"\xfe\xff\xff\xff\xff\xff\xff\xff\xff\x01"
    assert locate_one(schema, HEAD + b"\x02" + many + many + b"\x00\x00").reason.tolist() == [0]
    assert locate_one(schema, HEAD + b"\x02\x03\x02\x00\x00").reason.tolist() == [Fault.BAD_LENGTH]


def test_nested_blocks_are_counted_each_for_itself() -> None:
    schema = plain_envelope(
        {"name": "list", "type": {"type": "array", "items": {"type": "map", "values": {"type": "array", "items": "int"}}}}
    )
    datum = {"before": None, "after": {"id": 1}, "op": "c", "ts_ms": 1, "list": [{"a": [1, 2], "b": []}, {}, {"c": [3]}]}
    body = encode(schema, datum)
    found = locate_one(schema, body * 1)
    assert found.reason.tolist() == [0]
    assert [locate_one(schema, body[:length]).reason[0] for length in range(len(body))] == [Fault.TRUNCATED] * len(body)


def doubling(levels: int) -> Any:
    """A schema of a few lines that unfolds to 2^levels values."""
    schema: Any = "int"
    for level in range(levels):
        fields = [{"name": "a", "type": schema}, {"name": "b", "type": f"L{level - 1}" if level else "int"}]
        schema = {"type": "record", "name": f"L{level}", "fields": fields}
    return schema


def deep(levels: int) -> Any:
    schema: Any = "int"
    for _ in range(levels):
        schema = {"type": "array", "items": schema}
    return schema


LINKED = {"type": "record", "name": "Linked", "fields": [{"name": "next", "type": ["null", "Linked"]}]}


@pytest.mark.parametrize(
    ("schema", "place", "why"),
    [
        ("string", "schema", "must be a record"),
        (7, "schema", "a name, a list or an object"),
        (plain_envelope(after=None), "after", "no such field"),
        (plain_envelope(op=None), "op", "no such field"),
        (plain_envelope(ts_ms=None), "ts_ms", "no such field"),
        (plain_envelope(op="int"), "op", "must be a string"),
        (plain_envelope(ts_ms="string"), "ts_ms", "must be a long"),
        (plain_envelope(after="Value"), "after", "union of null and the record"),
        (plain_envelope(before=["null", RECORD], after=["null", {**RECORD, "name": "Other", "doc": "x"}]), "before", "the same record"),
        (plain_envelope(before=["null", "Unknown"]), "before", "'Unknown' is not known"),
        (plain_envelope({"name": "op", "type": "string"}), "schema", "declared twice"),
        (plain_envelope({"name": "x", "type": {**RECORD}}), "x", "defined twice"),
        (plain_envelope({"name": "x", "type": LINKED}), "x.next", "recursive type has no layout"),
        (plain_envelope({"name": "x", "type": doubling(30)}), "schema", "unfolds to more than"),
        (plain_envelope({"name": "x", "type": deep(100)}), "x", "levels deep"),
        (plain_envelope({"name": "x", "type": {"type": "fixed", "name": "F", "size": -1}}), "x", "size"),
        (plain_envelope({"name": "x", "type": {"type": "array"}}), "x", "no items"),
        (plain_envelope({"name": "x", "type": {"type": "record", "name": "R"}}), "x", "no list of fields"),
        (plain_envelope({"name": "x", "type": {"type": "enum", "symbols": ["A"]}}), "x", "no name"),
        (plain_envelope({"name": "x", "type": []}), "x", "needs branches"),
        (plain_envelope({"name": "x", "type": ["int", ["null", "int"], "string"]}), "x", "none of which is a union"),
        (plain_envelope({"type": "string"}), "schema", "needs a name and a type"),
        (
            plain_envelope(source={"type": "record", "name": "S", "fields": [{"name": "act", "type": "string"}]}),
            "source.act",
            "must be the union",
        ),
    ],
)
def test_what_has_no_layout_is_refused_with_its_place(schema: Any, place: str, why: str) -> None:
    with pytest.raises(LayoutError, match=why) as raised:
        compile_layout(schema)
    assert raised.value.place.startswith(place)


@pytest.mark.parametrize(
    ("field_type", "place", "why"),
    [
        ({"type": "array", "items": "null"}, "after.part", "hold nothing"),
        ({"type": "record", "name": "Inner", "fields": [{"name": "a", "type": "null"}]}, "after.part.a", "always null"),
        (["null", "int", "int"], "after.part", "the same type twice"),
        (["null", "Value"], "before.part", "contains itself"),
    ],
)
def test_a_record_that_has_no_layout_is_refused_with_the_field(field_type: Any, place: str, why: str) -> None:
    record = {"type": "record", "name": "Value", "fields": [{"name": "id", "type": "long"}, {"name": "part", "type": field_type}]}
    with pytest.raises(LayoutError, match=why) as raised:
        compile_layout(plain_envelope(before=["null", record]))
    assert raised.value.place == place


def test_before_and_source_may_be_missing_and_the_unions_may_stand_in_either_order() -> None:
    schema = plain_envelope(before=None, after=[RECORD, "null"])
    assert locate_one(schema, b"\x00\x0e\x02c\x02").fields.tolist() == [[1, 2]]
    assert locate_one(schema, b"\x02\x02c\x02").fields.tolist() == [[-1, -1]]


def test_names_are_found_by_namespace() -> None:
    inner = {"type": "record", "name": "a.b.Inner", "fields": [{"name": "e", "type": {"type": "enum", "name": "E", "symbols": ["X"]}}]}
    more = [
        {"name": "one", "type": inner},
        {"name": "two", "type": "a.b.E"},
        {"name": "three", "type": {"type": "a.b.Inner"}},
        {"name": "four", "type": {"type": {"type": "long"}}},
    ]
    schema = plain_envelope(*more)
    datum = {"before": None, "after": {"id": 1}, "op": "c", "ts_ms": 1, "one": {"e": "X"}, "two": "X", "three": {"e": "X"}, "four": 4}
    plainly = plain_envelope(*more[:2], {"name": "three", "type": "a.b.Inner"}, {"name": "four", "type": "long"})
    assert locate_one(schema, encode(plainly, datum)).reason.tolist() == [0]


def test_an_enum_that_the_record_shares_with_the_envelope_is_known_in_both() -> None:
    enum = {"type": "enum", "name": "Colour", "symbols": ["RED", "BLUE"]}
    record = {"type": "record", "name": "Value", "fields": [{"name": "one", "type": "Colour"}, {"name": "two", "type": ["null", "Colour"]}]}
    base = plain_envelope(before=["null", record])
    schema = {**base, "fields": [{"name": "first", "type": enum}, *base["fields"]]}
    out = io.BytesIO()
    datum = {"first": "RED", "before": None, "after": {"one": "BLUE", "two": "RED"}, "op": "u", "ts_ms": 0}
    fastavro.schemaless_writer(out, schema, datum)
    layout = compile_layout(schema)
    assert [field.symbols for field in layout.fields] == [("RED", "BLUE")] * 2
    assert np.diff(locate_one(schema, out.getvalue()).fields[0]).tolist() == [1, 2]
