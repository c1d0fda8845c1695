"""From a record schema to its fields.

Enters an Avro record schema (parsed JSON); leaves its `Field`s, as a tree (`read_tree`) or with nested records taken apart
(`read_fields`). What cannot be laid out is refused with its place, a dotted path.
Source: Apache Avro 1.12 specification, "Complex Types", "Logical Types".
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from gongyu_schemas.kinds import COMPARABLE, COMPOUND, KEY_KINDS, Field, Kind, Schema
from gongyu_schemas.named_types import Names, UnsupportedSchema

__all__ = [
    "AVRO_NAME",
    "COMPARABLE",
    "COMPOUND",
    "KEY_KINDS",
    "Field",
    "Kind",
    "Schema",
    "UnsupportedSchema",
    "check_fields",
    "flatten",
    "read_fields",
    "read_inlined",
    "read_tree",
]

AVRO_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")

#: Records, arrays, maps and unions inside each other: with the envelope's own levels a schema stays below what the registry takes.
MAX_NESTING = 16
#: Of a record, each counted wherever it is used: a few lines of schema could unfold to any number.
MAX_TYPES = 4000
#: The number of a union's branch then is one byte.
MAX_BRANCHES = 64

_LOGICAL: Mapping[str, tuple[str, Kind]] = {
    "date": ("int", Kind.DATE),
    "time-millis": ("int", Kind.TIME_MILLIS),
    "time-micros": ("long", Kind.TIME_MICROS),
    "timestamp-millis": ("long", Kind.TIMESTAMP_MILLIS),
    "timestamp-micros": ("long", Kind.TIMESTAMP_MICROS),
    "local-timestamp-millis": ("long", Kind.LOCAL_TIMESTAMP_MILLIS),
    "local-timestamp-micros": ("long", Kind.LOCAL_TIMESTAMP_MICROS),
    "uuid": ("string", Kind.UUID),
}
_PLAIN = {kind.value: kind for kind in (Kind.BOOLEAN, Kind.INT, Kind.LONG, Kind.FLOAT, Kind.DOUBLE, Kind.STRING, Kind.BYTES, Kind.NULL)}


def read_fields(record_schema: Schema) -> tuple[Field, ...]:
    """The fields of a record in order, nested records taken apart. Raises UnsupportedSchema with the first place that is wrong."""
    return flatten(read_tree(record_schema))


def read_tree(record_schema: Schema) -> tuple[Field, ...]:
    """The fields of a record as they are nested. Raises UnsupportedSchema with the first place that is wrong."""
    tree, mistakes = _check_tree(record_schema)
    if mistakes:
        raise mistakes[0]
    return tree


def read_inlined(record_schema: Schema) -> tuple[Field, ...]:
    """As `read_fields`, for a schema in which `inline_names` has replaced the names already. Raises UnsupportedSchema."""
    fields = flatten(_Reader().fields(record_schema, "", 1))
    if not fields:
        raise UnsupportedSchema("record", "the record has no fields")
    return fields


def check_fields(record_schema: Schema) -> tuple[tuple[Field, ...], tuple[UnsupportedSchema, ...]]:
    """The fields that can be laid out, nested records taken apart, and all that is wrong with the others."""
    tree, mistakes = _check_tree(record_schema)
    return flatten(tree), mistakes


def flatten(tree: Iterable[Field]) -> tuple[Field, ...]:
    """Nested records taken apart: their fields under dotted names, behind the record itself where it may be null."""
    return tuple(_flatten(tree, "", ""))


def _flatten(tree: Iterable[Field], prefix: str, within: str) -> Iterator[Field]:
    for field in tree:
        name = prefix + field.name
        if field.kind is not Kind.RECORD:
            yield replace(field, name=name, within=within)
            continue
        if field.nullable:
            yield replace(field, name=name, within=within, parts=())
        yield from _flatten(field.parts, f"{name}.", name if field.nullable else within)


def _check_tree(record: Schema) -> tuple[tuple[Field, ...], tuple[UnsupportedSchema, ...]]:
    if not isinstance(record, dict) or record.get("type") != "record":
        return (), (UnsupportedSchema("record", "the schema must be an Avro record"),)
    declared = record.get("fields")
    if not isinstance(declared, list) or not declared:
        return (), (UnsupportedSchema("record", "the record has no fields"),)
    names, reader, known = Names(), _Reader(), set()
    namespace = names.open(record)
    fields: list[Field] = []
    mistakes: list[UnsupportedSchema] = []
    for each in declared:
        try:
            name = _read_name(each, "record", "")
            field = reader.field({**each, "type": names.inline(each["type"], namespace, name, 0)}, "", 1)
        except UnsupportedSchema as mistake:
            mistakes.append(mistake)
            continue
        if name in known:
            mistakes.append(UnsupportedSchema(name, "the field is declared twice"))
        else:
            fields.append(field)
        known.add(name)
    return tuple(fields), tuple(mistakes)


def _read_name(declared: Any, place: str, prefix: str) -> str:
    if not isinstance(declared, dict) or not isinstance(declared.get("name"), str) or "type" not in declared:
        raise UnsupportedSchema(place, "every field needs a name and a type")
    name: str = declared["name"]
    if not AVRO_NAME.fullmatch(name):
        raise UnsupportedSchema(prefix + name, "not an Avro name: use A-Z, a-z, 0-9 and '_', not starting with a digit")
    return name


class _Reader:
    """Reads types in which every name has been replaced by its definition. Places are dotted, levels counted from 1."""

    def __init__(self) -> None:
        self._types = 0

    def fields(self, record: Mapping[str, Any], prefix: str, level: int) -> tuple[Field, ...]:
        found: dict[str, Field] = {}
        for each in record["fields"]:
            field = self.field(each, prefix, level)
            if field.name in found:
                raise UnsupportedSchema(prefix + field.name, "the field is declared twice")
            found[field.name] = field
        return tuple(found.values())

    def field(self, declared: Any, prefix: str, level: int) -> Field:
        name = _read_name(declared, prefix.rstrip(".") or "record", prefix)
        field = self._type(name, prefix + name, declared["type"], level)
        if field.kind is Kind.NULL:
            raise UnsupportedSchema(prefix + name, "a field that is always null holds nothing: leave it out")
        doc = str(declared.get("doc", ""))
        return replace(field, has_default="default" in declared, default=declared.get("default"), doc=doc)

    def _type(self, name: str, place: str, schema: Schema, level: int) -> Field:
        self._types += 1
        if self._types > MAX_TYPES:
            raise UnsupportedSchema(place, f"the record unfolds to more than {MAX_TYPES} types")
        if level > MAX_NESTING:
            raise UnsupportedSchema(place, f"records, arrays, maps and unions lie more than {MAX_NESTING} levels deep inside each other")
        if isinstance(schema, list):
            return self._union(name, place, schema, level)
        return replace(self._one_type(name, place, schema, level), type_name=_type_name(schema))

    def _one_type(self, name: str, place: str, schema: Schema, level: int) -> Field:
        base = schema if isinstance(schema, str) else schema["type"]
        attributes: Mapping[str, Any] = {} if isinstance(schema, str) else schema
        if base == "enum":
            return Field(name, Kind.ENUM, symbols=_read_symbols(place, attributes))
        if base == "fixed":
            return _read_fixed(name, place, attributes)
        if base == "record":
            return Field(name, Kind.RECORD, parts=self.fields(attributes, f"{place}.", level + 1))
        if base == "array":
            items = self._type("items", place, attributes["items"], level + 1)
            if not _has_bytes(items):
                raise UnsupportedSchema(place, "an array whose items hold nothing says only how many: use an int")
            return Field(name, Kind.ARRAY, parts=(items,))
        if base == "map":
            return Field(name, Kind.MAP, parts=(self._type("values", place, attributes["values"], level + 1),))
        if base == "bytes" and attributes.get("logicalType") == "decimal":
            precision, scale = _read_decimal(place, attributes)
            return Field(name, Kind.DECIMAL, precision=precision, scale=scale)
        logical_base, kind = _LOGICAL.get(str(attributes.get("logicalType")), ("", Kind.NULL))
        return Field(name, kind if logical_base == base else _PLAIN[base])

    def _union(self, name: str, place: str, branches: list[Schema], level: int) -> Field:
        """Null and one other type make a nullable field of that type; any other union is a kind of its own."""
        if not 1 <= len(branches) <= MAX_BRANCHES or any(isinstance(branch, list) for branch in branches):
            raise UnsupportedSchema(place, f"a union needs 1 to {MAX_BRANCHES} types, none of them a union")
        titles = [_type_name(branch) for branch in branches]
        if len(set(titles)) != len(titles):
            raise UnsupportedSchema(place, "a union has the same type twice")
        null_branch = titles.index("null") if "null" in titles else -1
        if len(branches) == 2 and null_branch >= 0:
            return replace(self._type(name, place, branches[1 - null_branch], level + 1), null_branch=null_branch)
        short = [title.rpartition(".")[2] for title in titles]
        shown = [each if short.count(each) == 1 else title for each, title in zip(short, titles, strict=True)]
        parts = tuple(self._type(each, place, branch, level + 1) for each, branch in zip(shown, branches, strict=True))
        return Field(name, Kind.UNION, null_branch=null_branch, parts=parts)


def _type_name(schema: Schema) -> str:
    """Of a named type its full name, of any other its own: no two branches of a union may have the same."""
    if isinstance(schema, str):
        return schema
    return str(schema["name"] if schema["type"] in ("record", "enum", "fixed") else schema["type"])


def _has_bytes(field: Field) -> bool:
    """Whether a value takes at least one byte; if not, it never takes any."""
    if field.nullable or field.kind is Kind.UNION:
        return True
    return any(map(_has_bytes, field.parts)) if field.kind is Kind.RECORD else field.kind is not Kind.NULL


def _read_symbols(place: str, schema: Mapping[str, Any]) -> tuple[str, ...]:
    symbols = schema.get("symbols")
    if not isinstance(symbols, list) or not symbols or len({str(symbol) for symbol in symbols}) != len(symbols):
        raise UnsupportedSchema(place, "an enum needs distinct symbols")
    return tuple(str(symbol) for symbol in symbols)


def _read_fixed(name: str, place: str, schema: Mapping[str, Any]) -> Field:
    """Decimals may be fixed; any other logical type on fixed (duration, uuid) is taken as its bytes."""
    size = schema.get("size")
    if not isinstance(size, int) or isinstance(size, bool) or not 1 <= size < 2**31:
        raise UnsupportedSchema(place, "a fixed needs a size from 1 to 2^31 - 1")
    if schema.get("logicalType") != "decimal":
        return Field(name, Kind.FIXED, size=size)
    precision, scale = _read_decimal(place, schema)
    if 10**precision > 2 ** min(8 * size - 1, 4000):
        raise UnsupportedSchema(place, f"a fixed of {size} bytes cannot hold {precision} digits")
    return Field(name, Kind.DECIMAL, precision=precision, scale=scale, size=size)


def _read_decimal(place: str, schema: Mapping[str, Any]) -> tuple[int, int]:
    precision, scale = schema.get("precision"), schema.get("scale", 0)
    if not isinstance(precision, int) or not isinstance(scale, int) or not 0 <= scale <= precision or not 1 <= precision <= 1000:
        raise UnsupportedSchema(place, "a decimal needs 1 <= precision <= 1000 and 0 <= scale <= precision")
    return precision, scale
