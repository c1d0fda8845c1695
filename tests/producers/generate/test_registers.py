"""The six registers of one world: publishable as they are, in step with their days and with each other."""

from __future__ import annotations

from pathlib import Path

import pytest

from gongyu_producers.generate.registers import KINDS
from gongyu_producers.generate.world import World
from gongyu_producers.generate.write import OP, FileFormat, Plan, generate
from gongyu_producers.source import Format
from tests.producers.generate.worlds import TYPES, Lived, Lives, Row, Silent, contents, read, write
from tests.producers.models import read_rows

every_type = pytest.mark.parametrize("name", KINDS)
FIRST_DAY = 20_455  # 2026-01-02


def resident_ids(lived: Lived, state: int) -> set[str]:
    return {key for (key,) in lived.states[state]}


@every_type
def test_the_publisher_accepts_every_row(lives: Lives, name: str) -> None:
    written = lives.of[name].written
    assert written.after is not None
    read_in = [(written.register, None), (written.after, None), *((day.file, OP) for day in written.days)]
    counts = []
    for file, op in read_in:
        rows = read_rows(TYPES[name], file, op=op)
        assert [problem for row in rows for problem in row.problems] == [], file.name
        counts.append(len(rows))
    assert counts[0] == written.records
    assert counts[1] == written.records_after
    assert counts[2:] == [sum(day.ops.values()) for day in written.days]
    assert sum(counts[2:]) > 0


@every_type
def test_days_apply_cleanly_and_lead_to_the_register_after_them(lives: Lives, name: str) -> None:
    lived = lives.of[name]
    assert lived.misfits == []
    assert lived.states[-1] == lived.after
    assert len(lived.register) == lived.written.records
    ops = {row[OP] for day in lived.days for row in day}
    assert ops == {"c", "u", "d"}


@every_type
def test_an_update_changes_something_but_for_repetitions(lives: Lives, name: str) -> None:
    lived = lives.of[name]
    repeated = sum(day.events["repetition"] for day in lived.written.days)
    assert lived.idle == repeated
    assert bool(repeated) == (name == "resident")


@every_type
def test_what_happened_is_counted(lives: Lives, name: str) -> None:
    for day, rows in zip(lives.of[name].written.days, lives.of[name].days, strict=True):
        assert sum(day.events.values()) == sum(day.ops.values()) == len(rows)


@every_type
def test_changes_come_in_the_order_of_their_moments(lives: Lives, name: str) -> None:
    moment = next(field.name for field in TYPES[name].fields if field.kind.value.startswith("timestamp"))
    lived = lives.of[name]
    for day, rows in zip(lived.written.days, lived.days, strict=True):
        told = list({(lived.key(row), row[moment]): row[moment] for row in rows}.values())  # what is said again counts once
        today = [text for text in told if text.startswith(day.file.name.split(".")[1])]
        assert today == sorted(today)
        assert len(rows) - day.events["repetition"] <= len(today)


REFERENCES = [
    ("local-tax", "resident_id", "resident"),
    ("land-building", "owner_id", "either"),
    ("vehicle", "owner_id", "either"),
    ("health-insurance", "resident_id", "resident"),
    ("health-insurance", "insured_through", "resident"),
    ("health-insurance", "workplace_id", "business"),
]


@pytest.mark.parametrize(("name", "field", "to"), REFERENCES)
def test_whoever_is_named_exists_on_that_day(lives: Lives, name: str, field: str, to: str) -> None:
    lived, seen = lives.of[name], set()
    for number, state in enumerate(lived.states):
        known = {
            "resident": resident_ids(lives.of["resident"], number),
            "business": resident_ids(lives.of["business"], number),
        }
        known["either"] = known["resident"] | known["business"]
        named = {row[field] for row in state.values()} | ({row[field] for row in lived.days[number - 1]} if number else set())
        assert named - {""} <= known[to]
        seen |= named
    assert len(seen) > 500


