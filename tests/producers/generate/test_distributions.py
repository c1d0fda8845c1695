"""How much happens when: rates within bounds, weekends quiet, taxes in their seasons."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from pathlib import Path

import pytest

from gongyu_producers.generate.calendar_days import day_number
from gongyu_producers.generate.registers import KINDS
from gongyu_producers.generate.world import World
from tests.producers.generate.worlds import TYPES, Lives, write

RATES = {
    ("resident", "move"): (150, 600),
    ("resident", "birth"): (6, 22),
    ("resident", "death"): (9, 34),
    ("business", "opening"): (200, 500),
    ("business", "closing"): (120, 400),
    ("vehicle", "transfer"): (250, 550),
    ("vehicle", "registration"): (120, 280),
    ("land-building", "sale"): (40, 140),
    ("health-insurance", "employment"): (100, 700),
}


@pytest.fixture(scope="module")
def weeks(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Counter[str]]:
    """Two whole weeks of March, of five registers of 20,000 people, twenty times as busy."""
    folder, found = tmp_path_factory.mktemp("weeks"), {}
    for name, records in (
        ("resident", 20_000),
        ("business", 20_000),
        ("vehicle", 20_000),
        ("land-building", 20_000),
        ("health-insurance", 28_000),
    ):
        world = World(5, 20_000, 20_000 if name == "business" else 4_000, day_number(dt.date(2026, 3, 2)), 20.0)
        days = write(name, world, records, 14, folder).days
        found[name] = sum((day.events for day in days), Counter())
        found[f"{name} by day"] = Counter({str(number): day.ops.total() for number, day in enumerate(days)})
    return found


@pytest.mark.parametrize(("name", "event"), RATES)
def test_each_event_happens_about_as_often_as_in_korea(weeks: dict[str, Counter[str]], name: str, event: str) -> None:
    records = 28_000 if name == "health-insurance" else 20_000
    per_million_a_day = weeks[name][event] / records / 14 / 20 * 1_000_000
    least, most = RATES[name, event]
    assert least < per_million_a_day < most


@pytest.mark.parametrize("name", ["resident", "business", "vehicle", "land-building", "health-insurance"])
def test_weekends_are_quiet(weeks: dict[str, Counter[str]], name: str) -> None:
    by_day = weeks[f"{name} by day"]
    weekend = sum(by_day[str(day)] for day in (5, 6, 12, 13))
    assert 0 < weekend < by_day.total() / 15


def test_january_s_bills_are_sent_from_the_tenth_to_the_twelfth(lives: Lives) -> None:
    sent = [day.events["bill"] for day in lives.of["local-tax"].written.days]  # 9 to 14 January
    assert min(sent[1:4]) > 8 * max(sent[0], *sent[4:])
    items = Counter(row["tax_item"] for row in lives.of["local-tax"].days[1] if row["op"] == "c")
    assert items.most_common(1)[0][0] == "REGISTRATION_LICENSE"


def test_a_year_of_bills_has_its_seasons(lives: Lives) -> None:
    months = Counter(int(row["billed_on"][5:7]) for row in lives.of["local-tax"].register.values())
    assert {month for month, _ in months.most_common(6)} == {1, 6, 7, 8, 9, 12}
    items = {
        month: Counter(row["tax_item"] for row in lives.of["local-tax"].register.values() if int(row["billed_on"][5:7]) == month)
        for month in (6, 7, 8)
    }
    assert [items[month].most_common(1)[0][0] for month in (6, 7, 8)] == ["AUTOMOBILE", "PROPERTY", "RESIDENT"]


def test_most_bills_are_paid_in_time_around_the_end_of_the_month(lives: Lives) -> None:
    bills = [row for row in lives.of["local-tax"].register.values() if row["due_on"] < "2026-01-01"]
    statuses = Counter(row["status"] for row in bills)
    assert statuses["PAID"] / len(bills) > 0.9
    assert 0.005 < statuses["OVERDUE"] / len(bills) < 0.08
    paid = [row for row in bills if row["paid_on"]]
    in_time = [row for row in paid if row["paid_on"] <= row["due_on"]]
    assert 0.9 < len(in_time) / len(paid) < 0.99
    assert sum(row["paid_on"] == row["due_on"] for row in in_time) > len(in_time) / 5
    assert all(bool(row["surcharge"]) == (row["paid_on"] > row["due_on"]) for row in paid)


def test_what_is_paid_is_the_tax_with_all_that_is_on_top(lives: Lives) -> None:
    for row in lives.of["local-tax"].after.values():
        whole = sum(int(row[name] or 0) for name in ("principal", "education_tax", "surcharge"))
        assert int(row["paid_amount"]) == (whole if row["status"] == "PAID" else 0)


def test_land_is_valued_in_the_last_days_of_april(tmp_path: Path) -> None:
    world = World(5, 2_000, 400, day_number(dt.date(2026, 4, 25)), 1.0)
    days = write("land-building", world, 2_000, 7, tmp_path).days
    valued = [day.events["land price"] for day in days]
    assert valued[0] == valued[6] == 0
    assert all(count > 150 for count in valued[1:6])


def test_premiums_are_settled_in_april(tmp_path: Path) -> None:
    world = World(5, 2_000, 400, day_number(dt.date(2026, 4, 9)), 1.0)
    days = write("health-insurance", world, 2_800, 6, tmp_path).days
    settled = [day.events["premium"] for day in days]
    assert all(count > 10 * settled[0] + 50 for count in settled[1:])


def test_buildings_stand_on_parcels_and_dates_are_in_order(lives: Lives) -> None:
    rows = list(lives.of["land-building"].after.values())
    land = {row["pnu"] for row in rows if row["kind"] == "LAND"}
    assert all(row["pnu"] in land for row in rows)
    assert all(bool(row["approved_on"]) == (row["kind"] != "LAND") for row in rows)
    assert all(row["approved_on"] <= row["acquired_on"] for row in rows)
    assert all((row["owner_id"] == "") == (row["owner_kind"] == "STATE") for row in rows)
    assert all(row["first_registered"] <= row["acquired_on"] for row in lives.of["vehicle"].after.values())
    assert all(row["closed"] >= row["opened"] for row in lives.of["business"].after.values() if row["closed"])
    assert all(row["birth_date"] <= row["moved_in"] for row in lives.of["resident"].after.values() if row["moved_in"])
    assert all(row["acquired_on"] <= row["lost_on"] for row in lives.of["health-insurance"].after.values() if row["lost_on"])


@pytest.mark.parametrize("name", KINDS)
def test_every_symbol_of_every_enum_occurs(lives: Lives, name: str) -> None:
    rows = [row for state in lives.of[name].states for row in state.values()]
    never = {field.name: set(field.symbols) - {row[field.name] for row in rows} for field in TYPES[name].fields if field.symbols}
    assert {field: symbols for field, symbols in never.items() if symbols} == {}
