"""Located images: the byte ranges are those that fastavro writes, field by field."""

import itertools
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gongyu_hub.engine.faults import Fault
from gongyu_hub.engine.images import Located, locate, locate_images
from gongyu_hub.engine.layout import Layout, compile_layout
from gongyu_schemas.fields import Kind
from tests.hub.engine.flat_records import changes, encode, encode_fields, envelope, flat_schemas, record_schema, records


def borders(parts: list[bytes]) -> list[int]:
    return np.cumsum([0] + [len(part) for part in parts]).tolist()


def ranges(buffer: bytes, fields: list[int]) -> list[bytes]:
    return [buffer[start:end] for start, end in itertools.pairwise(fields)]


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_the_ranges_are_the_bytes_that_fastavro_writes_field_by_field(data: Any) -> None:
    record = data.draw(flat_schemas)
    schema = envelope(record)
    batch = data.draw(st.lists(changes(record), max_size=4))
    bodies = [encode(schema, change) for change in batch]
    buffer = b"".join(bodies)
    found = locate(compile_layout(schema), buffer, borders(bodies))
    assert found.reason.tolist() == [0] * len(batch)
    for row, change in enumerate(batch):
        shown = change["after"] if change["after"] is not None else change["before"]
        if shown is None:
            assert set(found.fields[row].tolist()) == {-1}
        else:
            assert ranges(buffer, found.fields[row].tolist()) == encode_fields(record, shown)
        for name, place in (("before", found.before), ("after", found.after)):
            start, end = place[row].tolist()
            if change[name] is None:
                assert (start, end) == (-1, -1)
            else:
                assert buffer[start:end] == b"".join(encode_fields(record, change[name]))
        assert found.op[row] == (ord(change["op"]) if len(change["op"].encode()) == 1 else 0)
        assert found.ts_ms[row] == change["ts_ms"]
        start, end = found.act[row].tolist()
        assert buffer[start:end] == encode(["null", "string"], change["source"]["act"])


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_bare_images_are_located_alike_and_empty_ones_are_absent(data: Any) -> None:
    record = data.draw(flat_schemas)
    images = data.draw(st.lists(st.none() | records(record), max_size=4))
    bodies = [b"" if image is None else b"".join(encode_fields(record, image)) for image in images]
    buffer = b"".join(bodies)
    fields, reason = locate_images(compile_layout(envelope(record)), buffer, borders(bodies))
    assert not reason.any()
    for row, image in enumerate(images):
        if image is None:
            assert set(fields[row].tolist()) == {-1}
        else:
            assert ranges(buffer, fields[row].tolist()) == encode_fields(record, image)


