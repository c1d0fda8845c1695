"""The fields of a flat record schema: kind, null, symbols, scale.

Enters an Avro record schema (parsed JSON); leaves a tuple of `Field` in schema order. A shape that cannot be
laid out is refused with its place. Source: Apache Avro 1.12 specification, "Complex Types", "Logical Types".
"""

from __future__ import annotations

import enum
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

AVRO_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")

Schema = Any  # parsed JSON of an Avro schema: a name, a list (union) or an object


class Kind(enum.Enum):
    """What a field holds, as far as comparing and encoding it differ."""

    BOOLEAN = "boolean"
    INT = "int"
    LONG = "long"
    FLOAT = "float"
    DOUBLE = "double"
    STRING = "string"
    ENUM = "enum"
    DATE = "date"
    TIME_MILLIS = "time-millis"
    TIME_MICROS = "time-micros"
    TIMESTAMP_MILLIS = "timestamp-millis"
    TIMESTAMP_MICROS = "timestamp-micros"
    LOCAL_TIMESTAMP_MILLIS = "local-timestamp-millis"
    LOCAL_TIMESTAMP_MICROS = "local-timestamp-micros"
    DECIMAL = "decimal"
    UUID = "uuid"


_LOGICAL: Mapping[str, tuple[str, Kind]] = {
    "date": ("int", Kind.DATE),
    "time-millis": ("int", Kind.TIME_MILLIS),
    "time-micros": ("long", Kind.TIME_MICROS),
    "timestamp-millis": ("long", Kind.TIMESTAMP_MILLIS),
    "timestamp-micros": ("long", Kind.TIMESTAMP_MICROS),
    "local-timestamp-millis": ("long", Kind.LOCAL_TIMESTAMP_MILLIS),
    "local-timestamp-micros": ("long", Kind.LOCAL_TIMESTAMP_MICROS),
    "decimal": ("bytes", Kind.DECIMAL),
    "uuid": ("string", Kind.UUID),
}
_PRIMITIVE = {kind.value: kind for kind in (Kind.BOOLEAN, Kind.INT, Kind.LONG, Kind.FLOAT, Kind.DOUBLE, Kind.STRING)}

#: Kinds whose equal values always have equal bytes in canonical encoding, and that order records well.
KEY_KINDS = frozenset(Kind) - {Kind.FLOAT, Kind.DOUBLE, Kind.DECIMAL}


class UnsupportedSchema(ValueError):
    """A schema that the hub cannot lay out: `place` is a dotted path, `why` says what is wrong with it."""

    def __init__(self, place: str, why: str) -> None:
        super().__init__(f"{place}: {why}")
        self.place = place
        self.why = why


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a flat record. `null_branch` is the union index of null, -1 where the field is never null."""

    name: str
    kind: Kind
    null_branch: int = -1
    symbols: tuple[str, ...] = ()
    precision: int = 0
    scale: int = 0
    has_default: bool = False
    default: Any = None
    doc: str = ""

    @property
    def nullable(self) -> bool:
        return self.null_branch >= 0


def read_fields(record_schema: Schema) -> tuple[Field, ...]:
    """The fields of a flat record schema in order. Raises UnsupportedSchema with the first place that is wrong."""
    fields, mistakes = check_fields(record_schema)
    if mistakes:
        raise mistakes[0]
    return fields


def check_fields(record_schema: Schema) -> tuple[tuple[Field, ...], tuple[UnsupportedSchema, ...]]:
    """The fields that can be laid out, and all that is wrong with the others."""
    if not isinstance(record_schema, dict) or record_schema.get("type") != "record":
        return (), (UnsupportedSchema("record", "the schema must be an Avro record"),)
    declared = record_schema.get("fields")
    if not isinstance(declared, list) or not declared:
        return (), (UnsupportedSchema("record", "the record has no fields"),)
    fields: dict[str, Field] = {}
    mistakes: list[UnsupportedSchema] = []
    for each in declared:
        try:
            field = _read_field(each)
        except UnsupportedSchema as mistake:
            mistakes.append(mistake)
            continue
        if field.name in fields:
            mistakes.append(UnsupportedSchema(field.name, "the field is declared twice"))
        fields[field.name] = field
    return tuple(fields.values()), tuple(mistakes)


def _read_field(declared: Any) -> Field:
    if not isinstance(declared, dict) or not isinstance(declared.get("name"), str) or "type" not in declared:
        raise UnsupportedSchema("record", "every field needs a name and a type")
    name, schema, null_branch = declared["name"], declared["type"], -1
    if not AVRO_NAME.fullmatch(name):
        raise UnsupportedSchema(name, "not an Avro name: use A-Z, a-z, 0-9 and '_', not starting with a digit")
    if isinstance(schema, list):
        if len(schema) != 2 or "null" not in schema or schema[0] == schema[1]:
            raise UnsupportedSchema(name, "the only union supported is of null and one other type")
        null_branch = schema.index("null")
        schema = schema[1 - null_branch]
    kind, symbols, precision, scale = _read_kind(name, schema)
    return Field(
        name=name,
        kind=kind,
        null_branch=null_branch,
        symbols=symbols,
        precision=precision,
        scale=scale,
        has_default="default" in declared,
        default=declared.get("default"),
        doc=str(declared.get("doc", "")),
    )


def _read_kind(place: str, schema: Schema) -> tuple[Kind, tuple[str, ...], int, int]:
    if isinstance(schema, str):
        schema = {"type": schema}
    if not isinstance(schema, dict):
        raise UnsupportedSchema(place, "a union inside a union is not Avro")
    base, logical = schema.get("type"), schema.get("logicalType")
    if base == "enum":
        return Kind.ENUM, _read_symbols(place, schema), 0, 0
    expected_base, kind = _LOGICAL.get(str(logical), (None, Kind.STRING))
    if expected_base is not None and base == expected_base:
        precision, scale = _read_decimal(place, schema) if kind is Kind.DECIMAL else (0, 0)
        return kind, (), precision, scale
    if isinstance(base, str) and base in _PRIMITIVE:
        return _PRIMITIVE[base], (), 0, 0
    if base in ("array", "map", "record"):
        raise UnsupportedSchema(place, f"{base}: arrays, maps and nested records are not supported; flatten the record")
    if base in ("bytes", "fixed"):
        raise UnsupportedSchema(place, f"{base} is supported only as decimal on bytes; use string for other data")
    raise UnsupportedSchema(place, f"unknown type {base!r}; write a field's type out in full, also where another field has the same")


def _read_symbols(place: str, schema: Mapping[str, Any]) -> tuple[str, ...]:
    symbols = schema.get("symbols")
    if not isinstance(symbols, list) or not symbols or len({str(symbol) for symbol in symbols}) != len(symbols):
        raise UnsupportedSchema(place, "an enum needs distinct symbols")
    return tuple(str(symbol) for symbol in symbols)


def _read_decimal(place: str, schema: Mapping[str, Any]) -> tuple[int, int]:
    precision, scale = schema.get("precision"), schema.get("scale", 0)
    if not isinstance(precision, int) or not isinstance(scale, int) or not 0 <= scale <= precision or not 1 <= precision <= 1000:
        raise UnsupportedSchema(place, "a decimal needs 1 <= precision <= 1000 and 0 <= scale <= precision")
    return precision, scale
