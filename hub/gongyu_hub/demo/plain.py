"""Avro messages as plain values, for the reference and the check: slow, simple, exact.

Enters bytes and a schema; leaves Python values in which equality and order are those of the logical type:
date, time and timestamp are their raw numbers, decimal is its unscaled integer, float and double are (is NaN, number)
so that NaN equals NaN and follows all numbers, an enum its symbol, an array a tuple, a map a dict, a record inside one of them a
tuple, a union of several types (branch, value). An image has a value for every field by its dotted name; of a nested record that
may be null whether it is there (True or None), and None for all in it where it is not.
Raises NotPlain for everything that is not the one canonical encoding of a value: the bytes are decoded with fastavro and
encoded again, and both must be the same; where fastavro cannot do that, `strict` reads them.
"""

from __future__ import annotations

import copy
import io
import re
import struct
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import fastavro

from gongyu_hub.demo.strict import NotPlain, needs_strictness, read_body
from gongyu_schemas.fields import Field, Kind, Schema

__all__ = ["Codec", "NotPlain", "comparable", "image_reader"]

#: What fastavro raises on hostile bytes.
_FASTAVRO_ERRORS = (EOFError, ValueError, IndexError, KeyError, TypeError, OverflowError, MemoryError, StopIteration, struct.error)
_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_DAYS = range(-719_162, 2_932_897)  # 0001-01-01 to 9999-12-31, counted from 1970-01-01
_DAY_MS = 86_400_000
_MS = range(_DAYS.start * _DAY_MS, _DAYS.stop * _DAY_MS)
_US = range(_MS.start * 1000, _MS.stop * 1000)
#: What values there are: of dates and times those that every language's types hold.
_RANGES: Mapping[Kind, range] = {
    Kind.INT: range(-(2**31), 2**31),
    Kind.DATE: _DAYS,
    Kind.TIME_MILLIS: range(_DAY_MS),
    Kind.TIME_MICROS: range(_DAY_MS * 1000),
    Kind.TIMESTAMP_MILLIS: _MS,
    Kind.TIMESTAMP_MICROS: _US,
    Kind.LOCAL_TIMESTAMP_MILLIS: _MS,
    Kind.LOCAL_TIMESTAMP_MICROS: _US,
}
_FIXED_BYTES = {"float": 4, "double": 8}


class Codec:
    """Decodes and encodes bodies (without the wire header) of one schema."""

    def __init__(self, schema: Schema) -> None:
        self.schema = schema
        bare = _without_logic(copy.deepcopy(schema), [])
        self._strictly = bare if needs_strictness(bare) else None
        self._parsed = fastavro.parse_schema(bare)

    def decode(self, body: bytes) -> Any:
        """The raw value. Raises NotPlain."""
        if self._strictly is not None:
            return read_body(self._strictly, body)
        stream = io.BytesIO(body)
        try:
            value = fastavro.schemaless_reader(stream, self._parsed, None)
            if self.encode(value) != body:
                raise NotPlain("the body is not the canonical encoding of its value")
        except _FASTAVRO_ERRORS as error:
            raise NotPlain(str(error)) from error
        return value

    def decode_loosely(self, body: bytes) -> Any:
        """As `decode`, but any encoding of the value will do, if nothing trails. Raises NotPlain."""
        if self._strictly is not None:
            return read_body(self._strictly, body)
        stream = io.BytesIO(body)
        try:
            value = fastavro.schemaless_reader(stream, self._parsed, None)
        except _FASTAVRO_ERRORS as error:
            raise NotPlain(str(error)) from error
        if stream.tell() != len(body):
            raise NotPlain(f"{len(body) - stream.tell()} bytes trail")
        return value

    def encode(self, value: Any) -> bytes:
        """The canonical body of a raw value."""
        stream = io.BytesIO()
        fastavro.schemaless_writer(stream, self._parsed, value)
        return stream.getvalue()


def _without_logic(schema: Schema, floats: list[str]) -> Schema:
    """The schema with logical types removed and floats as fixed: fastavro then changes no bit of a value."""
    if isinstance(schema, list):
        return [_without_logic(branch, floats) for branch in schema]
    if isinstance(schema, str):
        return _as_fixed(schema, floats) if schema in _FIXED_BYTES else schema
    bare = {name: value for name, value in schema.items() if name not in ("logicalType", "precision", "scale", "default")}
    if bare["type"] == "record":
        bare["fields"] = [{"name": field["name"], "type": _without_logic(field["type"], floats)} for field in bare["fields"]]
    elif bare["type"] in _FIXED_BYTES:
        return _as_fixed(bare["type"], floats)
    for part in ("items", "values"):
        if part in bare:
            bare[part] = _without_logic(bare[part], floats)
    return bare