def test_names_are_those_of_the_people_and_businesses(lives: Lives) -> None:
    people = {key: row["name"] for (key,), row in lives.of["resident"].register.items()}
    firms = {key: row["trade_name"] for (key,), row in lives.of["business"].register.items()}
    names = people | firms
    for name, number, text in (
        ("local-tax", "resident_id", "taxpayer_name"),
        ("vehicle", "owner_id", "owner_name"),
        ("land-building", "owner_id", "owner_name"),
        ("health-insurance", "resident_id", "name"),
        ("health-insurance", "workplace_id", "workplace_name"),
    ):
        rows = lives.of[name].register.values()
        assert all(names[row[number]] == row[text] for row in rows if row[number]), name
    assert {row["representative"] for row in lives.of["business"].register.values()} <= set(people.values())


def test_births_and_deaths_are_the_same_in_both_registers(lives: Lives) -> None:
    insurance, residents = lives.of["health-insurance"], lives.of["resident"]
    born, dead = set(), set()
    for number, rows in enumerate(insurance.days):
        begun = {row["resident_id"] for row in rows if row["acquired_by"] == "BIRTH" and row[OP] == "c"}
        assert begun <= {row["resident_id"] for row in residents.days[number] if row[OP] == "c" and row["birth_date"] == row["moved_in"]}
        ended = {row["resident_id"] for row in rows if row["lost_by"] == "DEATH"}
        assert ended <= {row["resident_id"] for row in residents.days[number] if row["status"] == "DECEASED"}
        born, dead = born | begun, dead | ended
    assert min(len(born), len(dead)) >= 5
    assert dead == {row["resident_id"] for row in residents.after.values() if row["status"] == "DECEASED"}


def test_a_household_has_one_address_and_one_head(lives: Lives) -> None:
    for state in (lives.of["resident"].register, lives.of["resident"].after):
        homes: dict[str, list[Row]] = {}
        for row in state.values():
            if row["household_id"] and row["status"] != "DECEASED":
                homes.setdefault(row["household_id"], []).append(row)
        assert all(len({row["address"] for row in members}) == 1 for members in homes.values())
        assert all(sum(row["household_head"] == "true" for row in members) == 1 for members in homes.values())
        assert max(map(len, homes.values())) >= 4


def test_a_resident_is_insured_once_at_a_time_and_through_someone_employed(lives: Lives) -> None:
    for state in lives.of["health-insurance"].states:
        current = [row for row in state.values() if not row["lost_on"]]
        assert len({row["resident_id"] for row in current}) == len(current)
        kinds = {row["resident_id"]: row["insured_as"] for row in current}
        through = {row["insured_through"] for row in current if row["insured_as"] == "EMPLOYEE_DEPENDANT"}
        assert through
        assert {kinds.get(each) for each in through} == {"EMPLOYEE"}
        assert all(bool(row["workplace_id"]) == (row["insured_as"] == "EMPLOYEE") for row in state.values())


@every_type
@pytest.mark.parametrize("records", [1, 7, 20, 41])
def test_the_smallest_registers_can_be_made(tmp_path: Path, name: str, records: int) -> None:
    world = World(1, records, max(records // 5, 1), FIRST_DAY, 1_000.0)
    lived = Lived(TYPES[name], write(name, world, records, 3, tmp_path, after=True))
    assert lived.misfits == []
    assert lived.states[-1] == lived.after


@every_type
def test_csv_says_the_same(tmp_path: Path, name: str) -> None:
    world = World(1, 300, 60, FIRST_DAY, 50.0)
    tsv = write(name, world, 300, 1, tmp_path / "tsv")
    csv = write(name, world, 300, 1, tmp_path / "csv", file_format=FileFormat.CSV)
    for one, other in ((tsv.register, csv.register), (tsv.days[0].file, csv.days[0].file)):
        assert list(read(one, TYPES[name])) == list(read(other, TYPES[name]))
    assert [row.image for row in read_rows(TYPES[name], csv.register, Format.CSV)] == [
        row.image for row in read_rows(TYPES[name], tsv.register)
    ]


def test_files_are_there_only_when_complete(tmp_path: Path) -> None:
    class Stop(Exception):
        pass

    def stop() -> None:
        raise Stop

    with pytest.raises(Stop):
        generate(Plan(TYPES["vehicle"], World(1, 100, 20, FIRST_DAY), 100, 0, tmp_path), Silent(), stop)
    assert contents(tmp_path) == {}
