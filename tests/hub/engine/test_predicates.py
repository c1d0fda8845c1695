"""Predicates on bytes say what the row text says of the values, in three-valued logic."""

import time
from decimal import Decimal
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gongyu_hub.engine.images import locate_images
from gongyu_hub.engine.layout import Layout, compile_layout
from gongyu_hub.engine.predicates import compile_predicate, evaluate
from gongyu_hub.policy.rows import parse_rows, type_rows
from gongyu_schemas.fields import Kind
from tests.hub.engine.flat_records import encode_fields, envelope, flat_schemas, record_schema, records, values
from tests.hub.engine.row_texts import row_texts

TRUTHS = {0: False, 1: True, 2: None}


def located(record: dict[str, Any], images: list[dict[str, Any] | None]) -> tuple[Layout, bytes, Any]:
    layout = compile_layout(envelope(record))
    bodies = [b"" if image is None else b"".join(encode_fields(record, image)) for image in images]
    buffer = b"".join(bodies)
    return layout, buffer, locate_images(layout, buffer, np.cumsum([0] + [len(body) for body in bodies]))[0]


def judge(text: str, layout: Layout, buffer: bytes, fields: Any) -> list[bool | None]:
    predicate = compile_predicate(type_rows(parse_rows(text), layout.fields), layout)
    return [TRUTHS[truth] for truth in evaluate(predicate, buffer, fields).tolist()]


@settings(max_examples=400, deadline=None)
@given(st.data())
def test_a_predicate_says_what_its_text_says_of_the_values(data: Any) -> None:
    record = data.draw(flat_schemas)
    images = data.draw(st.lists(records(record), min_size=1, max_size=5))
    layout, buffer, fields = located(record, images)
    compared = []
    for field in layout.fields:
        of_the_records = [image[field.name] for image in images if image[field.name] is not None]
        others = values(next(each["type"] for each in record["fields"] if each["name"] == field.name))
        compared.append((field.name, field.kind, st.sampled_from(of_the_records) | others if of_the_records else others))
    row_text = data.draw(row_texts(compared))
    assert judge(row_text.text, layout, buffer, fields) == [row_text.meaning(image) for image in images], row_text.text


def test_null_is_not_true_and_an_absent_image_is_false() -> None:
    record = record_schema([(Kind.STRING, 0), (Kind.BOOLEAN, -1)])
    located_images = located(record, [{"f0": None, "f1": True}, {"f0": "a", "f1": True}, None])
    assert judge("f0 = 'a'", *located_images) == [None, True, False]
    assert judge("NOT f0 = 'a'", *located_images) == [None, False, False]
    assert judge("f0 = 'a' OR f1 = TRUE", *located_images) == [True, True, False]
    assert judge("f0 = 'a' AND f1 = FALSE", *located_images) == [False, False, False]
    assert judge("f0 = 'a' AND f1 = TRUE", *located_images) == [None, True, False]
    assert judge("f0 IS NULL", *located_images) == [True, False, False]
    assert judge("f1 IS NULL", *located_images) == [False, False, False]
    assert judge("f0 NOT IN ('b')", *located_images) == [None, True, False]


def test_and_binds_closer_than_or_and_not_closer_than_both() -> None:
    record = record_schema([(Kind.INT, -1)])
    located_images = located(record, [{"f0": number} for number in range(4)])
    assert judge("f0 = 1 OR f0 = 2 AND f0 = 3", *located_images) == [False, True, False, False]
    assert judge("(f0 = 1 OR f0 = 2) AND f0 = 2", *located_images) == [False, False, True, False]
    assert judge("NOT f0 = 1 AND f0 <= 2", *located_images) == [True, False, True, False]
    assert judge("NOT (f0 = 1 OR NOT f0 < 3)", *located_images) == [True, False, True, False]


def test_strings_are_ordered_by_code_point() -> None:
    words = ["Z", "a", "z", "é", "가", "\uffff", "\U00010000"]
    record = record_schema([(Kind.STRING, -1)])
    located_images = located(record, [{"f0": word} for word in words])
    for place, word in enumerate(words):
        assert judge(f"f0 < '{word}'", *located_images) == [index < place for index in range(len(words))]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("f0 = 1.005", [False, False, False]),
        ("f0 <> 1.005", [True, True, True]),
        ("f0 < 1.005", [True, True, False]),
        ("f0 <= 1.005", [True, True, False]),
        ("f0 > 1.005", [False, False, True]),
        ("f0 >= 1.005", [False, False, True]),
        ("f0 < -1.5e-9", [True, False, False]),
        ("f0 > -0.5e-1000", [False, True, True]),
        ("f0 < 1e1000", [True, True, True]),
        ("f0 > 123456789012345678901234567890", [False, False, False]),
        ("f0 IN (1.00, 1.005, 1e0, +1.01)", [False, True, True]),
        ("f0 BETWEEN 0.995 AND 1.005", [False, True, False]),
    ],
)
def test_a_decimal_is_compared_exactly_with_more_digits_than_it_has(text: str, expected: list[bool]) -> None:
    """Values -1.00, 1.00 and 1.01, the last two with sign bytes that they do not need."""
    kind = {"type": "bytes", "logicalType": "decimal", "precision": 5, "scale": 2}
    record = {"type": "record", "name": "R", "namespace": "n", "fields": [{"name": "f0", "type": kind}]}
    layout = compile_layout(envelope(record))
    buffer = b"\x02\x9c" + b"\x04\x00\x64" + b"\x06\x00\x00\x65"
    fields, reason = locate_images(layout, buffer, [0, 2, 5, 9])
    assert not reason.any()
    assert judge(text, layout, buffer, fields) == expected


@pytest.mark.thorough
def test_a_list_of_100_000_values_is_compiled_and_searched_quickly() -> None:
    record = record_schema([(Kind.LONG, -1), (Kind.STRING, -1), (Kind.DECIMAL, -1)])
    images = [{"f0": number, "f1": f"{number:07d}", "f2": Decimal(number)} for number in range(2000)]
    located_images = located(record, images)
    began = time.process_time()
    for name, form in (("f0", "{}"), ("f1", "'{:07d}'"), ("f2", "{}")):
        listed = ", ".join(form.format(number) for number in reversed(range(0, 200_000, 2)))
        found = judge(f"{name} NOT IN ({listed})", *located_images)
        assert found == [number % 2 == 1 for number in range(2000)]
    assert time.process_time() - began < 30


def test_the_depth_of_a_text_costs_no_stack() -> None:
    record = record_schema([(Kind.INT, -1)])
    located_images = located(record, [{"f0": 1}, {"f0": 2}])
    assert judge("(" * 5000 + "f0 = 1" + ")" * 5000, *located_images) == [True, False]
    assert judge("NOT " * 100 + "f0 = 1", *located_images) == [True, False]
    assert judge(" OR ".join(["f0 = 7"] * 5000 + ["f0 = 1"]), *located_images) == [True, False]


def test_a_text_that_was_typed_for_other_fields_is_refused() -> None:
    layout = compile_layout(envelope(record_schema([(Kind.INT, -1)])))
    other = compile_layout(envelope(record_schema([(Kind.LONG, -1)])))
    with pytest.raises(ValueError, match="other fields"):
        compile_predicate(type_rows(parse_rows("f0 = 1"), other.fields), layout)
