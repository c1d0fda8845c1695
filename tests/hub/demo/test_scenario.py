"""The demo's input: invented by the public command, cut into hours, with enough of everything."""

from __future__ import annotations

import csv
from collections import Counter
from pathlib import Path

import pytest

from gongyu_hub.demo.policy_text import read_policy
from gongyu_hub.demo.processes import Processes
from gongyu_hub.demo.scenario import HOURS, POLICY, Scenario, invent
from gongyu_schemas.errors import FatalError
from gongyu_schemas.information_type import load_types, shipped_types


def write(folder: Path, residents: int, businesses: int, seed: int = 7) -> Scenario:
    with Processes(folder / "logs") as processes:
        return invent(processes, folder / "input", residents, businesses, seed).finish(lambda: None)


def read_rows(file: Path) -> list[list[str]]:
    with file.open(encoding="utf-8", newline="") as source:
        return list(csv.reader(source, delimiter="\t" if file.suffix == ".tsv" else ","))[1:]


@pytest.mark.thorough
def test_a_day_has_thousands_of_changes_of_every_sort_and_the_hours_hold_them_all(tmp_path: Path) -> None:
    scenario = write(tmp_path, 50_000, 10_000)
    assert sum(scenario.events.values()) >= 5_000
    assert min(scenario.events.values()) >= 50
    assert len(scenario.events) >= 7
    hours = [read_rows(hour) for hour in scenario.hours]
    assert len(hours) == HOURS
    days = [read_rows(day) for day in scenario.days.values()]
    assert sum(map(len, hours)) == sum(scenario.events.values())
    assert len(days) == 4 and min(map(len, days)) >= 50
    assert scenario.changes > sum(map(len, [*hours, *days]))
    ops = Counter(row[0] for rows in hours for row in rows)
    assert ops["u"] >= 4_000
    assert min(ops["c"], ops["d"]) >= 100
    register = read_rows(scenario.registers["resident"])
    assert len(register) == len({row[0] for row in register}) == 50_000


@pytest.mark.thorough
def test_the_business_snapshots_differ_in_every_way_and_stay_under_the_delete_guard(tmp_path: Path) -> None:
    scenario = write(tmp_path, 200, 1_000)
    before, after = ({row[0]: row for row in read_rows(file)} for file in (scenario.registers["business"], scenario.businesses_after))
    assert len(before) == 1_000
    assert 0 < len(before.keys() - after.keys()) < len(before) / 10
    assert after.keys() - before.keys()
    assert any(before[key] != after[key] for key in before.keys() & after.keys())


@pytest.mark.thorough
def test_a_command_that_fails_is_told_with_its_words(tmp_path: Path) -> None:
    write(tmp_path, 100, 100)
    with pytest.raises(FatalError, match="is there already"):
        write(tmp_path, 100, 100)


def test_the_policy_is_one_and_names_every_type() -> None:
    grants = read_policy(POLICY, load_types(shipped_types()))
    assert len({grant.subscriber for grant in grants}) == 8
    assert {grant.information_type.name for grant in grants} == set(load_types(shipped_types()))
    assert len({(grant.fields, grant.information_type.name) for grant in grants}) == len(grants)
