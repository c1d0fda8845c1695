"""Arrays and maps inside records: blocks may be cut anywhere, keys stand once, and no count costs more than the message is long."""

import random
import time
from typing import Any

import numpy as np
import pytest

from gongyu_hub.engine.blocks import SEEN_COLUMNS, check_key, key_table
from gongyu_hub.engine.equality import changed_fields
from gongyu_hub.engine.faults import CROWDED_KEYS, Fault
from gongyu_hub.engine.images import locate_images
from gongyu_hub.engine.layout import Layout, compile_layout
from tests.hub.engine.flat_records import envelope
from tests.hub.nested_records import varint

NESTED = {"type": "record", "name": "In", "fields": [{"name": "a", "type": "int"}, {"name": "b", "type": ["null", "double"]}]}
FIELDS: dict[str, Any] = {
    "numbers": {"type": "array", "items": "int"},
    "names": {"type": "map", "values": "int"},
    "lists": {"type": "map", "values": {"type": "array", "items": {"type": "map", "values": "double"}}},
    "either": ["int", "double", {"type": "array", "items": "int"}],
    "maybe": ["null", NESTED],
}
MOST = b"\xfe\xff\xff\xff\xff\xff\xff\xff\xff\x01"  # 2^63 - 1
LEAST = b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"  # -2^63


def layout_of(*names: str) -> Layout:
    fields = [{"name": name, "type": FIELDS[name]} for name in names]
    return compile_layout(envelope({"type": "record", "name": "R", "namespace": "n", "fields": fields}))


def locate_all(layout: Layout, *bodies: bytes) -> tuple[bytes, Any, list[Fault]]:
    fields, reason = locate_images(layout, b"".join(bodies), np.cumsum([0] + [len(body) for body in bodies]))
    return b"".join(bodies), fields, [Fault(code) for code in reason]


def changes(names: tuple[str, ...], old: bytes, new: bytes) -> list[str]:
    layout = layout_of(*names)
    (one, one_fields, faults), (two, two_fields, more) = locate_all(layout, old), locate_all(layout, new)
    assert {*faults, *more} == {Fault.NONE}
    [[word]] = changed_fields(layout, one, one_fields, two, two_fields).tolist()
    return [field.name for index, field in enumerate(layout.fields) if word >> index & 1]


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        (b"\x04\x02\x04\x00", Fault.NONE),
        (b"\x02\x02\x02\x04\x00", Fault.NONE),
        (b"\x03\x04\x02\x04\x00", Fault.NONE),  # -2 items in 2 bytes
        (b"\x03\x02\x02\x04\x00", Fault.BAD_LENGTH),
        (b"\x03\x01\x02\x04\x00", Fault.BAD_LENGTH),
        (b"\x03" + MOST + b"\x02\x04\x00", Fault.TRUNCATED),
        (MOST + b"\x02\x00", Fault.TRUNCATED),
        (LEAST + b"\x02\x02\x00", Fault.BAD_LENGTH),
        (b"\x84\x00\x02\x04\x00", Fault.OVER_LONG),
        (b"\x04\x02\x04", Fault.TRUNCATED),
        (b"\x02\xfe\xff\xff\xff\x1f\x00", Fault.OUT_OF_RANGE),
    ],
)
def test_blocks_are_checked_like_all_else(body: bytes, fault: Fault) -> None:
    assert locate_all(layout_of("numbers"), body)[2] == [fault]


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        (b"\x04\x02a\x02\x02b\x02\x00", Fault.NONE),
        (b"\x04\x02a\x02\x02a\x04\x00", Fault.KEY_TWICE),
        (b"\x02\x02a\x02\x02\x02a\x02\x00", Fault.KEY_TWICE),  # in two blocks
        (b"\x04\x00\x02\x00\x02\x00", Fault.KEY_TWICE),  # the empty key
        (b"\x02\x02\xff\x02\x00", Fault.BAD_UTF8),
        (b"\x02\x01\x02\x00", Fault.BAD_LENGTH),
        (b"\x02\x0aa\x00", Fault.TRUNCATED),
    ],
)
def test_a_key_stands_once_in_a_map(body: bytes, fault: Fault) -> None:
    assert locate_all(layout_of("names"), body, body)[2] == [fault, fault]


