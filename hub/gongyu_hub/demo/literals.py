"""Literals of row texts cast to a field's logical type, as the plain values of `plain.py`.

Enters the field, how the literal is spelled and its text; leaves a plain value. Raises LiteralError.
Numbers stay exact (fractions): a literal with more digits than the field can hold compares, it is not rounded.
"""

from __future__ import annotations

import datetime as dt
import enum
import math
import struct
import uuid
from collections.abc import Callable, Mapping
from decimal import Decimal, InvalidOperation
from fractions import Fraction
from typing import Any

from gongyu_hub.demo.plain import comparable
from gongyu_schemas.fields import Field, Kind

_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_SECOND = {"millis": 1_000, "micros": 1_000_000}


class LiteralError(ValueError):
    """The literal is none of the field's type."""


class Spelling(enum.Enum):
    """How a literal is written: as a number, in quotes, or as the word TRUE or FALSE."""

    NUMBER = "number"
    TEXT = "text"
    WORD = "word"


def cast(field: Field, spelling: Spelling, text: str) -> Any:
    """The literal's plain value. Raises LiteralError."""
    if spelling not in _SPELLINGS[field.kind]:
        raise LiteralError(f"{field.name!r} is {field.kind.value}: it is not compared with {spelling.value} {text!r}")
    try:
        return _CASTS[field.kind](field, text)
    except (ValueError, InvalidOperation, OverflowError) as error:
        raise LiteralError(f"{text!r} is no {field.kind.value}: {error}") from error


def _boolean(_field: Field, text: str) -> bool:
    return {"TRUE": True, "FALSE": False}[text]


def _exact(_field: Field, text: str) -> Fraction:
    return Fraction(Decimal(text))


def _unscaled(field: Field, text: str) -> Fraction:
    return Fraction(Decimal(text)) * Fraction(10) ** field.scale


def _double(_field: Field, text: str) -> tuple[bool, float]:
    return comparable(float(text))


def _float(_field: Field, text: str) -> tuple[bool, float]:
    """The nearest float of four bytes, of two the even one; going by way of the nearest double could round twice."""
    number = float(text)
    if not math.isfinite(number):
        return comparable(number)
    exact = Fraction(Decimal(text))
    [bits] = struct.unpack("<I", struct.pack("<f", number))
    near = [(struct.unpack("<f", struct.pack("<I", each))[0], each % 2) for each in (bits, bits + 1, max(bits, 1) - 1)]
    return comparable(min(near, key=lambda each: (abs(Fraction(each[0]) - exact), each[1]) if math.isfinite(each[0]) else (math.inf, 2))[0])


def _string(_field: Field, text: str) -> str:
    return text


def _symbol(field: Field, text: str) -> int:
    return field.symbols.index(text)


def _uuid(_field: Field, text: str) -> str:
    return str(uuid.UUID(text))


def _date(_field: Field, text: str) -> int:
    return (dt.date.fromisoformat(text) - _EPOCH.date()).days


def _time(field: Field, text: str) -> Fraction:
    time = dt.time.fromisoformat(text)
    if time.tzinfo is not None:
        raise ValueError("a time of day has no zone")
    seconds = Fraction(time.hour * 3600 + time.minute * 60 + time.second) + Fraction(time.microsecond, 1_000_000)
    return seconds * _unit(field)


def _instant(field: Field, text: str) -> Fraction:
    moment = dt.datetime.fromisoformat(text)
    return _ticks(field, moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC))


def _local(field: Field, text: str) -> Fraction:
    moment = dt.datetime.fromisoformat(text)
    if moment.tzinfo is not None:
        raise ValueError("a local timestamp has no zone")
    return _ticks(field, moment.replace(tzinfo=dt.UTC))


def _ticks(field: Field, moment: dt.datetime) -> Fraction:
    return Fraction((moment - _EPOCH) // dt.timedelta(microseconds=1), 1_000_000) * _unit(field)


def _unit(field: Field) -> int:
    return _SECOND[field.kind.value.rpartition("-")[2]]


_TEXT = frozenset({Spelling.TEXT})
_NUMBER = frozenset({Spelling.NUMBER, Spelling.TEXT})
_SPELLINGS: Mapping[Kind, frozenset[Spelling]] = {
    **dict.fromkeys(Kind, _TEXT),
    **dict.fromkeys((Kind.INT, Kind.LONG, Kind.FLOAT, Kind.DOUBLE, Kind.DECIMAL), _NUMBER),
    Kind.BOOLEAN: frozenset({Spelling.WORD}),
}
_CASTS: Mapping[Kind, Callable[[Field, str], Any]] = {
    Kind.BOOLEAN: _boolean,
    Kind.INT: _exact,
    Kind.LONG: _exact,
    Kind.FLOAT: _float,
    Kind.DOUBLE: _double,
    Kind.STRING: _string,
    Kind.ENUM: _symbol,
    Kind.DATE: _date,
    Kind.TIME_MILLIS: _time,
    Kind.TIME_MICROS: _time,
    Kind.TIMESTAMP_MILLIS: _instant,
    Kind.TIMESTAMP_MICROS: _instant,
    Kind.LOCAL_TIMESTAMP_MILLIS: _local,
    Kind.LOCAL_TIMESTAMP_MICROS: _local,
    Kind.DECIMAL: _unscaled,
    Kind.UUID: _uuid,
}
