"""Row text judged part by part: the engine's own results, at their places, with the parts that settle the whole."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from gongyu_hub.engine.images import locate_images
from gongyu_hub.engine.layout import compile_layout
from gongyu_hub.operating.clauses import judge
from gongyu_hub.values import joined
from gongyu_schemas.envelope import owner_envelope
from tests.hub.building import encode, load

PERSON = load("person")
ROW = {"id": "p1", "name": "Kim", "region": None, "income": 100, "score": 1.5, "fee": Decimal("1.00")}


def judged(text: str, **changes: Any) -> list[tuple[str, str, str, bool]]:
    """(line:column, text, result, settles) of each part, indented by its depth."""
    layout = compile_layout(owner_envelope(PERSON))
    _, buffer, starts = joined([encode(PERSON.record_schema, {**ROW, **changes})])
    fields, _ = locate_images(layout, buffer, starts)
    found = judge(text, layout, buffer, fields)
    return [(f"{c.place.line}:{c.place.column}", "  " * c.depth + c.text, c.result, c.settles) for c in found]


def test_the_parts_of_and_that_are_not_true_withhold() -> None:
    assert judged("name = 'Kim'\n  AND income > 500 AND region > '1'") == [
        ("1:1", "AND", "FALSE", True),
        ("1:1", "  name = 'Kim'", "TRUE", False),
        ("2:7", "  income > 500", "FALSE", True),
        ("2:24", "  region > '1'", "NULL", False),
    ]


def test_one_true_part_of_or_gives() -> None:
    assert judged("income > 500 OR name LIKE 'K%'") == [
        ("1:1", "OR", "TRUE", True),
        ("1:1", "  income > 500", "FALSE", False),
        ("1:17", "  name LIKE 'K%'", "TRUE", True),
    ]


@pytest.mark.parametrize(
    ("text", "result"),
    [
        ("region IS NOT NULL", "FALSE"),
        ("score NOT BETWEEN 1 AND 2", "FALSE"),
        ("income NOT IN (1, 2)", "TRUE"),
        ("name = 'O''Brien'", "FALSE"),
    ],
)
def test_a_part_is_told_as_it_is_written(text: str, result: str) -> None:
    found = judged(text)
    assert found[0][2] == result
    assert found[-1][1].strip() in (text, text.replace("NOT ", ""))


def test_what_settles_a_null_is_the_null() -> None:
    assert [part for _, part, _, settles in judged("name = 'Kim' AND NOT (region > '1' AND income = 100)") if settles] == [
        "AND",
        "  NOT",
        "    AND",
        "      region > '1'",
    ]
