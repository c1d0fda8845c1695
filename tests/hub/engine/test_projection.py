"""Deliveries: a fastavro reader with the view's schema reads exactly the granted values."""

import io
from typing import Any

import fastavro
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gongyu_hub.engine.images import locate, locate_images
from gongyu_hub.engine.layout import compile_layout
from gongyu_hub.engine.projection import build_deliveries
from gongyu_schemas.envelope import LEFT, ViewTerms, owner_envelope, view_envelope
from gongyu_schemas.fields import read_fields
from gongyu_schemas.information_type import InformationType, Publishing, Title
from gongyu_schemas.wire import unframe
from tests.hub.engine.flat_records import changes, encode, encode_fields, flat_schemas, records

HEADER = b"\x00\x00\x00\x01\x02"


def information_type(record: dict[str, Any]) -> InformationType:
    fields = read_fields(record)
    return InformationType(
        name="thing",
        owner="office",
        title=Title(ko="것", en="thing"),
        key=("f0",),
        subject=("f0",),
        version=None,
        partitions=4,
        classification={field.name: "public" for field in fields},
        record_schema=record,
        fields=fields,
        publishing=Publishing(),
    )


def terms(fields: tuple[str, ...]) -> ViewTerms:
    return ViewTerms("bank", "things", 1, fields, {"code": "c", "text": "t"}, {"statute": "s", "article": "a"})


def read_with(schema: Any, body: bytes) -> Any:
    source = io.BytesIO(body)
    datum = fastavro.schemaless_reader(source, fastavro.parse_schema(schema), None)
    assert source.read() == b""
    return datum


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_a_view_holds_the_granted_fields_of_its_images_and_nothing_else(data: Any) -> None:
    kind = information_type(data.draw(flat_schemas))
    record, schema = kind.record_schema, owner_envelope(kind)
    layout = compile_layout(schema)
    granted = sorted(data.draw(st.sets(st.integers(0, len(layout.fields) - 1), min_size=1)))
    names = tuple(layout.fields[index].name for index in granted)
    batch = data.draw(st.lists(changes(record), min_size=1, max_size=4))
    old = [data.draw(st.none() | records(record)) for _ in batch]
    bodies = [encode(schema, change) for change in batch]
    images = [b"" if image is None else b"".join(encode_fields(record, image)) for image in old]
    buffer = b"".join(bodies)
    found = locate(layout, buffer, np.cumsum([0] + [len(body) for body in bodies]))
    old_fields, _ = locate_images(layout, b"".join(images), np.cumsum([0] + [len(image) for image in images]))
    rows = data.draw(st.lists(st.integers(0, len(batch) - 1), max_size=6))
    ops = data.draw(st.lists(st.sampled_from("crud"), min_size=len(rows), max_size=len(rows)))
    numbers = [data.draw(st.integers(0, 2**31 - 1)) for _ in batch]
    offsets = [data.draw(st.integers(0, 2**63 - 1)) for _ in batch]
    new_fields = np.where(found.after[:, :1] >= 0, found.fields, -1)
    codes = np.frombuffer("".join(ops).encode(), dtype=np.uint8)
    out, starts = build_deliveries(
        rows, codes, HEADER, granted, b"".join(images), old_fields, buffer, new_fields, found.ts_ms, numbers, offsets, buffer, found.act
    )
    view = view_envelope(kind, terms(names))
    for place, (row, op) in enumerate(zip(rows, ops, strict=True)):
        message = out[starts[place] : starts[place + 1]].tobytes()
        assert message[:5] == HEADER
        expected = {
            "before": shown(names, old[row]) if op in "du" else None,
            "after": shown(names, batch[row]["after"]) if op in "cru" else None,
            "op": op,
            "ts_ms": batch[row]["ts_ms"],
            "source": {
                "partition": numbers[row],
                "offset": offsets[row],
                "reason": LEFT if op == "d" else None,
                "act": batch[row]["source"]["act"],
            },
            "copy": None,
        }
        assert unframe(message)[1] == encode(view, expected)
        assert repr(read_with(view, message[5:])) == repr(read_with(view, encode(view, expected)))


def shown(names: tuple[str, ...], image: dict[str, Any] | None) -> dict[str, Any] | None:
    return None if image is None else {name: image[name] for name in names}


def build(**changed: Any) -> Any:
    zero = np.zeros(1, dtype=np.int64)
    arguments: dict[str, Any] = {
        "rows": zero,
        "ops": np.array([ord("d")], dtype=np.uint8),
        "header": HEADER,
        "granted": [0],
        "old_buffer": b"\x02",
        "old_fields": [[0, 1]],
        "new_buffer": b"",
        "new_fields": [[-1, -1]],
        "ts_ms": zero,
        "partition": zero,
        "offset": zero,
        "act_buffer": b"",
        "act": [[-1, -1]],
    }
    return build_deliveries(**arguments | changed)


def test_the_reason_of_a_d_is_given_and_may_be_left_out() -> None:
    assert build()[0].tobytes() == HEADER + b"\x02\x02\x00\x02d\x00\x00\x00\x02\x08left\x00\x00"
    assert build(left=b"retracted")[0].tobytes() == HEADER + b"\x02\x02\x00\x02d\x00\x00\x00\x02\x12retracted\x00\x00"
    assert build(left=b"")[0].tobytes() == HEADER + b"\x02\x02\x00\x02d\x00\x00\x00\x00\x00\x00"


def test_no_rows_give_no_bytes() -> None:
    out, starts = build(rows=[], ops=[])
    assert (out.size, starts.tolist()) == (0, [0])


@pytest.mark.parametrize(
    "changed",
    [{"rows": [1]}, {"rows": [-1]}, {"header": b"1234"}, {"granted": [1]}, {"ts_ms": [1, 2]}, {"ops": []}, {"old_fields": [[0, 2]]}],
)
def test_arrays_that_do_not_fit_together_are_refused(changed: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"rows|indices|outside the buffer"):
        build(**changed)
