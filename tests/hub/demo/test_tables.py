"""A subscriber's SQLite table is compared by value with the reference's view."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from gongyu_hub.demo.compare import Defect
from gongyu_hub.demo.reading import Key
from gongyu_hub.demo.reference import Terms, View, terms
from gongyu_hub.demo.tables import compare_table, read_positions
from gongyu_schemas.fields import read_fields
from gongyu_schemas.information_type import InformationType, Publishing, Title

RECORD = {
    "type": "record",
    "name": "Visit",
    "fields": [
        {"name": "id", "type": "string"},
        {"name": "first", "type": "boolean"},
        {"name": "day", "type": ["null", {"type": "int", "logicalType": "date"}]},
        {"name": "clock", "type": {"type": "int", "logicalType": "time-millis"}},
        {"name": "at", "type": {"type": "long", "logicalType": "timestamp-millis"}},
        {"name": "local", "type": {"type": "long", "logicalType": "local-timestamp-micros"}},
        {"name": "fee", "type": {"type": "bytes", "logicalType": "decimal", "precision": 9, "scale": 2}},
        {"name": "share", "type": "double"},
    ],
}
TITLE, FIELDS = Title(ko="방문", en="Visit"), read_fields(RECORD)
TYPE = InformationType("visit", "county", TITLE, ("id",), ("id",), None, 1, {}, Publishing(), RECORD, FIELDS)
GRANT: Terms = terms("vet", "visits", TYPE, [field.name for field in TYPE.fields])
CELLS = ("a", 1, "1970-01-02", "00:00:01.500000", "1970-01-01T00:00:01.500000+00:00", "1969-12-31T23:59:59.999999", "-1.50", "NaN")
VIEW: View = ("a", True, 1, 1500, 1500, -1, -150, (True, 0.0))
EXPECTED: dict[Key, View] = {("a",): VIEW, ("b",): ("b", False, None, 0, 0, 0, 0, (False, 0.0))}
OTHER = ("b", 0, None, "00:00:00.000000", "1970-01-01T00:00:00.000000+00:00", "1970-01-01T00:00:00.000000", "0.00", -0.0)


def table(tmp_path: Path, *rows: tuple[Any, ...]) -> Path:
    file = tmp_path / "visits.db"
    with closing(sqlite3.connect(file)) as database, database:
        database.execute('CREATE TABLE visits (id, "first", day, clock, at, local, fee, share, "gongyu.partition")')
        database.executemany("INSERT INTO visits VALUES (?, ?, ?, ?, ?, ?, ?, ?, 0)", rows)
        database.execute('CREATE TABLE "gongyu.offsets" (partition, next_offset)')
        database.execute('INSERT INTO "gongyu.offsets" VALUES (2, 17)')
    return file


def test_an_equal_table_is_clean(tmp_path: Path) -> None:
    assert compare_table(table(tmp_path, CELLS, OTHER), GRANT, EXPECTED).clean


@pytest.mark.parametrize(
    "rows",
    [(CELLS,), (CELLS, OTHER, ("c", *OTHER[1:])), (CELLS, (*OTHER[:-1], 0.5)), (CELLS, (*OTHER[:2], "1970-01-01", *OTHER[3:]))],
)
def test_a_row_that_is_missing_too_many_or_different_is_found(tmp_path: Path, rows: tuple[tuple[Any, ...], ...]) -> None:
    assert compare_table(table(tmp_path, *rows), GRANT, EXPECTED).counts[Defect.WRONG_TABLE] == 1


def test_positions_are_read_and_empty_without_a_file(tmp_path: Path) -> None:
    assert read_positions(tmp_path / "absent.db") == {}
    assert read_positions(table(tmp_path)) == {2: 17}
