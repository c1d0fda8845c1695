"""Values: from Avro's numbers and bytes to Python's types, and from those to what SQLite and JSON can hold exactly.

All functions are total for the kinds of `gongyu_schemas.fields`: a value outside a Python type's range stays as it is.
Decision: logical types are read here instead of by the Avro library, because that one rounds decimals to the declared
precision and fails on a whole message when one date is out of range.
Sources: Apache Avro 1.12 "Logical Types"; SQLite "Datatypes In SQLite"; RFC 7493 (I-JSON) section 2.2.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Container, Iterable, Mapping
from datetime import UTC, date, datetime, time, timedelta
from decimal import MAX_EMAX, MAX_PREC, MIN_EMIN, Context, Decimal
from functools import partial
from typing import Any
from uuid import UUID

from gongyu_consumers.delivery import Image, Tagged, Value
from gongyu_schemas.fields import Field, Kind

Convert = Callable[[Any], Any]

#: Arithmetic that never rounds: moving the decimal point is exact.
_EXACT = Context(prec=MAX_PREC, Emax=MAX_EMAX, Emin=MIN_EMIN)
#: date(1970, 1, 1).toordinal()
_EPOCH_ORDINAL = 719_163
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LOCAL_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - a local timestamp has no zone by definition
#: Integers beyond this lose digits in JSON readers that use doubles.
_JSON_SAFE = 2**53 - 1


def _to_date(days: int) -> Value:
    try:
        return date.fromordinal(_EPOCH_ORDINAL + days)
    except (ValueError, OverflowError):
        return days


def _to_time(unit_us: int, count: int) -> Value:
    seconds, microseconds = divmod(count * unit_us, 1_000_000)
    try:
        return time(seconds // 3600, seconds // 60 % 60, seconds % 60, microseconds)
    except ValueError:
        return count


def _to_datetime(epoch: datetime, unit_us: int, count: int) -> Value:
    try:
        return epoch + timedelta(microseconds=count * unit_us)
    except OverflowError:
        return count


def _to_decimal(scale: int, unscaled: bytes) -> Value:
    return Decimal(int.from_bytes(unscaled, "big", signed=True)).scaleb(-scale, _EXACT)


def _to_uuid(text: str) -> Value:
    try:
        return UUID(text)
    except ValueError:
        return text


_FROM_AVRO: Mapping[Kind, Convert] = {
    Kind.DATE: _to_date,
    Kind.TIME_MILLIS: partial(_to_time, 1000),
    Kind.TIME_MICROS: partial(_to_time, 1),
    Kind.TIMESTAMP_MILLIS: partial(_to_datetime, _EPOCH, 1000),
    Kind.TIMESTAMP_MICROS: partial(_to_datetime, _EPOCH, 1),
    Kind.LOCAL_TIMESTAMP_MILLIS: partial(_to_datetime, _LOCAL_EPOCH, 1000),
    Kind.LOCAL_TIMESTAMP_MICROS: partial(_to_datetime, _LOCAL_EPOCH, 1),
    Kind.UUID: _to_uuid,
}


def has_branches(tree: Iterable[Field]) -> bool:
    """Whether there is a union of several types: then fastavro must tell the name of a value's type, where it has one."""
    return any(field.kind is Kind.UNION or has_branches(field.parts) for field in tree)


def converters(tree: tuple[Field, ...], *, named: bool = False) -> tuple[tuple[str, Convert], ...]:
    """(field name, function) of the fields whose Avro value is not yet the Python value; `tree` as `read_tree` gives it.

    `named`: values of named types come with their names out of every union, also out of one of null and one type.
    """
    return tuple((field.name, convert) for field in tree if (convert := _converter(field, named)) is not None)


def _converter(field: Field, named: bool) -> Convert | None:
    """Of a value that is not null; None where it is the Python value already."""
    convert = _plain_converter(field, named)
    if named and field.nullable and (field.size or field.kind in (Kind.ENUM, Kind.RECORD)):
        return lambda value: value[1] if convert is None else convert(value[1])
    return convert


def _plain_converter(field: Field, named: bool) -> Convert | None:
    if field.kind is Kind.DECIMAL:
        return partial(_to_decimal, field.scale)
    if field.kind is Kind.UNION:
        return _union_converter(field)
    inner = converters(field.parts, named=named)
    if field.kind is Kind.RECORD:
        return partial(convert_image, how=inner) if inner else None
    if field.kind in (Kind.ARRAY, Kind.MAP):
        return partial(_to_list if field.kind is Kind.ARRAY else _to_dict, inner[0][1]) if inner else None
    return _FROM_AVRO.get(field.kind)


