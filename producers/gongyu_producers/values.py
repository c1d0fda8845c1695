"""One text -> one Avro value, or the precise reason why it is none: what a cell of a file may say, kind by kind.

Nothing is guessed, trimmed or rounded: a text that does not say the whole value exactly raises `BadValue`. Values are
those of the Avro type below the logical one (days, microseconds, two's complement bytes), so the logical
types cost nothing when the record is encoded. Source: Apache Avro 1.12, "Logical Types"; ISO 8601; RFC 9562 (UUID).
"""

from __future__ import annotations

import math
import re
import struct
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import Any
from uuid import UUID

from gongyu_schemas.fields import COMPOUND, Field, Kind

TextReader = Callable[[str], Any]


class BadValue(ValueError):
    """Why a text or JSON value is not a value of its field; holds no part of the text itself."""


_TRUE = frozenset({"true", "t", "yes", "y", "1"})
_FALSE = frozenset({"false", "f", "no", "n", "0"})
_INTEGER = re.compile(r"[+-]?[0-9]+")
_NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]{1,6})?")
_DECIMAL = re.compile(r"([+-]?)([0-9]*)(?:\.([0-9]*))?")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_CLOCK = r"[0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]{1,6})?)?"
_TIME = re.compile(_CLOCK)
_LOCAL = re.compile(rf"[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}[T ]{_CLOCK}")
_OFFSET = re.compile(r"Z|[+-][0-9]{2}:?[0-9]{2}")
_HEX = re.compile(r"(?:[0-9a-fA-F]{2})*")
_LONGEST_INTEGER = 40
_EPOCH_DAY = date(1970, 1, 1).toordinal()
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LOCAL_EPOCH = _EPOCH.replace(tzinfo=None)
_MICROSECOND = timedelta(microseconds=1)
_BITS = {Kind.INT: 32, Kind.LONG: 64}
#: Kinds whose texts repeat in a register and are slow to read; so many of them are remembered per field.
_REPEATING = frozenset({Kind.BOOLEAN, Kind.DATE, Kind.TIMESTAMP_MILLIS, Kind.TIMESTAMP_MICROS})
_REMEMBERED = 8_192


def text_reader(field: Field) -> TextReader:
    """The function that reads texts of this field, which is not compound; it raises BadValue."""
    if field.kind in COMPOUND:
        return _refuse_compound
    if field.kind is Kind.FIXED:
        return lambda text: read_octets(text, field.size)
    if field.kind is Kind.DECIMAL and field.size:
        return lambda text: _widened(read_decimal(text, field.precision, field.scale), field.size)
    if field.kind in _REPEATING:
        return lru_cache(_REMEMBERED)(_READERS[field.kind])
    if field.kind in _BITS:
        return lambda text: read_integer(text, _BITS[field.kind])
    if field.kind is Kind.ENUM:
        return _enum_reader(field.symbols)
    if field.kind is Kind.DECIMAL:
        return lambda text: read_decimal(text, field.precision, field.scale)
    return _READERS[field.kind]


def _refuse_compound(_text: str) -> Any:
    raise BadValue("a single value where an array, map, record or union is expected")


def _widened(number: bytes, size: int) -> bytes:
    """The same number in so many bytes."""
    return number.rjust(size, b"\xff" if number[0] >= 0x80 else b"\x00")


def read_octets(text: str, size: int | None = None) -> bytes:
    """Bytes are written as hexadecimal digits."""
    if not _HEX.fullmatch(text):
        raise BadValue("not bytes: use pairs of hexadecimal digits")
    if size is not None and len(text) != 2 * size:
        raise BadValue(f"not {size} bytes")
    return bytes.fromhex(text)


def read_text(text: str) -> str:
    return text


def read_boolean(text: str) -> bool:
    lowered = text.lower()
    if lowered in _TRUE:
        return True
    if lowered in _FALSE:
        return False
    raise BadValue("not a boolean: use true or false (also t/f, yes/no, y/n, 1/0)")


def read_integer(text: str, bits: int) -> int:
    if not _INTEGER.fullmatch(text):
        raise BadValue("not a whole number")
    if len(text) <= _LONGEST_INTEGER:
        return in_range(int(text), bits)
    raise BadValue(f"too many digits for an integer of {bits} bits")


def in_range(number: int, bits: int) -> int:
    if not -(1 << (bits - 1)) <= number < 1 << (bits - 1):
        raise BadValue(f"outside the range of an integer of {bits} bits")
    return number


def read_double(text: str) -> float:
    if not _NUMBER.fullmatch(text):
        raise BadValue("not a number")
    number = float(text)
    if not math.isfinite(number):
        raise BadValue("outside the range of a 64-bit floating-point number")
    return number


