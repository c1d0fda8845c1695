"""One JSON value -> one Avro value, or `BadValue`. A JSON text is read as a cell of a file would be (`values`).

JSON's own numbers and booleans count only for kinds that they say exactly; a number is never taken for a text, nor a
date from a number.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from gongyu_producers.compound_values import JsonReader, compound_reader
from gongyu_producers.json_lines import parse_json
from gongyu_producers.values import BadValue, in_range, text_reader, to_float
from gongyu_schemas.fields import COMPOUND, Field, Kind


def json_reader(field: Field) -> JsonReader:
    """The function that reads this field's JSON values other than null; it raises BadValue."""
    if field.kind in COMPOUND:
        return compound_reader(field, json_reader)
    from_text = text_reader(field)
    from_number = _number_reader(field, from_text)

    def read(value: Any) -> Any:
        if isinstance(value, str):
            if not value.isascii():
                _require_unicode(value)
            return from_text(value)
        if isinstance(value, bool):
            if field.kind is Kind.BOOLEAN:
                return value
            raise BadValue(f"a boolean where {field.kind.value} is expected")
        if isinstance(value, int | Decimal):
            return from_number(value)
        raise BadValue("an array or object where one value is expected")

    return read


def cell_reader(field: Field) -> Callable[[str], Any]:
    """The function that reads this field's cells of a delimited file: arrays, maps and unions are JSON there."""
    if field.kind not in COMPOUND:
        return text_reader(field)
    read_json = compound_reader(field, json_reader)

    def read(text: str) -> Any:
        try:
            value = parse_json(text)
        except ValueError as error:
            raise BadValue(str(error)) from error
        if value is None:
            raise BadValue("null in JSON: write it as this file writes null")
        return read_json(value)

    return read


def _number_reader(field: Field, from_text: Callable[[str], Any]) -> Callable[[int | Decimal], Any]:
    if field.kind in (Kind.INT, Kind.LONG):
        bits = 32 if field.kind is Kind.INT else 64
        return lambda number: _integer(number, bits)
    if field.kind is Kind.DOUBLE:
        return _double
    if field.kind is Kind.FLOAT:
        return lambda number: to_float(_double(number))
    if field.kind is Kind.DECIMAL:
        return lambda number: from_text(_digits(number, field.precision, field.scale))

    def refuse(_number: int | Decimal) -> Any:
        raise BadValue(f"a number where {field.kind.value} is expected")

    return refuse


def _integer(number: int | Decimal, bits: int) -> int:
    if isinstance(number, Decimal):
        raise BadValue("not a whole number")
    return in_range(number, bits)


def _double(number: int | Decimal) -> float:
    try:
        converted = float(number)
    except OverflowError:
        converted = math.inf
    if not math.isfinite(converted):
        raise BadValue("outside the range of a 64-bit floating-point number")
    return converted


def _digits(number: int | Decimal, precision: int, scale: int) -> str:
    exact = Decimal(number)
    if not exact:
        return "0"
    # Bounds the digits that are written out: 1E+999999 is short as JSON.
    if not -scale - precision <= exact.adjusted() <= precision:
        raise BadValue(f"does not fit {precision} digits with {scale} after the point")
    return f"{exact:f}"


def _require_unicode(text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise BadValue("not Unicode text: half of a surrogate pair") from error
