"""The invented registers: the same for a seed, valid for their types, with enough of everything."""

from __future__ import annotations

import csv
import json
from collections import Counter
from pathlib import Path

import pytest

from gongyu_hub.demo.policy_text import read_policy
from gongyu_hub.demo.residents import Event
from gongyu_hub.demo.scenario import HOURS, POLICY, write_scenario
from gongyu_schemas.information_type import load_types, shipped_types


def contents(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in folder.iterdir()}


def read_rows(file: Path, delimiter: str) -> list[list[str]]:
    with file.open(encoding="utf-8", newline="") as source:
        return list(csv.reader(source, delimiter=delimiter))[1:]


def test_the_same_seed_writes_the_same_bytes(tmp_path: Path) -> None:
    for name, seed in (("one", 7), ("again", 7), ("other", 8)):
        write_scenario(tmp_path / name, 300, 100, seed)
    assert contents(tmp_path / "one") == contents(tmp_path / "again")
    assert contents(tmp_path / "one") != contents(tmp_path / "other")


def test_a_day_has_thousands_of_changes_of_every_sort(tmp_path: Path) -> None:
    scenario = write_scenario(tmp_path, 50_000, 10_000, 7)
    assert scenario.changes == sum(scenario.events.values()) >= 5_000
    assert min(scenario.events[event] for event in Event) >= 100
    assert len(scenario.hours) == HOURS
    ops = Counter(json.loads(line)["op"] for hour in scenario.hours for line in hour.read_text(encoding="utf-8").splitlines())
    assert ops["u"] >= 4_000
    assert min(ops["c"], ops["d"]) >= 200


@pytest.mark.parametrize(("file", "delimiter", "count"), [("residents.tsv", "\t", 2_000), ("businesses.csv", ",", 500)])
def test_a_register_has_its_count_and_distinct_keys(tmp_path: Path, file: str, delimiter: str, count: int) -> None:
    write_scenario(tmp_path, 2_000, 500, 7)
    rows = read_rows(tmp_path / file, delimiter)
    assert len(rows) == len({row[0] for row in rows}) == count


def test_the_business_snapshots_differ_in_every_way_and_stay_under_the_delete_guard(tmp_path: Path) -> None:
    scenario = write_scenario(tmp_path, 100, 1_000, 7)
    before, after = ({row[0]: row for row in read_rows(file, ",")} for file in (scenario.businesses, scenario.businesses_after))
    assert 0 < len(before.keys() - after.keys()) < len(before) / 10
    assert after.keys() - before.keys()
    assert any(before[key] != after[key] for key in before.keys() & after.keys())


def test_the_policy_is_one_and_names_every_type() -> None:
    grants = read_policy(POLICY, load_types(shipped_types()))
    assert len({grant.subscriber for grant in grants}) == 3
    assert {grant.information_type.name for grant in grants} == {"resident", "business"}
    assert len({(grant.fields, grant.information_type.name) for grant in grants}) == len(grants)