def _as_fixed(name: str, floats: list[str]) -> Schema:
    floats.append(name)
    return {"type": "fixed", "name": f"gongyu_reference.Float{len(floats)}", "size": _FIXED_BYTES[name]}


def image_reader(fields: Sequence[Field]) -> Callable[[Mapping[str, Any]], dict[str, Any]]:
    """A function from a raw record to its plain image. The function raises NotPlain."""
    if any("." in field.name or not field.is_leaf for field in fields):
        return _nested_reader(fields)
    conversions = [(field.name, convert) for field in fields if (convert := _conversion(field)) is not None]

    def read_image(raw: Mapping[str, Any]) -> dict[str, Any]:
        image = dict(raw)
        for name, convert in conversions:
            if image[name] is not None:
                image[name] = convert(image[name])
        return image

    return read_image


def _nested_reader(fields: Sequence[Field]) -> Callable[[Mapping[str, Any]], dict[str, Any]]:
    plan = [(field.name, tuple(field.name.split(".")), _conversion(field)) for field in fields]

    def read_image(raw: Mapping[str, Any]) -> dict[str, Any]:
        image = {}
        for name, path, convert in plan:
            value: Any = raw
            for part in path:
                value = None if value is None else value[part]
            image[name] = value if value is None or convert is None else convert(value)
        return image

    return read_image


def _conversion(field: Field) -> Callable[[Any], Any] | None:
    """Of a value that is not null."""
    if field.kind in _RANGES:
        return partial(_in_range, _RANGES[field.kind])
    if field.kind is Kind.DECIMAL:
        return partial(_unscaled, 10**field.precision)
    if field.kind is Kind.RECORD and not field.parts:
        return _is_there
    if field.parts:
        return partial(_COMPOUND[field.kind], [(part.name, _maybe(part)) for part in field.parts])
    return _CONVERSIONS.get(field.kind)


def _maybe(part: Field) -> Callable[[Any], Any]:
    convert = _conversion(part)
    return lambda value: value if value is None or convert is None else convert(value)


def _is_there(_record: Any) -> bool:
    return True


Parts = list[tuple[str, Callable[[Any], Any]]]


def _array(parts: Parts, items: list[Any]) -> tuple[Any, ...]:
    [(_, convert)] = parts
    return tuple(map(convert, items))


def _map(parts: Parts, entries: Mapping[str, Any]) -> dict[str, Any]:
    [(_, convert)] = parts
    return {key: convert(value) for key, value in entries.items()}


def _record(parts: Parts, raw: Mapping[str, Any]) -> tuple[Any, ...]:
    return tuple(convert(raw[name]) for name, convert in parts)


def _union(parts: Parts, chosen: tuple[int, Any]) -> tuple[int, Any] | None:
    """NULL is NULL in whatever branch."""
    branch, value = chosen
    return None if value is None else (branch, parts[branch][1](value))


def _in_range(allowed: range, value: int) -> int:
    if value not in allowed:
        raise NotPlain(f"{value} is no value of its type that every reader can hold")
    return value


def _uuid(value: str) -> str:
    if not _UUID.fullmatch(value):
        raise NotPlain(f"{value!r} is not a canonical uuid")
    return value


def _number(layout: str) -> Callable[[bytes], tuple[bool, float]]:
    def read_number(raw: bytes) -> tuple[bool, float]:
        return comparable(struct.unpack(layout, raw)[0])

    return read_number


def comparable(number: float) -> tuple[bool, float]:
    """A float as PostgreSQL compares it: NaN equals itself and is greater than any number."""
    return (True, 0.0) if number != number else (False, number)  # noqa: PLR0124  (only NaN differs from itself)


def _unscaled(limit: int, raw: bytes) -> int:
    """Two's complement has at least one byte; Java's reader refuses none at all."""
    value = int.from_bytes(raw, "big", signed=True)
    if not raw or abs(value) >= limit:
        raise NotPlain("a decimal has no digits, or more than its precision")
    return value


_CONVERSIONS: Mapping[Kind, Callable[[Any], Any]] = {
    Kind.UUID: _uuid,
    Kind.FLOAT: _number("<f"),
    Kind.DOUBLE: _number("<d"),
}
_COMPOUND: Mapping[Kind, Callable[[Parts, Any], Any]] = {Kind.ARRAY: _array, Kind.MAP: _map, Kind.RECORD: _record, Kind.UNION: _union}
