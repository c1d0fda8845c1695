"""Values: from Avro's numbers and bytes to Python's types, and from those to what SQLite and JSON can hold exactly.

All functions are total for the kinds of `gongyu_schemas.fields`: a value outside a Python type's range stays as it is.
Decision: logical types are read here instead of by the Avro library, because that one rounds decimals to the declared
precision and fails on a whole message when one date is out of range.
Sources: Apache Avro 1.12 "Logical Types"; SQLite "Datatypes In SQLite"; RFC 7493 (I-JSON) section 2.2.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, time, timedelta
from decimal import MAX_EMAX, MAX_PREC, MIN_EMIN, Context, Decimal
from functools import partial
from typing import Any
from uuid import UUID

from gongyu_consumers.delivery import Image, Value
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


def converters(fields: tuple[Field, ...]) -> tuple[tuple[str, Convert], ...]:
    """(field name, function) of the fields whose Avro value is not yet the Python value."""
    found = []
    for field in fields:
        convert = partial(_to_decimal, field.scale) if field.kind is Kind.DECIMAL else _FROM_AVRO.get(field.kind)
        if convert is not None:
            found.append((field.name, convert))
    return tuple(found)


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
_TO_JSON: Mapping[type, Convert] = {**_TO_TEXT, float: _json_float, int: _json_integer}


def sqlite_value(value: Value) -> int | float | str | None:
    """Exact: dates and times as ISO 8601 text, decimals as text, booleans as 0 and 1."""
    convert = _TO_TEXT.get(type(value))
    return value if convert is None else convert(value)  # type: ignore[return-value] # the table covers the rest


def json_image(image: Image | None) -> dict[str, Any] | None:
    """Exact in every JSON reader: integers of more than 53 bits and decimals are strings."""
    if image is None:
        return None
    return {name: value if (convert := _TO_JSON.get(type(value))) is None else convert(value) for name, value in image.items()}
