"""A text says a whole value exactly, or is refused with the reason."""

from __future__ import annotations

import contextlib
import datetime as dt
import uuid
from decimal import Decimal
from typing import Any

import fastavro
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gongyu_producers.json_values import json_reader
from gongyu_producers.values import BadValue, text_reader
from gongyu_schemas.fields import COMPARABLE, Field, read_fields
from tests.producers.models import type_of


def field(avro: Any) -> Field:
    return read_fields({"type": "record", "name": "R", "fields": [{"name": "f", "type": avro}]})[0]


def logical(base: str, name: str, **more: int) -> Field:
    return field({"type": base, "logicalType": name, **more})


DATE, UUID = logical("int", "date"), logical("string", "uuid")
DECIMAL = logical("bytes", "decimal", precision=6, scale=2)
MILLIS, MICROS = logical("long", "timestamp-millis"), logical("long", "timestamp-micros")
LOCAL = logical("long", "local-timestamp-millis")
TIME = logical("int", "time-millis")
ENUM = field({"type": "enum", "name": "E", "symbols": ["A", "B"]})


@pytest.mark.parametrize(
    ("of", "text", "value"),
    [
        (field("boolean"), "True", True),
        (field("boolean"), "n", False),
        (field("int"), "-2147483648", -(2**31)),
        (field("long"), "+007", 7),
        (field("double"), "1.5e3", 1500.0),
        (field("float"), ".5", 0.5),
        (field("string"), " as it is ", " as it is "),
        (ENUM, "B", "B"),
        (DATE, "1970-01-02", 1),
        (DATE, "0001-01-01", -719162),
        (TIME, "01:02:03.004", 3_723_004),
        (MILLIS, "1970-01-01T09:00:00+09:00", 0),
        (MILLIS, "1970-01-01 00:00:01.250Z", 1_250),
        (MICROS, "1969-12-31T23:59:59.999999Z", -1),
        (LOCAL, "1970-01-01T00:01", 60_000),
        (DECIMAL, "12.3", (1230).to_bytes(2, "big")),
        (DECIMAL, "-1.28", (-128).to_bytes(1, "big", signed=True)),
        (DECIMAL, "0009999.9900", (999_999).to_bytes(3, "big")),
        (DECIMAL, "-0", b"\x00"),
        (UUID, "12345678-9ABC-DEF0-1234-56789abcdef0", "12345678-9abc-def0-1234-56789abcdef0"),
        (UUID, "123456789abcdef0123456789abcdef0", "12345678-9abc-def0-1234-56789abcdef0"),
    ],
)
def test_a_text_is_read_exactly(of: Field, text: str, value: Any) -> None:
    assert text_reader(of)(text) == value


@pytest.mark.parametrize(
    ("of", "text", "reason"),
    [
        (field("boolean"), "maybe", "not a boolean"),
        (field("int"), "2147483648", "outside the range of an integer of 32 bits"),
        (field("long"), "9" * 30, "outside the range"),
        (field("long"), "9" * 5000, "too many digits"),
        (field("int"), "1_000", "not a whole number"),
        (field("int"), " 1", "not a whole number"),
        (field("int"), "١", "not a whole number"),
        (field("int"), "1.0", "not a whole number"),
        (field("double"), "1e999", "outside the range of a 64-bit"),
        (field("double"), "NaN", "not a number"),
        (field("float"), "1e39", "outside the range of a 32-bit"),
        (ENUM, "a", "not one of the symbols A, B"),
        (DATE, "2017-02-30", "no such day"),
        (DATE, "2017-02", "YYYY-MM-DD"),
        (DATE, "2017-W01", "YYYY-MM-DD"),
        (TIME, "24:00", "no such time"),
        (TIME, "01:02:03.0004", "more precise than milliseconds"),
        (MILLIS, "2020-01-01T00:00:00", "needs its offset"),
        (MILLIS, "2020-01-01T00:00:00.1234Z", "more precise than milliseconds"),
        (MILLIS, "2020-01-01T00:00:00 KST", "after the time comes an offset"),
        (MILLIS, "2020-13-01T00:00:00Z", "no such day or time"),
        (LOCAL, "2020-01-01T00:00:00Z", "without offset"),
        (DECIMAL, "1.234", "more than 2 digits after the point"),
        (DECIMAL, "12345", "more than 4 digits before the point"),
        (DECIMAL, "1e2", "not a decimal"),
        (DECIMAL, ".", "not a decimal"),
        (UUID, "{12345678-9abc-def0-1234-56789abcdef0}", "not a UUID"),
        (UUID, "1234567-89abc-def0-1234-56789abcdef0", "not a UUID"),
    ],
)
def test_a_text_that_is_no_value_is_refused_with_the_reason(of: Field, text: str, reason: str) -> None:
    with pytest.raises(BadValue, match=reason):
        text_reader(of)(text)


