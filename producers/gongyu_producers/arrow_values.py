"""One column of a Parquet file -> Avro values of its field, or why the column's type cannot be that field's.

A pair of types that says every value exactly is read; one that could only be guessed (a floating-point number for a
decimal, a local time for a moment) is refused as a whole (`Misfit`), before a row is read. A single value that does not
fit raises `BadValue`, as a cell of a delimited file would. Source: Apache Parquet, "Logical Types"; Apache Arrow columnar format.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from uuid import UUID

import pyarrow as pa
from pyarrow import types as arrow

from gongyu_producers.json_values import cell_reader, json_reader
from gongyu_producers.values import BadValue, in_range, text_reader, to_float
from gongyu_schemas.fields import COMPOUND, Field, Kind

_BITS = {Kind.INT: 32, Kind.LONG: 64}
_UNITS = {"s": 1_000_000_000, "ms": 1_000_000, "us": 1_000, "ns": 1}
_MOMENTS = {Kind.TIMESTAMP_MILLIS: "ms", Kind.TIMESTAMP_MICROS: "us"}
_LOCAL_MOMENTS = {Kind.LOCAL_TIMESTAMP_MILLIS: "ms", Kind.LOCAL_TIMESTAMP_MICROS: "us"}
_TIMES = {Kind.TIME_MILLIS: "ms", Kind.TIME_MICROS: "us"}
_PRECISION = {"ms": "milliseconds", "us": "microseconds"}
_DAY_MS = 86_400_000
_FIRST_DAY, _LAST_DAY = -719_162, 2_932_896  # 0001-01-01 and 9999-12-31, as texts may say them
_DAY_NS = _DAY_MS * 1_000_000


class Misfit(ValueError):
    """A column whose type cannot be read as its field's; what to do about it."""


@dataclass(frozen=True, slots=True)
class ColumnReader:
    """`prepare` makes a batch's array a list of plain values; `convert` makes one of them an Avro value (None: it is one)."""

    prepare: Callable[[Any], list[Any]]
    convert: Callable[[Any], Any] | None = None


def column_reader(column: Any, field: Field) -> ColumnReader:
    """How a column of this Arrow type is read as this field. Raises Misfit."""
    if arrow.is_dictionary(column):
        inner = column_reader(column.value_type, field)
        return ColumnReader(lambda array: inner.prepare(array.dictionary_decode()), inner.convert)
    if isinstance(column, pa.BaseExtensionType):
        inner = column_reader(column.storage_type, field)
        return ColumnReader(lambda array: inner.prepare(array.storage), inner.convert)
    if field.kind in COMPOUND:
        return _compound(column, field)
    for is_such, read in _READERS:
        if is_such(column):
            return read(column, field)
    raise Misfit("such columns are not read; write it as text, or use JSON lines")


def _plain(array: Any) -> list[Any]:
    return list(array.to_pylist())


def _as_integers(width: Any) -> Callable[[Any], list[Any]]:
    return lambda array: list(array.cast(width).to_pylist())


def _compound(column: Any, field: Field) -> ColumnReader:
    """Text is JSON, as in a delimited file; lists, maps and nested records are read as JSON would be."""
    if _is_text(column):
        return ColumnReader(_plain, cell_reader(field))
    read = json_reader(field)
    return ColumnReader(_plain, lambda value: read(_as_json(value, column)))


def _as_json(value: Any, column: Any) -> Any:
    """What JSON lines would hold: dates and times as text, numbers with a point exact, bytes in hexadecimal digits."""
    if value is None or isinstance(value, bool | int | str | Decimal):
        return value
    if arrow.is_map(column):
        return {str(_as_json(key, column.key_type)): _as_json(each, column.item_type) for key, each in value}
    if arrow.is_struct(column):
        return {name: _as_json(each, column.field(name).type) for name, each in value.items()}
    if isinstance(value, list):
        return [_as_json(each, column.value_type) for each in value]
    if isinstance(value, float):
        return Decimal(repr(value))
    return value.hex() if isinstance(value, bytes) else str(value.isoformat() if hasattr(value, "isoformat") else value)


def _is_text(column: Any) -> bool:
    return bool(arrow.is_string(column) or arrow.is_large_string(column) or arrow.is_string_view(column))


def _text(_column: Any, field: Field) -> ColumnReader:
    return ColumnReader(_plain, None if field.kind is Kind.STRING else text_reader(field))


def _nulls(_column: Any, _field: Field) -> ColumnReader:
    return ColumnReader(_plain)


def _boolean(_column: Any, field: Field) -> ColumnReader:
    if field.kind is not Kind.BOOLEAN:
        raise Misfit("true and false fit a boolean only")
    return ColumnReader(_plain)


def _integer(column: Any, field: Field) -> ColumnReader:
    if field.kind in _BITS:
        bits = _BITS[field.kind]
        widest = bits if arrow.is_signed_integer(column) else bits - 1
        return ColumnReader(_plain, None if column.bit_width <= widest else lambda number: in_range(number, bits))
    if field.kind in (Kind.FLOAT, Kind.DOUBLE, Kind.DECIMAL):
        return ColumnReader(_plain, json_reader(field))
    raise Misfit("whole numbers fit int, long, float, double and decimal; write it in the field's own type or as text")


