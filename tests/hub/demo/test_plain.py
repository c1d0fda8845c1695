"""Plain values: one canonical encoding, equality and order of the logical type."""

from __future__ import annotations

import struct
from typing import Any

import pytest

from gongyu_hub.demo.plain import Codec, NotPlain, image_reader
from gongyu_schemas.fields import read_fields


def record(*types: Any) -> dict[str, Any]:
    return {"type": "record", "name": "R", "fields": [{"name": f"f{i}", "type": each} for i, each in enumerate(types)]}


def image(schema: dict[str, Any], body: bytes) -> dict[str, Any]:
    return image_reader(read_fields(schema))(Codec(schema).decode(body))


@pytest.mark.parametrize(
    ("schema", "body"),
    [
        ("long", b"\x80\x00"),
        ("long", b""),
        ("long", b"\x02\x00"),
        ("long", b"\xff" * 10 + b"\x01"),
        ("boolean", b"\x02"),
        ("string", b"\x02\xff"),
        ("string", b"\x06\xed\xa0\x80"),
        ("string", b"\x04\xc0\x80"),
        ("string", b"\x01a"),
        ("string", b"\xfe\xff\xff\xff\xff\xff\xff\xff\xff\x01"),
        (["null", "string"], b"\x04"),
        (["null", "string"], b"\x01\x02a"),
        ({"type": "enum", "name": "E", "symbols": ["A", "B"]}, b"\x04"),
        ({"type": "enum", "name": "E", "symbols": ["A", "B"]}, b"\x01"),
        ("int", b"\x80\x80\x80\x80\x20"),
        ({"type": "string", "logicalType": "uuid"}, b"\x48" + b"0000000A-0000-0000-0000-000000000000"[:36]),
        ({"type": "string", "logicalType": "uuid"}, b"\x02a"),
    ],
)
def test_an_encoding_that_is_not_canonical_is_refused(schema: Any, body: bytes) -> None:
    with pytest.raises(NotPlain):
        image(record(schema), body)


DAY = {"type": "int", "logicalType": "date"}
MOMENT = {"type": "long", "logicalType": "timestamp-micros"}
CLOCK = {"type": "int", "logicalType": "time-millis"}
FIRST_DAY, LAST_DAY, DAY_US = -719_162, 2_932_896, 86_400_000_000


@pytest.mark.parametrize(
    ("schema", "first", "last"),
    [(DAY, FIRST_DAY, LAST_DAY), (MOMENT, FIRST_DAY * DAY_US, (LAST_DAY + 1) * DAY_US - 1), (CLOCK, 0, 86_399_999)],
)
def test_dates_and_times_that_no_reader_s_type_can_hold_are_not_plain(schema: Any, first: int, last: int) -> None:
    codec = Codec(record(schema))
    for value in (first, last):
        assert image(record(schema), codec.encode({"f0": value})) == {"f0": value}
    for value in (first - 1, last + 1):
        with pytest.raises(NotPlain, match="every reader"):
            image(record(schema), codec.encode({"f0": value}))


def test_a_decimal_with_more_digits_than_its_precision_is_not_plain() -> None:
    schema = record({"type": "bytes", "logicalType": "decimal", "precision": 2, "scale": 0})
    assert image(schema, b"\x02\x63") == {"f0": 99}
    with pytest.raises(NotPlain):
        image(schema, b"\x02\x64")


def test_every_nan_is_one_value_and_minus_zero_is_zero() -> None:
    schema = record("double")
    quiet, other = struct.pack("<Q", 0x7FF8000000000000), struct.pack("<Q", 0xFFF0000000000001)
    assert image(schema, quiet) == image(schema, other) == {"f0": (True, 0.0)}
    assert image(schema, struct.pack("<d", -0.0)) == image(schema, struct.pack("<d", 0.0))
    assert image(schema, quiet)["f0"] > image(schema, struct.pack("<d", float("inf")))["f0"]


def test_a_signalling_float_nan_keeps_its_bits() -> None:
    assert image(record("float"), b"\x01\x00\x80\x7f") == {"f0": (True, 0.0)}


def test_a_decimal_is_its_number_however_many_sign_bytes_it_has() -> None:
    schema = record({"type": "bytes", "logicalType": "decimal", "precision": 9, "scale": 2})
    assert image(schema, b"\x02\xff") == image(schema, b"\x06\xff\xff\xff") == {"f0": -1}
    assert image(schema, b"\x02\x00") == image(schema, b"\x04\x00\x00") == {"f0": 0}
    with pytest.raises(NotPlain):
        image(schema, b"\x00")
