"""Values: Avro's numbers and bytes become Python's values, exactly, whatever the number."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from decimal import Decimal, localcontext
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gongyu_consumers.values import convert_image, converters, json_image, sqlite_value
from gongyu_schemas.fields import Field, Kind


def converted(kind: Kind, value: Any, scale: int = 0) -> Any:
    return convert_image({"x": value}, converters((Field("x", kind, scale=scale),)))["x"]


@pytest.mark.parametrize(
    ("kind", "value", "expected"),
    [
        (Kind.DATE, 0, date(1970, 1, 1)),
        (Kind.DATE, -719162, date(1, 1, 1)),
        (Kind.DATE, -719163, -719163),
        (Kind.DATE, 2**31 - 1, 2**31 - 1),
        (Kind.TIME_MILLIS, 86_399_999, time(23, 59, 59, 999_000)),
        (Kind.TIME_MILLIS, 86_400_000, 86_400_000),
        (Kind.TIME_MICROS, -1, -1),
        (Kind.TIMESTAMP_MILLIS, -1, datetime(1969, 12, 31, 23, 59, 59, 999_000, tzinfo=UTC)),
        (Kind.TIMESTAMP_MICROS, 2**63 - 1, 2**63 - 1),
        (Kind.TIMESTAMP_MILLIS, -(2**63), -(2**63)),
        (Kind.LOCAL_TIMESTAMP_MICROS, 1, datetime(1970, 1, 1, 0, 0, 0, 1)),  # noqa: DTZ001 - a local time
        (Kind.UUID, "00000000-0000-0000-0000-000000000001", UUID(int=1)),
        (Kind.UUID, "no", "no"),
        (Kind.LONG, 5, 5),
        (Kind.DATE, None, None),
    ],
)
def test_logical_types_become_python_values(kind: Kind, value: Any, expected: Any) -> None:
    assert converted(kind, value) == expected
    assert type(converted(kind, value)) is type(expected)


@given(st.integers(), st.integers(0, 40))
def test_decimals_are_exact_whatever_the_context(unscaled: int, scale: int) -> None:
    data = unscaled.to_bytes((unscaled.bit_length() + 8) // 8, "big", signed=True)
    with localcontext(prec=3):
        value = converted(Kind.DECIMAL, data, scale)
        text = sqlite_value(value)
    assert value.as_tuple().exponent == -scale
    assert isinstance(text, str)
    assert Decimal(text) == value
    assert int(text.replace(".", "")) == unscaled


@given(
    st.one_of(st.integers(-(2**63), 2**63 - 1), st.floats(), st.booleans(), st.text(), st.dates(), st.datetimes(), st.times(), st.none())
)
def test_every_value_has_an_exact_json_and_sqlite_form(value: Any) -> None:
    image = json_image({"x": value})
    assert image is not None
    if isinstance(value, float):
        assert str(float(image["x"])) == str(value)
    elif isinstance(value, int) and not isinstance(value, bool):
        assert int(image["x"]) == value
        assert isinstance(image["x"], str) == (abs(value) >= 2**53)
    assert isinstance(sqlite_value(value), (int, float, str, type(None)))
