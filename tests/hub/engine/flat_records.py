"""Random flat record schemas of every kind, records for them, and envelopes around them (hypothesis strategies)."""

import datetime as dt
import io
import struct
import uuid
from decimal import Decimal
from typing import Any

import fastavro
from hypothesis import strategies as st

from gongyu_schemas.fields import COMPARABLE, Kind

#: The kinds of one value that row texts can compare; `nested_records` makes the others.
KINDS = tuple(kind for kind in Kind if kind in COMPARABLE)
SYMBOLS = ["NONE", "SOME", "ALL"]
PRECISION, SCALE = 12, 3
_LOGICAL_BASE = {
    Kind.DATE: "int",
    Kind.TIME_MILLIS: "int",
    Kind.TIME_MICROS: "long",
    Kind.TIMESTAMP_MILLIS: "long",
    Kind.TIMESTAMP_MICROS: "long",
    Kind.LOCAL_TIMESTAMP_MILLIS: "long",
    Kind.LOCAL_TIMESTAMP_MICROS: "long",
    Kind.UUID: "string",
}


def kind_schema(kind: Kind, name: str, *, precision: int = PRECISION, scale: int = SCALE) -> Any:
    """The Avro schema of a field of this kind; `name` names its enum."""
    if kind is Kind.ENUM:
        return {"type": "enum", "name": f"Enum_{name}", "symbols": SYMBOLS}
    if kind is Kind.DECIMAL:
        return {"type": "bytes", "logicalType": "decimal", "precision": precision, "scale": scale}
    if kind in _LOGICAL_BASE:
        return {"type": _LOGICAL_BASE[kind], "logicalType": kind.value}
    return kind.value


def record_schema(fields: list[tuple[Kind, int]]) -> dict[str, Any]:
    """A flat record; each field is its kind and the branch of null (-1: never null)."""
    declared = []
    for index, (kind, null_branch) in enumerate(fields):
        schema = kind_schema(kind, f"f{index}")
        union = {-1: schema, 0: ["null", schema], 1: [schema, "null"]}[null_branch]
        declared.append({"name": f"f{index}", "type": union})
    return {"type": "record", "name": "Record", "namespace": "test", "fields": declared}


def envelope(record: dict[str, Any]) -> dict[str, Any]:
    """An owner's envelope around the record."""
    act = {"name": "act", "type": ["null", "string"], "default": None}
    source = [{"name": "name", "type": "string"}, {"name": "position", "type": "long"}, act]
    return {
        "type": "record",
        "name": "Change",
        "namespace": "test.owner",
        "fields": [
            {"name": "before", "type": ["null", record], "default": None},
            {"name": "after", "type": ["null", f"{record['namespace']}.{record['name']}"], "default": None},
            {"name": "op", "type": "string"},
            {"name": "ts_ms", "type": "long"},
            {"name": "source", "type": {"type": "record", "name": "Source", "fields": source}},
        ],
    }


def encode(schema: Any, datum: Any) -> bytes:
    """What fastavro writes."""
    out = io.BytesIO()
    fastavro.schemaless_writer(out, fastavro.parse_schema(schema), datum)
    return out.getvalue()


def decode(schema: Any, data: bytes) -> Any:
    """What fastavro reads, and that nothing is left."""
    source = io.BytesIO(data)
    datum = fastavro.schemaless_reader(source, fastavro.parse_schema(schema), None)
    if source.read(1):
        raise ValueError("bytes are left")
    return datum


def encode_fields(record: dict[str, Any], datum: dict[str, Any]) -> list[bytes]:
    """The bytes of each field, written one by one."""
    return [encode(field["type"], datum[field["name"]]) for field in record["fields"]]


_ORDINARY_TEXTS = st.text(alphabet=st.characters(codec="utf-8"), max_size=12)
_DAYS = st.dates(min_value=dt.date.min, max_value=dt.date.max)


def _to_millis(moment: Any) -> Any:
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


def _float32(number: float) -> float:
    return struct.unpack("<f", struct.pack("<f", number))[0]


_INSTANTS = st.datetimes(timezones=st.just(dt.UTC))
_LOCALS = st.datetimes()
_VALUES: dict[Kind, st.SearchStrategy[Any]] = {
    Kind.BOOLEAN: st.booleans(),
    Kind.INT: st.integers(-(2**31), 2**31 - 1) | st.integers(-3, 3),
    Kind.LONG: st.integers(-(2**63), 2**63 - 1) | st.integers(-3, 3),
    Kind.FLOAT: st.floats(width=32) | st.sampled_from([0.0, -0.0, 1.5]),
    Kind.DOUBLE: st.floats() | st.sampled_from([0.0, -0.0, 1.5]),
    Kind.STRING: _ORDINARY_TEXTS | st.sampled_from(["", "a", "ab", "b", "가나다"]),
    Kind.ENUM: st.sampled_from(SYMBOLS),
    Kind.DATE: _DAYS,
    Kind.TIME_MILLIS: st.times().map(_to_millis),
    Kind.TIME_MICROS: st.times(),
    Kind.TIMESTAMP_MILLIS: _INSTANTS.map(_to_millis),
    Kind.TIMESTAMP_MICROS: _INSTANTS,
    Kind.LOCAL_TIMESTAMP_MILLIS: _LOCALS.map(_to_millis),
    Kind.LOCAL_TIMESTAMP_MICROS: _LOCALS,
    Kind.DECIMAL: st.integers(1 - 10**PRECISION, 10**PRECISION - 1).map(lambda unscaled: Decimal(unscaled).scaleb(-SCALE)),
    Kind.UUID: st.integers(0, 2**128 - 1).map(lambda number: uuid.UUID(int=number)),
}


def values(field_type: Any) -> st.SearchStrategy[Any]:
    """Values of a field's Avro type as made by `kind_schema`, None included where it may be null."""
    if isinstance(field_type, list):
        other = next(branch for branch in field_type if branch != "null")
        return st.none() | values(other)
    if isinstance(field_type, dict):
        kind = Kind(field_type.get("logicalType", field_type["type"]))
        return _VALUES[kind]
    return _VALUES[Kind(field_type)]


def records(schema: dict[str, Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({field["name"]: values(field["type"]) for field in schema["fields"]})


flat_schemas = st.lists(st.tuples(st.sampled_from(KINDS), st.sampled_from([-1, 0, 1])), min_size=1, max_size=8).map(record_schema)

EVERY_KIND = record_schema([(kind, null_branch) for kind in KINDS for null_branch in (-1, 0, 1)])


@st.composite
def changes(draw: st.DrawFn, record: dict[str, Any]) -> dict[str, Any]:
    """A change of this record as the envelope holds it."""
    images = records(record)
    return {
        "before": draw(st.none() | images),
        "after": draw(st.none() | images),
        "op": draw(st.sampled_from(["c", "u", "d", "r", "", "cc", "ü"])),
        "ts_ms": draw(st.integers(-(2**63), 2**63 - 1)),
        "source": {
            "name": draw(_ORDINARY_TEXTS),
            "position": draw(st.integers(-(2**63), 2**63 - 1)),
            "act": draw(st.none() | _ORDINARY_TEXTS),
        },
    }