def read_float(text: str) -> float:
    return to_float(read_double(text))


def to_float(number: float) -> float:
    try:
        struct.pack("<f", number)
    except OverflowError as error:
        raise BadValue("outside the range of a 32-bit floating-point number") from error
    return number


def read_decimal(text: str, precision: int, scale: int) -> bytes:
    """The unscaled number as the shortest big-endian two's complement."""
    found = _DECIMAL.fullmatch(text)
    if found is None or not (found[2] or found[3]):
        raise BadValue("not a decimal number (digits with at most one point, no exponent)")
    fraction = (found[3] or "").rstrip("0")
    if len(fraction) > scale:
        raise BadValue(f"more than {scale} digits after the point")
    digits = (found[2] + fraction.ljust(scale, "0")).lstrip("0")
    if len(digits) > precision:
        raise BadValue(f"more than {precision - scale} digits before the point")
    number = int(found[1] + (digits or "0"))
    magnitude = number if number >= 0 else ~number
    return number.to_bytes(magnitude.bit_length() // 8 + 1, "big", signed=True)


def read_date(text: str) -> int:
    if not _DATE.fullmatch(text):
        raise BadValue("not a date: use YYYY-MM-DD")
    try:
        return date.fromisoformat(text).toordinal() - _EPOCH_DAY
    except ValueError as error:
        raise BadValue("no such day in the calendar") from error


def read_time_micros(text: str) -> int:
    if not _TIME.fullmatch(text):
        raise BadValue("not a time of day: use HH:MM[:SS[.fraction]]")
    try:
        at = time.fromisoformat(text)
    except ValueError as error:
        raise BadValue("no such time of day") from error
    return ((at.hour * 60 + at.minute) * 60 + at.second) * 1_000_000 + at.microsecond


def read_timestamp_micros(text: str) -> int:
    local = _LOCAL.match(text)
    if local is None:
        raise BadValue("not a timestamp: use YYYY-MM-DDTHH:MM:SS[.fraction] and an offset")
    offset = text[local.end() :]
    if not offset:
        raise BadValue("a timestamp needs its offset from UTC: Z or +09:00")
    if not _OFFSET.fullmatch(offset):
        raise BadValue("not a timestamp: after the time comes an offset, Z or +09:00")
    return (_moment(text) - _EPOCH) // _MICROSECOND


def read_local_timestamp_micros(text: str) -> int:
    if not _LOCAL.fullmatch(text):
        raise BadValue("not a local timestamp: use YYYY-MM-DDTHH:MM:SS[.fraction] without offset")
    return (_moment(text) - _LOCAL_EPOCH) // _MICROSECOND


def read_uuid(text: str) -> str:
    """The canonical form: 8-4-4-4-12 lower-case digits."""
    if len(text) not in (32, 36):
        raise BadValue("not a UUID")
    try:
        canonical = str(UUID(text))
    except ValueError as error:
        raise BadValue("not a UUID") from error
    if text.lower() not in (canonical, canonical.replace("-", "")):
        raise BadValue("not a UUID")
    return canonical


def _moment(text: str) -> datetime:
    try:
        return datetime.fromisoformat(text)
    except ValueError as error:
        raise BadValue("no such day or time in the calendar") from error


def _in_millis(read_micros: Callable[[str], int]) -> TextReader:
    def read(text: str) -> int:
        millis, rest = divmod(read_micros(text), 1000)
        if rest:
            raise BadValue("more precise than milliseconds")
        return millis

    return read


def _enum_reader(symbols: tuple[str, ...]) -> TextReader:
    known = frozenset(symbols)
    listed = ", ".join(symbols[:10]) + (", ..." if len(symbols) > 10 else "")

    def read(text: str) -> str:
        if text not in known:
            raise BadValue(f"not one of the symbols {listed}")
        return text

    return read


_READERS: dict[Kind, TextReader] = {
    Kind.STRING: read_text,
    Kind.BOOLEAN: read_boolean,
    Kind.FLOAT: read_float,
    Kind.DOUBLE: read_double,
    Kind.DATE: read_date,
    Kind.TIME_MILLIS: _in_millis(read_time_micros),
    Kind.TIME_MICROS: read_time_micros,
    Kind.TIMESTAMP_MILLIS: _in_millis(read_timestamp_micros),
    Kind.TIMESTAMP_MICROS: read_timestamp_micros,
    Kind.LOCAL_TIMESTAMP_MILLIS: _in_millis(read_local_timestamp_micros),
    Kind.LOCAL_TIMESTAMP_MICROS: read_local_timestamp_micros,
    Kind.UUID: read_uuid,
    Kind.BYTES: read_octets,
}