def _floating(_column: Any, field: Field) -> ColumnReader:
    if field.kind in (Kind.FLOAT, Kind.DOUBLE):
        return ColumnReader(
            lambda array: list(array.cast(pa.float64()).to_pylist()), _finite if field.kind is Kind.DOUBLE else _finite_float
        )
    if field.kind in (Kind.INT, Kind.LONG):
        raise Misfit("a floating-point number is no whole number; write it as int64 (pandas: astype('Int64'), which keeps nulls)")
    raise Misfit("a floating-point number does not say it exactly; write it in the field's own type or as text")


def _decimal(column: Any, field: Field) -> ColumnReader:
    if field.kind in (Kind.FLOAT, Kind.DOUBLE, Kind.DECIMAL):
        return ColumnReader(_plain, json_reader(field))
    if field.kind in _BITS and column.scale <= 0:
        bits = _BITS[field.kind]
        return ColumnReader(_plain, lambda number: in_range(int(number), bits))
    raise Misfit("a decimal fits decimal, float, double and, without digits after the point, int and long")


def _date(column: Any, field: Field) -> ColumnReader:
    if field.kind is not Kind.DATE:
        raise Misfit("a date fits a date only; write it in the field's own type or as text")
    if arrow.is_date32(column):
        return ColumnReader(_as_integers(pa.int32()), _day)
    return ColumnReader(_as_integers(pa.int64()), lambda millis: _day(_whole(millis, _DAY_MS, "a date with a time of day")))


def _timestamp(column: Any, field: Field) -> ColumnReader:
    if column.tz is not None and field.kind in _MOMENTS:
        return ColumnReader(_as_integers(pa.int64()), _moment(column.unit, _MOMENTS[field.kind]))
    if column.tz is None and field.kind in _LOCAL_MOMENTS:
        return ColumnReader(_as_integers(pa.int64()), _moment(column.unit, _LOCAL_MOMENTS[field.kind]))
    if field.kind in _MOMENTS:
        raise Misfit("it has no time zone, so it names no moment; write it with one (pandas: dt.tz_localize('Asia/Seoul'))")
    if field.kind in _LOCAL_MOMENTS:
        raise Misfit("it has a time zone where a local time is expected; write it without one")
    raise Misfit("a timestamp fits a timestamp only; write it in the field's own type or as text")


def _time(column: Any, field: Field) -> ColumnReader:
    if field.kind not in _TIMES:
        raise Misfit("a time of day fits a time only; write it in the field's own type or as text")
    convert = _in_unit(column.unit, _TIMES[field.kind], 0, _DAY_NS - 1, "no such time of day")
    return ColumnReader(_as_integers(pa.int32() if arrow.is_time32(column) else pa.int64()), convert)


def _binary(column: Any, field: Field) -> ColumnReader:
    if field.kind is Kind.BYTES:
        return ColumnReader(_plain)
    if field.kind is Kind.FIXED:
        return ColumnReader(_plain, _sized(field.size))
    if field.kind is Kind.UUID and arrow.is_fixed_size_binary(column) and column.byte_width == 16:
        return ColumnReader(_plain, lambda number: str(UUID(bytes=number)))
    raise Misfit("bytes fit bytes and fixed only; write it in the field's own type or as text (a UUID may have 16 bytes)")


def _sized(size: int) -> Callable[[bytes], bytes]:
    def convert(content: bytes) -> bytes:
        if len(content) != size:
            raise BadValue(f"not {size} bytes")
        return content

    return convert


def _finite(number: float) -> float:
    if not math.isfinite(number):
        raise BadValue("not a finite number")
    return number


def _finite_float(number: float) -> float:
    return to_float(_finite(number))


def _day(days: int) -> int:
    if not _FIRST_DAY <= days <= _LAST_DAY:
        raise BadValue("outside the years 1 to 9999")
    return days


def _whole(number: int, unit: int, otherwise: str) -> int:
    whole, rest = divmod(number, unit)
    if rest:
        raise BadValue(otherwise)
    return whole


def _moment(stored: str, wanted: str) -> Callable[[int], int]:
    return _in_unit(stored, wanted, _FIRST_DAY * _DAY_NS, (_LAST_DAY + 1) * _DAY_NS - 1, "outside the years 1 to 9999")


def _in_unit(stored: str, wanted: str, least_ns: int, most_ns: int, outside: str) -> Callable[[int], int]:
    factor, unit, too_precise = _UNITS[stored], _UNITS[wanted], f"more precise than {_PRECISION[wanted]}"

    def convert(number: int) -> int:
        nanos = number * factor
        if not least_ns <= nanos <= most_ns:
            raise BadValue(outside)
        return _whole(nanos, unit, too_precise)

    return convert


_READERS: tuple[tuple[Callable[[Any], bool], Callable[[Any, Field], ColumnReader]], ...] = (
    (_is_text, _text),
    (arrow.is_null, _nulls),
    (arrow.is_boolean, _boolean),
    (arrow.is_integer, _integer),
    (arrow.is_floating, _floating),
    (arrow.is_decimal, _decimal),
    (arrow.is_date, _date),
    (arrow.is_timestamp, _timestamp),
    (arrow.is_time, _time),
    (lambda column: arrow.is_binary(column) or arrow.is_large_binary(column) or arrow.is_fixed_size_binary(column), _binary),
)
