"""The self-check can fail: with any one row of the table of the promise changed in `entitle`, it finds something."""

from __future__ import annotations

import itertools
from decimal import Decimal

import pytest

from gongyu_hub import entitle
from tests.hub.building import Row, World, load
from tests.hub.demo.side_by_side import SideBySide, run

GRANTS = {
    "all": {"fields": ["id", "name", "region", "income", "score", "fee"]},
    "seoul": {"fields": ["id", "name"], "rows": "region = '11'"},
    "rich": {"fields": ["id", "income"], "rows": "income > 500"},
}
OUTCOMES = (0, 1, *b"cud")


def person(number: int, **fields: object) -> Row:
    row = {"id": f"p{number}", "name": "Kim", "region": "11", "income": 100, "score": 1.5, "fee": Decimal("1.00")}
    return {**row, **fields}


def play() -> SideBySide:
    """Every row of the table for some grant: in, out, changed, unchanged, never seen."""
    world = World(load("person"), GRANTS)
    for number in range(4):
        world.send("c", None, person(number))
    changes = ({"name": "Lee"}, {"region": "26"}, {"region": "41", "income": 900}, {"region": "11", "income": 901}, {"score": 2.0})
    for number, change in itertools.product(range(3), changes):
        world.send("u", None, person(number, **change))
    world.send("d", person(0), None)
    return run(world, [world.batch()])


def test_the_right_table_is_clean() -> None:
    side_by_side = play()
    assert side_by_side.findings.clean, side_by_side.findings.examples
    assert side_by_side.delivered > 20


@pytest.mark.parametrize(("before", "after", "differs"), [(0, 0, 0), (0, 1, 1), (1, 0, 1), (1, 1, 0), (1, 1, 1)])
def test_any_other_entry_in_a_row_of_the_table_is_found(monkeypatch: pytest.MonkeyPatch, before: int, after: int, differs: int) -> None:
    right = int(entitle.TABLE[before, after, differs])
    unlike = [each for each in OUTCOMES if each != right and not {each, right} <= {0, 1}]
    for wrong in unlike:
        table = entitle.TABLE.copy()
        table[before, after, differs if before and after else slice(None)] = wrong
        monkeypatch.setattr(entitle, "TABLE", table)
        assert not play().findings.clean, f"{chr(right)!r} became {chr(wrong)!r} unnoticed"