def test_maps_inside_a_map_have_keys_of_their_own() -> None:
    inner = b"\x02\x02a" + bytes(8) + b"\x00"
    good = b"\x02\x02a" + b"\x04" + inner * 2 + b"\x00" + b"\x00"
    bad = b"\x02\x02a" + b"\x02" + b"\x04" + (b"\x02a" + bytes(8)) * 2 + b"\x00" + b"\x00" + b"\x00"
    assert locate_all(layout_of("lists", "names"), good + b"\x02\x02a\x02\x00", bad + b"\x00", good + b"\x00")[2] == [
        *(Fault.NONE, Fault.KEY_TWICE, Fault.NONE),
    ]


def test_two_hundred_thousand_keys_are_told_apart_in_no_time() -> None:
    keys = [f"{number}" for number in range(200_000)]
    random.Random(1).shuffle(keys)
    entries = b"".join(varint(len(key)) + key.encode() + b"\x02" for key in keys)
    body = varint(len(keys)) + entries + b"\x00"
    again = varint(len(keys) + 1) + entries + entries[: entries.index(b"\x02", 1) + 1] + b"\x00"
    layout = layout_of("names")
    began = time.process_time()
    assert locate_all(layout, body, again)[2] == [Fault.NONE, Fault.KEY_TWICE]
    assert time.process_time() - began < 2


def test_keys_that_all_meet_in_one_place_are_refused_instead_of_searched_for_ever() -> None:
    crowded = np.zeros((2, SEEN_COLUMNS), dtype=np.int64)  # two live entries and no room
    assert check_key(np.frombuffer(b"\x02a", np.uint8), 0, 0, 2, 0, crowded) == (0, CROWDED_KEYS)
    assert check_key(np.frombuffer(b"\x02a", np.uint8), 0, 0, 2, 0, key_table(2)) == (2, 0)


EQUAL = [
    (("numbers",), b"\x04\x02\x04\x00", b"\x02\x02\x02\x04\x00", True),
    (("numbers",), b"\x04\x02\x04\x00", b"\x03\x04\x02\x04\x00", True),
    (("numbers",), b"\x04\x02\x04\x00", b"\x04\x04\x02\x00", False),
    (("numbers",), b"\x04\x02\x04\x00", b"\x02\x02\x00", False),
    (("names",), b"\x04\x02a\x02\x02b\x04\x00", b"\x04\x02b\x04\x02a\x02\x00", True),
    (("names",), b"\x04\x02a\x02\x02b\x04\x00", b"\x04\x02a\x04\x02b\x02\x00", False),
    (("either",), b"\x00\x02", b"\x04\x02\x02\x00", False),
    (("either",), b"\x02" + bytes(8), b"\x02" + bytes(7) + b"\x80", True),  # 0.0 and -0.0
    (("either",), b"\x02" + bytes(6) + b"\xf8\x7f", b"\x02" + bytes(6) + b"\xf8\xff", True),  # NaN
    (("either",), b"\x04\x04\x02\x04\x00", b"\x04\x02\x02\x02\x04\x00", True),
]


@pytest.mark.parametrize(("names", "old", "new", "equal"), EQUAL)
def test_equal_is_by_value(names: tuple[str, ...], old: bytes, new: bytes, equal: bool) -> None:
    assert changes(names, old, new) == ([] if equal else [*names])
    assert layout_of(*names).loose


def test_what_lies_in_a_record_that_is_null_has_no_bytes_and_differs_from_all_values() -> None:
    body, fields, faults = locate_all(layout_of("maybe", "numbers"), b"\x00\x00", b"\x02\x0e\x00\x00", b"\x04")
    assert (body[:2], faults) == (b"\x00\x00", [Fault.NONE, Fault.NONE, Fault.BAD_BRANCH])
    assert fields.tolist()[:2] == [[0, 1, 1, 1, 2], [2, 3, 4, 5, 6]]
    assert changes(("maybe",), b"\x00", b"\x02\x00\x00") == ["maybe", "maybe.a", "maybe.b"]
    assert changes(("maybe",), b"\x02\x00\x02" + bytes(8), b"\x02\x00\x02" + bytes(7) + b"\x80") == []
    assert changes(("maybe",), b"\x00", b"\x00") == []
