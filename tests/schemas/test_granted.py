"""Which leaves a name in a grant means, and what a view of them holds."""

from __future__ import annotations

from gongyu_schemas.fields import read_fields
from gongyu_schemas.granted import leaves_of, record_names, shown_fields
from tests.schemas.models import record_of

PLACE = record_of({"name": "x", "type": "int"}, {"name": "y", "type": "int"}, name="Place")
SITE = record_of({"name": "at", "type": ["null", PLACE]}, {"name": "atlas", "type": "int"}, name="Site")
FIELDS = read_fields(
    record_of({"name": "id", "type": "int"}, {"name": "site", "type": SITE}, {"name": "old", "type": [SITE["name"], "null"]})
)
NAMES = ["id", "site.at", "site.at.x", "site.at.y", "site.atlas", "old", "old.at", "old.at.x", "old.at.y", "old.atlas"]


def shown(*leaves: str) -> list[str]:
    return [FIELDS[index].name for index in shown_fields(leaves, FIELDS)]


def test_the_example_is_as_it_looks() -> None:
    assert [field.name for field in FIELDS] == NAMES
    assert record_names(FIELDS) == ("site", "site.at", "old", "old.at")


def test_a_leaf_means_itself_and_a_record_every_leaf_in_it() -> None:
    assert leaves_of(["old.at.x", "id"], FIELDS) == ("id", "old.at.x")
    assert leaves_of(["site.at"], FIELDS) == ("site.at.x", "site.at.y")
    assert leaves_of(["site"], FIELDS) == ("site.at.x", "site.at.y", "site.atlas")
    assert leaves_of(["old.nothing", "sit"], FIELDS) == ()


def test_a_view_holds_with_a_leaf_whether_the_records_around_it_are_there() -> None:
    assert shown("id") == ["id"]
    assert shown("site.atlas") == ["site.atlas"]
    assert shown("site.at.y") == ["site.at", "site.at.y"]
    assert shown("old.at.x", "id") == ["id", "old", "old.at", "old.at.x"]
    assert shown("old.atlas", "old.at.y") == ["old", "old.at", "old.at.y", "old.atlas"]
