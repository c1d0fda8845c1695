"""The demo's input as files: two registers, the day after, and the policy.

Enters sizes and a seed; leaves files in a folder: the resident register as TSV, its day of changes as JSON lines with
operations, hour by hour; the business register as two CSV snapshots. The headers are those of the types' owners.
"""

from __future__ import annotations

import csv
import json
import random
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from gongyu_hub.demo.businesses import BusinessRegister
from gongyu_hub.demo.residents import Change, Event, ResidentRegister, Row
from gongyu_schemas.information_type import InformationType, load_types, shipped_types

HOURS = 6
#: Changes of residents in a day, per resident.
_TURNOVER = 0.12
POLICY = Path(__file__).with_name("policy.yaml")
OP = "op"


@dataclass(frozen=True, slots=True)
class Scenario:
    """The files, and how many changes of each sort the day has."""

    residents: Path
    hours: tuple[Path, ...]
    businesses: Path
    businesses_after: Path
    changes: int
    events: Counter[Event]


def write_scenario(folder: Path, residents: int, businesses: int, seed: int) -> Scenario:
    """Write all files; the same arguments give the same bytes."""
    types = load_types(shipped_types())
    people = ResidentRegister(residents, random.Random(f"{seed} residents"))  # noqa: S311 - invented people, no secret
    companies = BusinessRegister(businesses, random.Random(f"{seed} businesses"))  # noqa: S311 - as above
    folder.mkdir(parents=True, exist_ok=True)
    register = _write_delimited(folder / "residents.tsv", types["resident"], people.rows.values(), "\t")
    before = _write_delimited(folder / "businesses.csv", types["business"], companies.rows.values(), ",")
    day = people.day(int(residents * _TURNOVER))
    share = -(-len(day) // HOURS)
    hours = [_write_changes(folder / f"residents-{hour + 9:02d}h.jsonl", day[share * hour : share * (hour + 1)]) for hour in range(HOURS)]
    companies.pass_day()
    after = _write_delimited(folder / "businesses-evening.csv", types["business"], companies.rows.values(), ",")
    return Scenario(register, tuple(hours), before, after, len(day), people.events)


def _write_delimited(file: Path, information_type: InformationType, rows: Iterable[Row], delimiter: str) -> Path:
    headers = {field: header for header, field in information_type.publishing.columns.items()}
    fields = [field.name for field in information_type.fields]
    with file.open("w", encoding="utf-8", newline="") as target:
        writer = csv.writer(target, delimiter=delimiter, lineterminator="\n")
        writer.writerow([headers.get(field, field) for field in fields])
        writer.writerows([row[field] for field in fields] for row in rows)
    return file


def _write_changes(file: Path, changes: Iterable[Change]) -> Path:
    with file.open("w", encoding="utf-8") as target:
        for op, row in changes:
            target.write(json.dumps({OP: op, **row}, ensure_ascii=False) + "\n")
    return file
