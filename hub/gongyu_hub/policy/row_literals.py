"""A literal of a row text as a value of the field that it is compared with.

Enters a field and a literal; leaves the value in the form in which the engine compares it, by the field's kind: the
stored number (boolean 0 or 1, enum the index of the symbol, dates and times as Avro stores them), UTF-8 bytes
(string, uuid), an exact fraction in units of the last decimal place (decimal), or a number in the order of floats
(`float_order`). A literal that the field could not hold is a RowsError at its place; only decimals are compared
with any number, exactly.
"""

import math
import re
import struct
import uuid
from datetime import date
from fractions import Fraction

from gongyu_hub.policy.row_tree import Form, Literal, RowsError
from gongyu_schemas.fields import Field, Kind

MAX_DIGITS = 1000  # of a number, and its largest exponent: PostgreSQL's numeric has the same order of size

_INTEGERS = {Kind.INT: 2**31, Kind.LONG: 2**63}
_PER_SECOND = {Kind.TIME_MILLIS: 3, Kind.TIMESTAMP_MILLIS: 3, Kind.LOCAL_TIMESTAMP_MILLIS: 3}  # digits; 6 for the kinds in microseconds
_FORMS = {
    **dict.fromkeys(Kind, Form.TEXT),
    **dict.fromkeys((Kind.INT, Kind.LONG, Kind.DECIMAL), Form.NUMBER),
    Kind.BOOLEAN: Form.BOOLEAN,
}
_FLOATS = {Kind.FLOAT: 4, Kind.DOUBLE: 8}
_SPECIAL_FLOATS = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}
_EPOCH_DAY = date(1970, 1, 1).toordinal()
_LAST_DAY = date.max.toordinal()

_DATE = r"(?P<date>[0-9]{4}-[0-9]{2}-[0-9]{2})"
_TIME = r"(?P<hour>[0-9]{2}):(?P<minute>[0-9]{2})(?::(?P<second>[0-9]{2})(?:\.(?P<fraction>[0-9]{1,9}))?)?"
_ZONE = r"(?P<zone>Z|[+-][0-9]{2}:[0-9]{2})?"
_PATTERNS = {
    "date": (re.compile(_DATE), "'YYYY-MM-DD'"),
    "time": (re.compile(_TIME), "'HH:MM:SS', with a fraction if need be"),
    "timestamp": (re.compile(f"{_DATE}[T ]{_TIME}{_ZONE}"), "'YYYY-MM-DDTHH:MM:SSZ', or with an offset as +09:00"),
    "local": (re.compile(f"{_DATE}[T ]{_TIME}{_ZONE}"), "'YYYY-MM-DDTHH:MM:SS', without a zone"),
}


def cast_literal(field: Field, literal: Literal) -> int | bytes | Fraction:
    """The literal's value in the form of the field's kind. Raises RowsError."""
    if field.kind in _FLOATS:
        return _float_order(_cast_float(field, literal), _FLOATS[field.kind])
    expected = _FORMS[field.kind]
    if literal.form is not expected:
        raise refusal(literal, f"{field.name!r} is {field.kind.value}: it is compared with {expected.value}, not with {literal.form.value}")
    if field.kind in _INTEGERS:
        return _cast_integer(field, literal)
    if field.kind is Kind.DECIMAL:
        return _exact(literal) * int(10**field.scale)
    if field.kind is Kind.BOOLEAN:
        return int(literal.text.upper() == "TRUE")
    if field.kind is Kind.ENUM:
        return _cast_symbol(field, literal)
    if field.kind is Kind.STRING:
        return cast_text(literal)
    if field.kind is Kind.UUID:
        return _cast_uuid(literal)
    return _cast_time(field, literal)


def cast_text(literal: Literal) -> bytes:
    """The text's UTF-8 bytes. Raises RowsError if it holds half of a surrogate pair."""
    try:
        return literal.text.encode()
    except UnicodeEncodeError as error:
        raise refusal(literal, "the text holds a character that no string can hold (half of a surrogate pair)") from error


def refusal(literal: Literal, what: str) -> RowsError:
    """The error at the literal's place."""
    return RowsError(*literal.place, what)


def _cast_integer(field: Field, literal: Literal) -> int:
    if not re.fullmatch(r"[+-]?[0-9]+", literal.text):
        raise refusal(literal, f"{field.name!r} is {field.kind.value}: write a whole number, without a point or exponent")
    bound = _INTEGERS[field.kind]
    number = int(_exact(literal))
    if not -bound <= number < bound:
        raise refusal(literal, f"{field.name!r} is {field.kind.value}: it holds {-bound} to {bound - 1} only")
    return number


def _exact(literal: Literal) -> Fraction:
    mantissa, _, exponent = literal.text.lower().partition("e")
    if len(mantissa) > MAX_DIGITS or len(exponent) > 5 or abs(int(exponent or 0)) > MAX_DIGITS:
        raise refusal(literal, f"the number has more than {MAX_DIGITS} digits")
    return Fraction(literal.text)


