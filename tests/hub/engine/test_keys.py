"""Keys on bytes: joined fields, partitions, equal ranges, numbers."""

import itertools
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gongyu_hub.engine.images import locate_images
from gongyu_hub.engine.keys import integer_field, join_fields, murmur2_partitions, same_ranges
from gongyu_hub.engine.layout import compile_layout
from gongyu_schemas.fields import Kind
from gongyu_schemas.partitioner import partition_of
from tests.hub.engine.flat_records import encode, encode_fields, envelope, flat_schemas, record_schema, records


def borders(parts: list[bytes]) -> Any:
    return np.cumsum([0] + [len(part) for part in parts])


def cut(buffer: Any, starts: Any) -> list[bytes]:
    return [buffer[start:end].tobytes() for start, end in itertools.pairwise(starts)]


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_joined_fields_are_the_avro_record_of_these_fields(data: Any) -> None:
    record = data.draw(flat_schemas)
    images = data.draw(st.lists(st.none() | records(record), max_size=4))
    which = data.draw(st.lists(st.integers(0, len(record["fields"]) - 1), max_size=4))
    bodies = [b"" if image is None else b"".join(encode_fields(record, image)) for image in images]
    buffer = b"".join(bodies)
    fields, _ = locate_images(compile_layout(envelope(record)), buffer, borders(bodies))
    out, starts = join_fields(buffer, fields, np.array(which, dtype=np.int32))
    declared = [{**record["fields"][index], "name": f"k{place}"} for place, index in enumerate(which)]
    expected = [
        b"" if image is None else b"".join(encode(each["type"], image[f"f{index}"]) for each, index in zip(declared, which, strict=True))
        for image in images
    ]
    assert cut(out, starts) == expected


def test_a_field_that_does_not_exist_cannot_be_joined() -> None:
    with pytest.raises(ValueError, match="between 0 and 1"):
        join_fields(b"", np.zeros((0, 3)), [2])


@settings(max_examples=200, deadline=None)
@given(st.lists(st.binary(max_size=40), max_size=5), st.integers(1, 100))
def test_a_key_goes_to_the_partition_that_kafka_gives_it(keys: list[bytes], partitions: int) -> None:
    found = murmur2_partitions(b"".join(keys), borders(keys), partitions)
    assert found.tolist() == [partition_of(key, partitions) for key in keys]
    assert found.dtype == np.int32


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(st.binary(max_size=20), st.binary(max_size=20), st.booleans()), max_size=5))
def test_ranges_are_the_same_exactly_if_their_bytes_are(pairs: list[tuple[bytes, bytes, bool]]) -> None:
    one = [a for a, _, _ in pairs]
    two = [a if same else b for a, b, same in pairs]
    found = same_ranges(b"".join(one), borders(one), b"".join(two), borders(two))
    assert found.tolist() == [a == b for a, b in zip(one, two, strict=True)]


@settings(max_examples=100, deadline=None)
@given(st.lists(st.none() | st.integers(-(2**63), 2**63 - 1), max_size=6), st.sampled_from([0, 1]))
def test_a_number_is_read_from_its_field(numbers: list[int | None], null_branch: int) -> None:
    record = record_schema([(Kind.STRING, -1), (Kind.LONG, null_branch)])
    layout = compile_layout(envelope(record))
    bodies = [b"".join(encode_fields(record, {"f0": "x", "f1": number})) for number in numbers] + [b""]
    fields, _ = locate_images(layout, b"".join(bodies), borders(bodies))
    assert integer_field(layout, 1, b"".join(bodies), fields).tolist() == [number or 0 for number in numbers] + [0]
