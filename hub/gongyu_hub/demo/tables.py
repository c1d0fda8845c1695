"""Compares a subscriber's SQLite table with the reference's view of the grant.

Enters the file that `gongyu-subscriber receive` keeps and the rows that must be in it; leaves findings. Cells are read
back into plain values, so equal means equal by value. Also tells how far the file has read the grant's topic.
"""

from __future__ import annotations

import datetime as dt
import json
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

from gongyu_hub.demo.compare import Defect, Findings
from gongyu_hub.demo.plain import comparable
from gongyu_hub.demo.reading import Key
from gongyu_hub.demo.reference import Terms, View
from gongyu_schemas.fields import Field, Kind

_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_MICROSECOND = dt.timedelta(microseconds=1)


def read_positions(file: Path) -> dict[int, int]:
    """By partition of the grant topic, the offset that the table reads next; empty while there is no file."""
    try:
        with _open(file) as database:
            return dict(database.execute('SELECT partition, next_offset FROM "gongyu.offsets"').fetchall())
    except sqlite3.OperationalError:
        return {}


def compare_table(file: Path, grant: Terms, expected: Mapping[Key, View]) -> Findings:
    """Every row that is missing, too many or different."""
    findings, name = Findings(), f"{grant.subscriber}/{grant.name}"
    fields = grant.view_fields
    key_at = [grant.fields.index(each) for each in grant.information_type.key]
    columns = ", ".join(f'"{field.name}"' for field in fields)
    found: dict[Key, View] = {}
    with _open(file) as database:
        for cells in database.execute(f'SELECT {columns} FROM "{grant.name}"'):  # noqa: S608 - names are checked, they have no quotes
            row = tuple(_read_cell(field, cell) for field, cell in zip(fields, cells, strict=True))
            found[tuple(row[index] for index in key_at)] = row
    expected = {key: tuple(map(_told_apart, fields, row)) for key, row in expected.items()}
    for what, keys in (("lacks", expected.keys() - found.keys()), ("has too many", found.keys() - expected.keys())):
        if keys:
            findings.add(Defect.WRONG_TABLE, f"{name}: the table {what}: {len(keys)} rows", len(keys))
    different = sum(found[key] != expected[key] for key in found.keys() & expected.keys())
    if different:
        findings.add(Defect.WRONG_TABLE, f"{name}: {different} rows have other values", different)
    return findings


@contextmanager
def _open(file: Path) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True, timeout=5.0)) as database:
        yield database


def _read_cell(field: Field, cell: Any) -> Any:
    return None if cell is None else _READERS.get(field.kind, _same)(field, cell)


def _same(_field: Field, cell: Any) -> Any:
    return cell


def _date(_field: Field, cell: str) -> int:
    return (dt.date.fromisoformat(cell) - _EPOCH.date()).days


def _moment(field: Field, cell: str) -> int:
    moment = dt.datetime.fromisoformat(cell)
    return _ticks(field, (moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)) - _EPOCH)


def _time(field: Field, cell: str) -> int:
    return _ticks(field, dt.datetime.fromisoformat(f"1970-01-01T{cell}+00:00") - _EPOCH)


def _ticks(field: Field, since: dt.timedelta) -> int:
    return since // _MICROSECOND // (1000 if field.kind.value.endswith("millis") else 1)


def _from_json(field: Field, text: str) -> Any:
    return _plain(field, json.loads(text))


def _told_apart(field: Field, value: Any) -> Any:
    """A plain value with its unions' branches by name, as far as Python tells them apart: not int from long, float from double."""
    if value is None or not field.parts:
        return value
    if field.kind is Kind.UNION:
        branch, inner = value
        return _widest(field.parts[branch].name), _told_apart(field.parts[branch], inner)
    if field.kind is Kind.MAP:
        return {key: _told_apart(field.parts[0], each) for key, each in value.items()}
    parts = field.parts if field.kind is Kind.RECORD else field.parts * len(value)
    return tuple(map(_told_apart, parts, value))


def _widest(branch: str) -> str:
    return {"int": "long", "float": "double"}.get(branch, branch)


def _plain(field: Field, value: Any) -> Any:
    """The plain value of JSON as the subscriber's side writes it inside a cell."""
    if value is None:
        return None
    if field.kind is Kind.ARRAY:
        return tuple(_plain(field.parts[0], item) for item in value)
    if field.kind is Kind.MAP:
        return {key: _plain(field.parts[0], each) for key, each in value.items()}
    if field.kind is Kind.RECORD:
        return tuple(_plain(part, value[part.name]) for part in field.parts)
    if field.kind is Kind.UNION:
        [(name, each)] = value.items()
        return _widest(name), _plain(next(part for part in field.parts if part.name == name), each)
    if field.kind in (Kind.INT, Kind.LONG):
        return int(value)
    return bytes.fromhex(value) if field.kind in (Kind.BYTES, Kind.FIXED) else _read_cell(field, value)


_READERS: Mapping[Kind, Callable[[Field, Any], Any]] = {
    Kind.BOOLEAN: lambda _field, cell: bool(cell),
    Kind.RECORD: lambda _field, cell: bool(cell),
    Kind.ARRAY: _from_json,
    Kind.MAP: _from_json,
    Kind.UNION: _from_json,
    Kind.DATE: _date,
    Kind.TIME_MILLIS: _time,
    Kind.TIME_MICROS: _time,
    Kind.TIMESTAMP_MILLIS: _moment,
    Kind.TIMESTAMP_MICROS: _moment,
    Kind.LOCAL_TIMESTAMP_MILLIS: _moment,
    Kind.LOCAL_TIMESTAMP_MICROS: _moment,
    Kind.DECIMAL: lambda field, cell: int(Decimal(cell).scaleb(field.scale)),
    Kind.FLOAT: lambda _field, cell: comparable(float(cell)),
    Kind.DOUBLE: lambda _field, cell: comparable(float(cell)),
}
