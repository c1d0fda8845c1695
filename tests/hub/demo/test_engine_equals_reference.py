"""Engine and reference are equal on random flat schemas, records, grants and hostile bytes."""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gongyu_hub.demo.plain import Codec
from gongyu_schemas.envelope import owner_envelope, subject_key_schema
from gongyu_schemas.fields import Field, Kind, read_fields
from gongyu_schemas.information_type import InformationType, Publishing, Title
from gongyu_schemas.wire import frame
from tests.hub.building import KEY_ID, WRITER_ID, World
from tests.hub.demo.side_by_side import run

SYMBOLS = ["S", "M", "L"]
SCHEMAS: dict[Kind, Any] = {
    Kind.BOOLEAN: "boolean",
    Kind.INT: "int",
    Kind.LONG: "long",
    Kind.FLOAT: "float",
    Kind.DOUBLE: "double",
    Kind.STRING: "string",
    Kind.DATE: {"type": "int", "logicalType": "date"},
    Kind.TIME_MILLIS: {"type": "int", "logicalType": "time-millis"},
    Kind.TIME_MICROS: {"type": "long", "logicalType": "time-micros"},
    Kind.TIMESTAMP_MILLIS: {"type": "long", "logicalType": "timestamp-millis"},
    Kind.TIMESTAMP_MICROS: {"type": "long", "logicalType": "timestamp-micros"},
    Kind.LOCAL_TIMESTAMP_MILLIS: {"type": "long", "logicalType": "local-timestamp-millis"},
    Kind.LOCAL_TIMESTAMP_MICROS: {"type": "long", "logicalType": "local-timestamp-micros"},
    Kind.DECIMAL: {"type": "bytes", "logicalType": "decimal", "precision": 9, "scale": 2},
    Kind.UUID: {"type": "string", "logicalType": "uuid"},
}
few = st.integers(-2, 2)
ids = st.sampled_from(["00000000-0000-0000-0000-00000000000a", "f0000000-0000-0000-0000-000000000001"])
floats = st.sampled_from([0.0, -0.0, 1.5, -1.5, 0.1, float("inf"), float("-inf"), float("nan")])
texts = st.sampled_from(["", "a", "ab", "b", "가", "가나", "\U0001f600", "\uffff", "it's"])
#: Raw values, as the codec without logical types takes them: few of each, so that values meet again.
VALUES: dict[Kind, st.SearchStrategy[Any]] = {
    **dict.fromkeys(Kind, st.sampled_from([-2, -1, 0, 1, 2] * 4 + [2**31 - 1, -(2**31)])),
    **dict.fromkeys((Kind.TIME_MILLIS, Kind.TIME_MICROS), st.sampled_from([0, 1, 2] * 5 + [-1])),
    Kind.LONG: st.sampled_from([-2, -1, 0, 1, 2, 2**63 - 1, -(2**63)]),
    Kind.BOOLEAN: st.booleans(),
    Kind.FLOAT: floats.map(lambda value: struct.pack("<f", value)),
    Kind.DOUBLE: floats.map(lambda value: struct.pack("<d", value)),
    Kind.STRING: texts,
    Kind.ENUM: st.sampled_from(SYMBOLS),
    Kind.DECIMAL: st.sampled_from([b"\x00", b"\x01", b"\x00\x01", b"\xff", b"\xff\xff", b"\x00\xff"] * 3 + [b"", b"\x7f" * 9]),
    Kind.UUID: ids,
}


def quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


instants = st.sampled_from(["'1970-01-01T00:00:00Z'", "'1970-01-01 09:00:00.001+09:00'"])
locals_ = st.sampled_from(["'1970-01-01T00:00:00'", "'1969-12-31 23:59:59.999'"])
#: Literals as row texts spell them.
LITERALS: dict[Kind, st.SearchStrategy[str]] = {
    **dict.fromkeys((Kind.INT, Kind.LONG), few.map(str)),
    **dict.fromkeys((Kind.FLOAT, Kind.DOUBLE), st.sampled_from(["0", "-0.0", "1.5", "0.1", "-2", "'NaN'", "'Infinity'", "'-Infinity'"])),
    **dict.fromkeys((Kind.TIMESTAMP_MILLIS, Kind.TIMESTAMP_MICROS), instants),
    **dict.fromkeys((Kind.LOCAL_TIMESTAMP_MILLIS, Kind.LOCAL_TIMESTAMP_MICROS), locals_),
    **dict.fromkeys((Kind.TIME_MILLIS, Kind.TIME_MICROS), st.sampled_from(["'00:00:00'", "'00:00:00.001'"])),
    Kind.BOOLEAN: st.sampled_from(["TRUE", "FALSE"]),
    Kind.STRING: texts.map(quoted),
    Kind.ENUM: st.sampled_from(SYMBOLS).map(quoted),
    Kind.DATE: st.sampled_from(["'1970-01-01'", "'1969-12-31'", "'1970-01-03'"]),
    Kind.DECIMAL: st.sampled_from(["0", "0.01", "0.005", "-0.01", "2.55", "-0.015"]),
    Kind.UUID: ids.map(quoted),
}
UNORDERED = {Kind.BOOLEAN, Kind.ENUM, Kind.UUID}