def _cast_float(field: Field, literal: Literal) -> float:
    if literal.form is Form.TEXT and literal.text in _SPECIAL_FLOATS:
        return _SPECIAL_FLOATS[literal.text]
    if literal.form is not Form.NUMBER:
        raise refusal(literal, f"{field.name!r} is {field.kind.value}: it is compared with a number, 'NaN', 'Infinity' or '-Infinity'")
    exact = _exact(literal)
    number = float(literal.text) if field.kind is Kind.DOUBLE else _nearest_float(exact, float(literal.text))
    if math.isinf(number) or (number == 0 and exact != 0):
        raise refusal(literal, f"{field.name!r} is {field.kind.value}: it can hold no number so {'large' if number else 'small'}")
    return number


def _nearest_float(exact: Fraction, rounded: float) -> float:
    """The nearest float of 4 bytes, ties to even; rounding the nearest double instead would round twice."""
    try:
        (bits,) = struct.unpack("<I", struct.pack("<f", rounded))
    except OverflowError:
        return math.inf
    candidates = {each & 0xFFFFFFFF: _from_bits(each & 0xFFFFFFFF) for each in (bits - 1, bits, bits + 1)}
    finite = [(abs(Fraction(number) - exact), each & 1, number) for each, number in candidates.items() if math.isfinite(number)]
    return min(finite)[2]


def _from_bits(bits: int) -> float:
    number: float = struct.unpack("<f", struct.pack("<I", bits))[0]
    return number


def _float_order(number: float, width: int) -> int:
    """The number that `float_order` of the engine gives for the same float."""
    if math.isnan(number):
        return 2**63 - 1
    bits: int = struct.unpack("<I" if width == 4 else "<Q", struct.pack("<f" if width == 4 else "<d", abs(number)))[0]
    return -bits if number < 0 else bits


def _cast_symbol(field: Field, literal: Literal) -> int:
    if literal.text not in field.symbols:
        raise refusal(literal, f"{field.name!r} has no symbol {literal.text!r}; it has {', '.join(field.symbols)}")
    return field.symbols.index(literal.text)


def _cast_uuid(literal: Literal) -> bytes:
    try:
        value = str(uuid.UUID(literal.text))
    except ValueError as error:
        raise refusal(literal, f"{literal.text!r} is no uuid") from error
    if value != literal.text.lower():
        raise refusal(literal, f"{literal.text!r} is no uuid in the form of {value!r}")
    return value.encode()


def _cast_time(field: Field, literal: Literal) -> int:
    """Dates in days, times in the field's unit, both since 1970 or midnight."""
    shape = "local" if field.kind.value.startswith("local") else field.kind.value.partition("-")[0]
    pattern, form = _PATTERNS[shape]
    match = pattern.fullmatch(literal.text)
    parts = match.groupdict() if match else {}
    if not match or ("zone" in parts and (parts["zone"] is None) != (shape == "local")):
        raise refusal(literal, f"{field.name!r} is {field.kind.value}: write it as {form}")
    day = _read_day(literal, parts["date"]) if "date" in parts else 0
    if shape == "date":
        return day
    digits = _PER_SECOND.get(field.kind, 6)
    seconds = day * 86_400 + _read_seconds(literal, parts)
    if parts.get("zone") not in (None, "Z"):
        seconds -= _read_offset(literal, parts["zone"] or "")
    if shape != "time" and not -_EPOCH_DAY < seconds // 86_400 <= _LAST_DAY - _EPOCH_DAY:
        raise refusal(literal, "the time lies outside the years 1 to 9999")
    fraction = (parts["fraction"] or "").ljust(digits, "0")
    if fraction[digits:].strip("0"):
        raise refusal(literal, f"{field.name!r} is {field.kind.value}: it holds {digits} digits of a second only")
    return seconds * int(10**digits) + int(fraction[:digits])


def _read_day(literal: Literal, text: str) -> int:
    try:
        return date.fromisoformat(text).toordinal() - _EPOCH_DAY
    except ValueError as error:
        raise refusal(literal, f"there is no day {text}") from error


def _read_seconds(literal: Literal, parts: dict[str, str | None]) -> int:
    hour, minute, second = (int(parts[name] or 0) for name in ("hour", "minute", "second"))
    if hour > 23 or minute > 59 or second > 59:
        raise refusal(literal, "the time of day goes from 00:00:00 to 23:59:59")
    return hour * 3600 + minute * 60 + second


def _read_offset(literal: Literal, zone: str) -> int:
    hours, minutes = int(zone[1:3]), int(zone[4:6])
    if hours > 15 or minutes > 59:
        raise refusal(literal, "the offset goes from -15:59 to +15:59")
    return (hours * 3600 + minutes * 60) * (-1 if zone[0] == "-" else 1)