@given(st.dates())
def test_every_day_of_the_calendar_is_read(day: dt.date) -> None:
    assert text_reader(DATE)(day.isoformat()) == (day - dt.date(1970, 1, 1)).days


@given(st.datetimes(timezones=st.timezones()))
def test_every_moment_is_read_as_the_same_moment(moment: dt.datetime) -> None:
    offset = moment.utcoffset() or dt.timedelta()
    if offset % dt.timedelta(minutes=1):
        return  # offsets with seconds are not ISO 8601
    epoch = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
    assert text_reader(MICROS)(moment.isoformat()) == (moment - epoch) // dt.timedelta(microseconds=1)


@given(st.decimals(min_value=-9999, max_value=9999, places=2), st.uuids())
def test_decimals_and_uuids_come_back(number: Decimal, identity: uuid.UUID) -> None:
    unscaled = int.from_bytes(text_reader(DECIMAL)(f"{number:f}"), "big", signed=True)
    assert Decimal(unscaled).scaleb(-2) == number
    assert text_reader(UUID)(str(identity).upper()) == str(identity)


@given(st.text())
def test_no_text_raises_anything_but_a_reason(text: str) -> None:
    for of in (field("boolean"), field("int"), field("double"), field("float"), ENUM, DATE, TIME, MILLIS, MICROS, LOCAL, DECIMAL, UUID):
        with contextlib.suppress(BadValue):
            text_reader(of)(text)


@pytest.mark.parametrize(
    ("of", "value", "read"),
    [
        (field("long"), 5, 5),
        (field("long"), "5", 5),
        (field("double"), 5, 5.0),
        (field("double"), Decimal("0.1"), 0.1),
        (field("boolean"), True, True),
        (DECIMAL, Decimal("12.30"), (1230).to_bytes(2, "big")),
        (DECIMAL, Decimal("0E-999999"), b"\x00"),
        (DATE, "1970-01-02", 1),
        (field("string"), "가", "가"),
    ],
)
def test_a_json_value_is_read_exactly(of: Field, value: Any, read: Any) -> None:
    assert json_reader(of)(value) == read


@pytest.mark.parametrize(
    ("of", "value", "reason"),
    [
        (field("string"), 5, "a number where string"),
        (field("int"), True, "a boolean where int"),
        (field("int"), 2**31, "outside the range"),
        (field("int"), Decimal("1.0"), "not a whole number"),
        (field("double"), 10**400, "outside the range"),
        (DECIMAL, Decimal("1E+999999"), "does not fit"),
        (DECIMAL, Decimal("1E-999999"), "does not fit"),
        (DATE, 1, "a number where date"),
        (field("string"), "\ud800", "not Unicode"),
        (field("string"), ["a"], "an array or object where one value"),
    ],
)
def test_a_json_value_that_is_no_value_is_refused_with_the_reason(of: Field, value: Any, reason: str) -> None:
    with pytest.raises(BadValue, match=reason):
        json_reader(of)(value)


def test_every_kind_can_be_read() -> None:
    kinds = {
        *(field(base).kind for base in ("boolean", "int", "long", "float", "double", "string")),
        *(each.kind for each in (DATE, UUID, DECIMAL, MILLIS, MICROS, LOCAL, TIME, ENUM)),
        logical("long", "time-micros").kind,
        logical("long", "local-timestamp-micros").kind,
    }
    assert kinds == COMPARABLE
    assert fastavro.parse_schema(type_of().record_schema)
