"""Row text judged part by part: the engine's own results, at their places, with the parts that settle the whole."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from gongyu_hub.engine.images import locate_images
from gongyu_hub.engine.layout import compile_layout
from gongyu_hub.operating.clauses import judge
from gongyu_hub.values import joined
from gongyu_schemas.envelope import owner_envelope
from gongyu_schemas.information_type import load_types, shipped_types
from tests.hub.building import encode, load

ROOT = Path(__file__).parents[3]
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


def test_the_readmes_example_is_what_is_said() -> None:
    """Of the second business of the root README, under the grant there."""
    business = load_types(shipped_types())["business"]
    rows = re.findall(r'rows: "(.+)"', (ROOT / "README.md").read_text(encoding="utf-8"))
    told = re.findall(
        r"^([> ]) (\d+:\d+) +(TRUE|FALSE|NULL) +(\S.*)$", (ROOT / "hub" / "README.md").read_text(encoding="utf-8"), re.MULTILINE
    )
    layout = compile_layout(owner_envelope(business))
    opened, updated = date(2015, 7, 20), datetime(2026, 1, 5, 1, tzinfo=UTC)
    named = {"business_id": "1018100002", "trade_name": "Nuri Books", "representative": "Lee Nuri", "industry_code": "58113"}
    placed = {"region_code": "1144012000", "address": "7 Wausan-ro", "opened": opened, "closed": None, "status": "ACTIVE"}
    counted = {"taxation": "SIMPLIFIED", "capital": Decimal("30000000.00"), "employees": 4, "updated_at": updated}
    _, buffer, starts = joined([encode(business.record_schema, {**named, **placed, **counted})])
    fields, _ = locate_images(layout, buffer, starts)
    found = judge(rows[0], layout, buffer, fields)
    assert told == [(">" if c.settles else " ", f"{c.place.line}:{c.place.column}", c.result, c.text) for c in found]