ONE_OF_EACH = [
    (Kind.STRING, b"\x02a", b"\x02\xc3", Fault.BAD_UTF8, 1),
    (Kind.STRING, b"\x02a", b"\x06a\xed\xa0", Fault.BAD_UTF8, 2),  # cut inside a character
    (Kind.STRING, b"\x02a", b"\x08a\xed\xa0\x80", Fault.BAD_UTF8, 2),  # a surrogate
    (Kind.STRING, b"\x02a", b"\x04\xc0\x80", Fault.BAD_UTF8, 1),  # an overlong zero
    (Kind.STRING, b"\x02a", b"\x08\xf4\x90\x80\x80", Fault.BAD_UTF8, 1),  # above U+10FFFF
    (Kind.STRING, b"\x02a", b"\x01", Fault.BAD_LENGTH, 0),
    (Kind.STRING, b"\x02a", b"\xfe\xff\xff\xff\xff\xff\xff\xff\xff\x01a", Fault.TRUNCATED, 0),  # 2^63 - 1 bytes
    (Kind.STRING, b"\x02a", b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01a", Fault.BAD_LENGTH, 0),  # -2^63 bytes
    (Kind.STRING, b"\x02a", b"\x82\x00a", Fault.OVER_LONG, 0),
    (Kind.INT, b"\x02", b"\x80\x80\x80\x80\x10", Fault.OUT_OF_RANGE, 0),  # 2^31
    (Kind.INT, b"\x02", b"\x80\x00", Fault.OVER_LONG, 0),
    (Kind.LONG, b"\x02", b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02", Fault.OUT_OF_RANGE, 0),
    (Kind.LONG, b"\x02", b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", Fault.OVER_LONG, 0),
    (Kind.LONG, b"\x02", b"\xff\xff", Fault.TRUNCATED, 0),
    (Kind.BOOLEAN, b"\x01", b"\x02", Fault.BAD_BOOLEAN, 0),
    (Kind.ENUM, b"\x04", b"\x06", Fault.BAD_ENUM, 0),
    (Kind.ENUM, b"\x04", b"\x01", Fault.BAD_ENUM, 0),
    (Kind.DATE, b"\x00", b"\xfe\xff\xff\xff\x0f", Fault.OUT_OF_RANGE, 0),
    (Kind.TIME_MILLIS, b"\x00", b"\x01", Fault.OUT_OF_RANGE, 0),
    (Kind.TIMESTAMP_MICROS, b"\x00", b"\xfe\xff\xff\xff\xff\xff\xff\xff\xff\x01", Fault.OUT_OF_RANGE, 0),
    (Kind.DOUBLE, bytes(8), bytes(7), Fault.TRUNCATED, 0),
    (Kind.DECIMAL, b"\x02\x05", b"\x00", Fault.BAD_LENGTH, 0),
    (Kind.DECIMAL, b"\x02\x05", b"\x0c\x00\xe8\xd4\xa5\x10\x00", Fault.OUT_OF_RANGE, 1),  # 10^12 with precision 12
    (Kind.UUID, b"\x48" + b"0" * 8 + b"-0000-0000-0000-" + b"0" * 12, b"\x48" + b"0" * 36, Fault.BAD_UUID, 9),
    (Kind.UUID, b"\x48" + b"0" * 8 + b"-0000-0000-0000-" + b"0" * 12, b"\x48" + b"A" * 36, Fault.BAD_UUID, 1),
    (Kind.UUID, b"\x48" + b"0" * 8 + b"-0000-0000-0000-" + b"0" * 12, b"\x00", Fault.BAD_UUID, 1),
]


def locate_field(kind: Kind, field: bytes) -> Located:
    layout = compile_layout(envelope(record_schema([(kind, -1)])))
    body = b"\x00\x02" + field + b"\x02c\x02\x02s\x00\x00"
    if field in {bad for _, _, bad, fault, _ in ONE_OF_EACH if fault is Fault.TRUNCATED}:
        body = b"\x00\x02" + field
    return locate(layout, body, [0, len(body)])


@pytest.mark.parametrize(("kind", "good", "bad", "fault", "place"), ONE_OF_EACH)
def test_bytes_that_are_no_value_of_their_kind_are_a_fault_at_their_place(
    kind: Kind, good: bytes, bad: bytes, fault: Fault, place: int
) -> None:
    assert locate_field(kind, good).reason.tolist() == [0]
    found = locate_field(kind, bad)
    assert (Fault(found.reason[0]), found.place[0]) == (fault, 2 + place)
    assert fault.text


@pytest.fixture
def layout() -> Layout:
    return compile_layout(envelope(record_schema([(Kind.LONG, 0)])))


GOOD = b"\x00\x02\x02\x02\x02c\x02\x02s\x00\x00"


@pytest.mark.parametrize(
    ("body", "fault", "place"),
    [
        (b"", Fault.TRUNCATED, 0),
        (GOOD + b"\x00", Fault.TRAILING, len(GOOD)),
        (b"\x04" + GOOD[1:], Fault.BAD_BRANCH, 0),
        (b"\x01" + GOOD[1:], Fault.BAD_BRANCH, 0),
        (b"\x80\x00" + GOOD[1:], Fault.OVER_LONG, 0),
        (b"\x00\x02\x06" + GOOD[3:], Fault.BAD_BRANCH, 2),
    ],
)
def test_a_bad_envelope_is_a_fault_at_its_place_and_its_neighbours_are_not_touched(
    layout: Layout, body: bytes, fault: Fault, place: int
) -> None:
    bodies = [GOOD, body, GOOD]
    found = locate(layout, b"".join(bodies), borders(bodies))
    assert found.reason.tolist() == [0, fault, 0]
    assert found.place.tolist() == [0, place, 0]
    assert found.op.tolist() == [ord("c"), 0, ord("c")]
    assert found.fields[1].tolist() == [-1, -1]
    assert found.fields[2].tolist() == [2 + len(GOOD) + len(body), 4 + len(GOOD) + len(body)]


def test_a_bad_image_has_its_reason(layout: Layout) -> None:
    fields, reason = locate_images(layout, b"\x02\x02\x04\x00\x00\x00", [0, 2, 3, 3, 5, 6])
    assert reason.tolist() == [0, Fault.BAD_BRANCH, 0, Fault.TRAILING, 0]
    assert fields.tolist() == [[0, 2], [-1, -1], [-1, -1], [-1, -1], [5, 6]]


@pytest.mark.parametrize("starts", [[0, 99], [-1, 3], [3, 1], [], [[0]]])
def test_borders_outside_the_buffer_are_refused(layout: Layout, starts: Any) -> None:
    with pytest.raises(ValueError, match=r"borders of the ranges|dimensions expected"):
        locate(layout, GOOD, starts)
