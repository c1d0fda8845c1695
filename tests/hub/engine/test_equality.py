"""Which fields differ is decided by value."""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gongyu_hub.engine.equality import changed_fields
from gongyu_hub.engine.images import locate_images
from gongyu_hub.engine.layout import Layout, compile_layout
from gongyu_schemas.fields import Kind
from tests.hub.engine.flat_records import encode_fields, envelope, flat_schemas, record_schema, records, values


def locate_all(layout: Layout, bodies: list[bytes]) -> tuple[bytes, Any]:
    buffer = b"".join(bodies)
    fields, reason = locate_images(layout, buffer, np.cumsum([0] + [len(body) for body in bodies]))
    assert not reason.any()
    return buffer, fields


def as_sets(changed: Any, count: int) -> list[set[int]]:
    return [{index for index in range(count) if int(row[index // 64]) >> (index % 64) & 1} for row in changed]


def same_value(one: Any, two: Any) -> bool:
    if isinstance(one, float) and isinstance(two, float):
        return one == two or (math.isnan(one) and math.isnan(two))
    return bool(one == two)


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_the_changed_fields_are_those_whose_values_differ(data: Any) -> None:
    record = data.draw(flat_schemas)
    layout = compile_layout(envelope(record))
    old = data.draw(st.lists(st.none() | records(record), min_size=1, max_size=4))
    new = []
    for image in old:
        other = data.draw(st.none() | records(record))
        for field in record["fields"]:
            if image is not None and other is not None and data.draw(st.booleans()):
                other[field["name"]] = data.draw(st.sampled_from([image[field["name"]]]) | values(field["type"]))
        new.append(other)
    write = [b"" if image is None else b"".join(encode_fields(record, image)) for image in old]
    rewrite = [b"" if image is None else b"".join(encode_fields(record, image)) for image in new]
    changed = changed_fields(layout, *locate_all(layout, write), *locate_all(layout, rewrite))
    names = [field["name"] for field in record["fields"]]
    expected = [
        {i for i, name in enumerate(names) if a is None or b is None or not same_value(a[name], b[name])}
        for a, b in zip(old, new, strict=True)
    ]
    assert as_sets(changed, len(names)) == expected


EQUAL = [
    (Kind.DOUBLE, "0000000000000000", "0000000000000080", True),
    (Kind.DOUBLE, "000000000000f87f", "010000000000f8ff", True),
    (Kind.DOUBLE, "000000000000f87f", "000000000000f07f", False),
    (Kind.DOUBLE, "0100000000000000", "0000000000000000", False),
    (Kind.FLOAT, "00000000", "00000080", True),
    (Kind.FLOAT, "0100807f", "0000c0ff", True),
    (Kind.FLOAT, "0000807f", "000080ff", False),
    (Kind.DECIMAL, "0205", "080000" + "0005", True),
    (Kind.DECIMAL, "02fb", "06fffffb", True),
    (Kind.DECIMAL, "0280", "04ff80", True),
    (Kind.DECIMAL, "0280", "040080", False),
    (Kind.DECIMAL, "0200", "040000", True),
    (Kind.DECIMAL, "0201", "0402" + "01", False),
    (Kind.DECIMAL, "02ff", "0200", False),
]


@pytest.mark.parametrize(("kind", "one", "two", "equal"), EQUAL)
@pytest.mark.parametrize("null_branch", [-1, 0, 1])
def test_other_bytes_of_an_equal_number_are_no_change(kind: Kind, one: str, two: str, equal: bool, null_branch: int) -> None:
    layout = compile_layout(envelope(record_schema([(kind, null_branch)])))
    branch = {-1: b"", 0: b"\x02", 1: b"\x00"}[null_branch]
    old, new = branch + bytes.fromhex(one), branch + bytes.fromhex(two)
    null = bytes([2 * null_branch]) if null_branch >= 0 else new
    changed = changed_fields(layout, *locate_all(layout, [old, old]), *locate_all(layout, [new, null]))
    assert changed[0, 0] == (0 if equal else 1)
    assert changed[1, 0] == (1 if null_branch >= 0 or not equal else 0)
    assert layout.loose


def test_more_than_64_fields_take_several_words_and_an_absent_image_changes_all() -> None:
    layout = compile_layout(envelope(record_schema([(Kind.INT, -1)] * 130)))
    old, new = bytearray(130), bytearray(130)
    new[0] = new[64] = new[129] = 2
    changed = changed_fields(layout, *locate_all(layout, [bytes(old), b""]), *locate_all(layout, [bytes(new), bytes(new)]))
    assert as_sets(changed, 192) == [{0, 64, 129}, set(range(130))]
    assert changed.shape == (2, 3)
    assert not layout.loose


def test_a_different_number_of_images_is_refused() -> None:
    layout = compile_layout(envelope(record_schema([(Kind.INT, -1)])))
    with pytest.raises(ValueError, match="2 old images"):
        changed_fields(layout, *locate_all(layout, [b"\0", b"\0"]), *locate_all(layout, [b"\0"]))
