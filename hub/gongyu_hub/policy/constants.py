"""A constant of the policy as the Avro bytes of a field.

Enters a field and a JSON value; leaves the bytes of that value in the field's type, without the branch of a union. A value that
the field does not hold is a ConstantError that says what it holds.
"""

from __future__ import annotations

import math
import re
import struct

from gongyu_hub.policy.row_literals import cast_literal
from gongyu_hub.policy.row_tree import Form, Literal, Place, RowsError
from gongyu_schemas.fields import Field, Kind

Constant = str | bool | int | float

_FLOATS = {Kind.FLOAT: "<f", Kind.DOUBLE: "<d"}
_WHOLE = frozenset({Kind.INT, Kind.LONG})
_OCTETS = frozenset({Kind.STRING, Kind.UUID})
_TIMES = frozenset({Kind.TIME_MILLIS, Kind.TIME_MICROS, Kind.TIMESTAMP_MILLIS, Kind.TIMESTAMP_MICROS})
_LOCAL_TIMES = frozenset({Kind.LOCAL_TIMESTAMP_MILLIS, Kind.LOCAL_TIMESTAMP_MICROS})
_NUMBERED = frozenset({Kind.ENUM, Kind.DATE}) | _TIMES | _LOCAL_TIMES  # stored as the number of a symbol, of days or of time
_NUMBER = re.compile(r"[+-]?[0-9]+(\.[0-9]+)?")
_NOWHERE = Place(1, 1)


class ConstantError(ValueError):
    """The value is none of the field's."""


def encode_constant(field: Field, value: Constant) -> bytes:
    """Raises ConstantError."""
    if field.kind in _FLOATS:
        return _encode_float(field, value)
    if field.kind is Kind.BOOLEAN:
        if not isinstance(value, bool):
            raise ConstantError(f"{field.name!r} is boolean: true or false")
        return bytes([value])
    if field.kind in _WHOLE:
        if not isinstance(value, int) or isinstance(value, bool):
            raise ConstantError(f"{field.name!r} is {field.kind.value}: a whole number")
        return encode_long(_cast_whole(field, Form.NUMBER, str(value)))
    if field.kind is Kind.DECIMAL:
        return encode_octets(_decimal(field, value))
    if field.kind not in _OCTETS | _NUMBERED:
        raise ConstantError(f"{field.name!r} is {field.kind.value}, which has no constants")
    if not isinstance(value, str):
        raise ConstantError(f"{field.name!r} is {field.kind.value}: a text, in quotes")
    if field.kind in _NUMBERED:
        return encode_long(_cast_whole(field, Form.TEXT, value))
    return encode_octets(_cast_octets(field, value))


def encode_long(value: int) -> bytes:
    """A zigzag varint (Avro 1.12, "Binary Encoding": int and long)."""
    raw, out = (value << 1) ^ (value >> 63), bytearray()
    while raw > 0x7F:
        out.append(raw & 0x7F | 0x80)
        raw >>= 7
    out.append(raw)
    return bytes(out)


def encode_octets(octets: bytes) -> bytes:
    return encode_long(len(octets)) + octets


def _encode_float(field: Field, value: Constant) -> bytes:
    if isinstance(value, (bool, str)):
        raise ConstantError(f"{field.name!r} is {field.kind.value}: a number")
    try:
        encoded = struct.pack(_FLOATS[field.kind], value)
    except (OverflowError, struct.error) as error:
        raise ConstantError(f"{field.name!r} is {field.kind.value}: it holds no number so large") from error
    if not math.isfinite(struct.unpack(_FLOATS[field.kind], encoded)[0]):
        raise ConstantError(f"{field.name!r} is {field.kind.value}: it holds no number so large")
    return encoded


def _decimal(field: Field, value: Constant) -> bytes:
    """A fraction is written as a text: YAML's own numbers with a point would be rounded."""
    text = value if isinstance(value, str) else str(value) if isinstance(value, int) and not isinstance(value, bool) else ""
    if not _NUMBER.fullmatch(text):
        raise ConstantError(f"{field.name!r} is decimal: a number in quotes, as '12.50'")
    cast = cast_literal(field, Literal(Form.NUMBER, text, _NOWHERE))
    if isinstance(cast, bytes) or int(cast) != cast or abs(cast) >= 10**field.precision:
        raise ConstantError(f"{field.name!r} holds {field.precision} digits, {field.scale} of them behind the point")
    number = int(cast)
    return number.to_bytes(((number if number >= 0 else ~number).bit_length() + 8) // 8, "big", signed=True)


def _cast_whole(field: Field, form: Form, text: str) -> int:
    cast = _cast(field, form, text)
    if not isinstance(cast, int):
        raise ConstantError(f"{text!r} is no value of {field.name!r}")
    return cast


def _cast_octets(field: Field, text: str) -> bytes:
    cast = _cast(field, Form.TEXT, text)
    if not isinstance(cast, bytes):
        raise ConstantError(f"{text!r} is no value of {field.name!r}")
    return cast


def _cast(field: Field, form: Form, text: str) -> object:
    try:
        return cast_literal(field, Literal(form, text, _NOWHERE))
    except RowsError as error:
        raise ConstantError(error.what) from error
