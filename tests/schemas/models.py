"""Information types made in memory or written to a folder, and strategies for flat record schemas."""

from __future__ import annotations

import copy
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml
from hypothesis import strategies as st

from gongyu_schemas.envelope import ViewTerms
from gongyu_schemas.fields import KEY_KINDS, Field, Kind, Schema
from gongyu_schemas.information_type import InformationType, Publishing, Title

#: One Avro type for every kind of one value but ENUM, DECIMAL and FIXED, which have parameters.
PLAIN_TYPES: dict[Kind, Schema] = {
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
    Kind.UUID: {"type": "string", "logicalType": "uuid"},
    Kind.BYTES: "bytes",
}


def record_of(*fields: dict[str, Any], name: str = "Thing", **more: Any) -> Schema:
    return {"type": "record", "name": name, "fields": list(fields), **more}


def enum_of(*symbols: str, name: str = "Colour") -> Schema:
    return {"type": "enum", "name": name, "symbols": list(symbols)}


def fixed_of(size: Any, name: str = "Print", **more: Any) -> Schema:
    return {"type": "fixed", "name": name, "size": size, **more}


def decimal_of(precision: Any, scale: Any = None) -> Schema:
    schema = {"type": "bytes", "logicalType": "decimal", "precision": precision}
    return schema if scale is None else {**schema, "scale": scale}


names = st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,8}", fullmatch=True)


@st.composite
def _kind_and_type(draw: st.DrawFn, name: str) -> tuple[Field, Schema]:
    kind = draw(st.sampled_from([*PLAIN_TYPES, Kind.ENUM, Kind.DECIMAL, Kind.FIXED]))
    if kind is Kind.ENUM:
        symbols = draw(st.lists(names, min_size=1, max_size=4, unique=True))
        return Field(name, kind, symbols=tuple(symbols)), enum_of(*symbols, name=f"Enum_of_{name}")
    if kind is Kind.DECIMAL:
        precision = draw(st.integers(1, 1000))
        scale = draw(st.integers(0, precision))
        return Field(name, kind, precision=precision, scale=scale), decimal_of(precision, scale)
    if kind is Kind.FIXED:
        size = draw(st.integers(1, 9))
        return Field(name, kind, size=size), fixed_of(size, name=f"Fixed_of_{name}")
    return Field(name, kind), PLAIN_TYPES[kind]


@st.composite
def declared_fields(draw: st.DrawFn, name: str) -> tuple[Field, dict[str, Any]]:
    """What `read_fields` should say of a field, and its declaration."""
    expected, schema = draw(_kind_and_type(name))
    null_branch = draw(st.sampled_from((-1, 0, 1)))
    if null_branch >= 0:
        schema = ["null", schema] if null_branch == 0 else [schema, "null"]
    declared = {"name": name, "type": schema}
    if null_branch == 0 and draw(st.booleans()):
        declared["default"] = None
    return replace(expected, null_branch=null_branch, has_default="default" in declared), declared


@st.composite
def records(draw: st.DrawFn) -> tuple[tuple[Field, ...], Schema]:
    """The expected fields of a flat record, and its schema."""
    chosen = draw(st.lists(names, min_size=1, max_size=8, unique=True))
    pairs = [draw(declared_fields(name)) for name in chosen]
    return tuple(field for field, _ in pairs), record_of(*(declared for _, declared in pairs))


def type_of(record: Schema, fields: tuple[Field, ...], key: tuple[str, ...], subject: tuple[str, ...] = ()) -> InformationType:
    return InformationType(
        name="land-parcel",
        owner="city-7",
        title=Title(ko="필지", en="Land parcel"),
        key=key,
        subject=subject or key,
        version=None,
        partitions=4,
        classification={field.name: "internal" for field in fields},
        publishing=Publishing(),
        record_schema=record,
        fields=fields,
    )


@st.composite
def information_types(draw: st.DrawFn) -> InformationType:
    """A type whose first field is a key field, and perhaps some others are."""
    fields, record = draw(records())
    first = Field("the_key", Kind.STRING)
    record["fields"].insert(0, {"name": first.name, "type": "string"})
    able = [field.name for field in fields if not field.nullable and field.kind in KEY_KINDS]
    more = draw(st.lists(st.sampled_from(able), unique=True)) if able else []
    return type_of(record, (first, *fields), (first.name, *more))


def terms_of(fields: tuple[str, ...], **more: Any) -> ViewTerms:
    return replace(
        ViewTerms(
            subscriber="bank-hana",
            grant="loan-check",
            version=3,
            fields=fields,
            purpose={"code": "loan-review", "text": "Loan application review"},
            legal_basis={"statute": "Act on Things", "article": "7", "valid_from": "2020-01-01", "valid_to": None},
            rows="status = 'OPEN'",
            valid_from="2026-01-01",
            valid_to=None,
        ),
        **more,
    )


TYPE: dict[str, Any] = {
    "name": "land-parcel",
    "owner": "city-7",
    "title": {"ko": "필지", "en": "Land parcel"},
    "key": ["parcel_id"],
    "classification": {"parcel_id": "public", "area": "internal", "holder": "personal", "seen": "internal"},
}
RECORD = record_of(
    {"name": "parcel_id", "type": "string"},
    {"name": "area", "type": "double"},
    {"name": "holder", "type": ["null", "string"], "default": None},
    {"name": "seen", "type": "long"},
)


def write_type(folder: Path, record: Schema = RECORD, without: tuple[str, ...] = (), **changes: Any) -> Path:
    """A sound type with some changes, in `folder`."""
    declared = {name: value for name, value in {**copy.deepcopy(TYPE), **changes}.items() if name not in without}
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "type.yaml").write_text(yaml.safe_dump(declared, allow_unicode=True), encoding="utf-8")
    (folder / "record.avsc").write_text(json.dumps(record), encoding="utf-8")
    return folder