@st.composite
def types(draw: st.DrawFn, of_kinds: tuple[Kind, ...] = (*SCHEMAS, Kind.ENUM)) -> InformationType:
    kinds = draw(st.lists(st.tuples(st.sampled_from(of_kinds), st.sampled_from([None, 0, 1])), max_size=6))
    fields: list[dict[str, Any]] = [{"name": "id", "type": "string"}, {"name": "who", "type": "long"}]
    for index, (kind, null_at) in enumerate(kinds):
        schema = {"type": "enum", "name": f"E{index}", "symbols": SYMBOLS} if kind is Kind.ENUM else SCHEMAS[kind]
        union = [schema, "null"] if null_at == 1 else ["null", schema]
        fields.append({"name": f"f{index}", "type": schema if null_at is None else union})
    record = {"type": "record", "name": "R", "fields": draw(st.permutations(fields))}
    plain = [each["name"] for each, (kind, null_at) in zip(fields[2:], kinds, strict=True) if kind is Kind.LONG and null_at is None]
    return InformationType(
        name="thing",
        owner="owner",
        title=Title(ko="것", en="Thing"),
        key=("id",),
        subject=draw(st.sampled_from([("id",), ("who",)])),
        version=draw(st.sampled_from([None, "who", *plain])),
        partitions=draw(st.integers(1, 3)),
        classification={},
        publishing=Publishing(),
        record_schema=record,
        fields=read_fields(record),
    )


@st.composite
def comparisons(draw: st.DrawFn, field: Field) -> str:
    if field.kind not in LITERALS:
        return f"{field.name} IS {draw(st.sampled_from(['', 'NOT ']))}NULL"
    literal = LITERALS[field.kind]
    signs = ["=", "<>", "!="] if field.kind in UNORDERED else ["=", "<>", "<", "<=", ">", ">="]
    maybe_not = draw(st.sampled_from(["", "NOT "]))
    forms = [
        f"{field.name} {draw(st.sampled_from(signs))} {draw(literal)}",
        f"{field.name} {maybe_not}IN ({', '.join(draw(st.lists(literal, min_size=1, max_size=3)))})",
        f"{field.name} IS {maybe_not}NULL",
    ]
    if field.kind not in UNORDERED:
        forms.append(f"{field.name} {maybe_not}BETWEEN {draw(literal)} AND {draw(literal)}")
    if field.kind is Kind.STRING:
        forms.append(f"{field.name} {maybe_not}LIKE {draw(st.sampled_from(['a', '', '가', 'ab'])) + '%'!r}")
    return draw(st.sampled_from(forms))


def row_texts(of: InformationType) -> st.SearchStrategy[str]:
    return st.recursive(
        st.sampled_from(of.fields).flatmap(comparisons),
        lambda inner: st.one_of(
            st.builds("NOT ({})".format, inner), st.builds("({}) {} ({})".format, inner, st.sampled_from(["AND", "OR"]), inner)
        ),
        max_leaves=4,
    )


@st.composite
def records(draw: st.DrawFn, of: InformationType) -> dict[str, Any]:
    record = {}
    for field in of.fields:
        value = VALUES[field.kind]
        record[field.name] = draw(st.one_of(st.none(), value) if field.nullable else value)
    return {**record, "id": draw(st.sampled_from(["a", "b", "나"])), "who": draw(st.integers(1, 2))}


@st.composite
def spoilt(draw: st.DrawFn, message: bytes) -> bytes:
    at = draw(st.integers(0, len(message) - 1))
    return draw(
        st.sampled_from(
            [
                message[:at],
                message[:at] + bytes([draw(st.integers(0, 255))]) + message[at + 1 :],
                message[:at] + bytes([draw(st.integers(0, 255))]) + message[at:],
                message + b"\x00",
            ]
        )
    )


@st.composite
def worlds(
    draw: st.DrawFn, of_types: st.SearchStrategy[InformationType] | None = None, treated: Callable[..., Any] | None = None
) -> tuple[World, list[Any]]:
    """`treated`: from a type and field names to a strategy of treatments."""
    of = draw(types() if of_types is None else of_types)
    names = [field.name for field in of.fields if field.name != "id"]
    rows = st.one_of(st.none(), row_texts(of))
    fields = st.lists(st.sampled_from(names), unique=True, min_size=0 if treated is None else len(names) // 2)
    grants = {f"g{index}": {"fields": ["id", *draw(fields)], "rows": draw(rows)} for index in range(draw(st.integers(1, 3)))}
    if treated is not None:
        grants = {name: {**each, "treatments": draw(treated(of, each["fields"]))} for name, each in grants.items()}
    world, batches = World(of, grants), []
    key, value = Codec(subject_key_schema(of)), Codec(owner_envelope(of))
    for _ in range(draw(st.integers(1, 2))):
        for _ in range(draw(st.integers(0, 10))):
            record, op = draw(records(of)), draw(st.sampled_from("cccuuurddmtx"))
            before = draw(st.one_of(st.none(), st.just(record)))
            images = {"before": before, "after": None if op in "dt" and draw(st.integers(0, 9)) else record}
            source = {"name": "s", "position": 1, "act": draw(st.sampled_from([None, "act", ""]))}
            message = frame(WRITER_ID, value.encode({**images, "op": op, "ts_ms": draw(few), "source": source}))
            named = frame(KEY_ID, key.encode({name: record[name] for name in of.subject}))
            damage = draw(st.sampled_from(["none"] * 12 + ["value", "key", "null value", "null key", "partition"]))
            world.send_raw(
                None if damage == "null key" else draw(spoilt(named)) if damage == "key" else named,
                None if damage == "null value" else draw(spoilt(message)) if damage == "value" else message,
                draw(st.integers(0, of.partitions - 1)) if damage == "partition" else None,
            )
        batches.append(world.batch())
    return world, batches


@settings(max_examples=80, deadline=None, suppress_health_check=list(HealthCheck))
@given(worlds())
def test_engine_and_reference_are_equal(case: tuple[World, list[Any]]) -> None:
    world, batches = case
    found = run(world, batches)
    assert found.dead_letters[0] == found.dead_letters[1], found.whys
    assert found.outcomes[0] == found.outcomes[1], found.whys
    assert found.findings.clean, found.findings.examples