def _to_list(convert: Convert, items: list[Any]) -> Value:
    return [None if item is None else convert(item) for item in items]


def _to_dict(convert: Convert, entries: dict[str, Any]) -> Value:
    return {key: None if value is None else convert(value) for key, value in entries.items()}


def _union_converter(field: Field) -> Convert:
    """fastavro gives a value of a named type as (full name, value); of the others the Python type tells the branch.

    An int that fits both int and long counts as the former, a float as a double if that is among the branches.
    """
    parts = {part.type_name: part for part in field.parts}
    found = {name: (part.name, _converter(part, named=True)) for name, part in parts.items()}

    def convert(value: Any) -> Value:
        if value is None:
            return None
        name, inner = value if isinstance(value, tuple) else (_branch_of(value, parts), value)
        shown, convert_inner = found[name]
        return Tagged(shown, inner if convert_inner is None else convert_inner(inner))

    return convert


def _branch_of(value: Any, branches: Container[str]) -> str:
    if type(value) is int:
        return "int" if "int" in branches and -(2**31) <= value < 2**31 else "long"
    return next(name for name in _BRANCHES[type(value)] if name in branches)


_BRANCHES: Mapping[type, tuple[str, ...]] = {
    bool: ("boolean",),
    float: ("double", "float"),
    str: ("string",),
    bytes: ("bytes",),
    list: ("array",),
    dict: ("map",),
}


def convert_image(image: dict[str, Any], how: tuple[tuple[str, Convert], ...]) -> Image:
    """The same dict with Python's values in it."""
    for name, convert in how:
        value = image[name]
        if value is not None:
            image[name] = convert(value)
    return image


def _decimal_text(value: Decimal) -> str:
    return format(value, "f")


def _iso_micros(value: datetime | time) -> str:
    """Always six digits of a second, so that texts sort as the times do."""
    return value.isoformat(timespec="microseconds")


def _sql_float(value: float) -> float | str:
    """SQLite would make NaN null; it has infinities."""
    return "NaN" if math.isnan(value) else value


def _json_float(value: float) -> float | str:
    """JSON has neither NaN nor infinities."""
    if math.isfinite(value):
        return value
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"


def _json_integer(value: int) -> int | str:
    return value if -_JSON_SAFE <= value <= _JSON_SAFE else str(value)


_TO_TEXT: Mapping[type, Convert] = {
    date: date.isoformat,
    time: _iso_micros,
    datetime: _iso_micros,
    Decimal: _decimal_text,
    UUID: str,
    float: _sql_float,
}
_TO_JSON: dict[type, Convert] = {**_TO_TEXT, float: _json_float, int: _json_integer}


def _json_value(value: Any) -> Any:
    return value if (convert := _TO_JSON.get(type(value))) is None else convert(value)


def _json_object(value: dict[str, Any]) -> dict[str, Any]:
    return {name: _json_value(each) for name, each in value.items()}


def _json_text(value: Any) -> str:
    return json.dumps(_json_value(value), ensure_ascii=False, separators=(",", ":"), allow_nan=False)


_TO_JSON.update(
    {
        bytes: bytes.hex,
        dict: _json_object,
        list: lambda items: [_json_value(item) for item in items],
        Tagged: lambda tagged: {tagged.type: _json_value(tagged.value)},
    }
)
_TO_CELL: Mapping[type, Convert] = {**_TO_TEXT, dict: _json_text, list: _json_text, Tagged: _json_text}


def sqlite_value(value: Value) -> int | float | str | bytes | None:
    """Exact: dates and times as ISO 8601 text, decimals as text, booleans as 0 and 1; arrays, maps and unions as JSON text."""
    convert = _TO_CELL.get(type(value))
    return value if convert is None else convert(value)  # type: ignore[return-value] # the table covers the rest


def json_image(image: Image | None) -> dict[str, Any] | None:
    """Exact in every JSON reader: integers of more than 53 bits and decimals are strings, bytes are hexadecimal digits.

    A value of a union of several types is an object with its type as the only name.
    """
    return None if image is None else _json_object(image)


def leaves_of(image: Image, fields: Iterable[Field]) -> Image:
    """A nested image as one dict of its leaves by dotted names; a nested record that may be null is there itself, as True or None."""
    return {field.name: _find(image, field) for field in fields}


def _find(image: Image, field: Field) -> Value:
    value: Any = image
    for part in field.name.split("."):
        value = None if value is None else value[part]
    return value if field.is_leaf or value is None else True
