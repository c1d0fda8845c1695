"""Nobody has these numbers; no two residents share one; the people are about as those of Korea."""

from __future__ import annotations

import datetime as dt
import re
from collections import Counter

import numpy as np
import pytest

from gongyu_producers.generate.calendar_days import day_number, day_texts
from gongyu_producers.generate.people import FEMALE, People
from gongyu_producers.generate.world import MOST_DAYS, World
from tests.producers.generate.worlds import Lives

WEIGHTS = (2, 3, 4, 5, 6, 7, 8, 9, 2, 3, 4, 5)


def check_digit(number: str) -> int:
    """Of a resident registration number (Enforcement Rule of the Resident Registration Act, in use until October 2020)."""
    return (11 - sum(int(digit) * weight for digit, weight in zip(number, WEIGHTS, strict=False)) % 11) % 10


def test_the_check_digit_is_the_one_of_the_rule() -> None:
    assert check_digit("800101100001") == (11 - (8 * 2 + 1 * 5 + 1 * 7 + 1 * 8 + 1 * 5) % 11) % 10


def numbers(people: People, residents: np.ndarray) -> list[str]:
    cell = people.id_cell(residents)
    return [cell.form % parts for parts in zip(*(part.tolist() for part in cell.parts), strict=True)]


def test_no_resident_has_a_number_that_was_ever_given_to_anyone(lives: Lives) -> None:
    for (number,), row in lives.of["resident"].states[-1].items():
        assert re.fullmatch(r"\d{13}", number)
        born = dt.date.fromisoformat(row["birth_date"])
        assert number.startswith(f"{born:%y%m%d}")
        assert number[6] == {"M": "9", "F": "0"}[row["sex"]]  # born before 1900
        assert born.year > 1900
        assert int(number[12]) != check_digit(number)


def test_other_numbers_are_impossible_too(lives: Lives) -> None:
    assert all(key.startswith("000") for (key,) in lives.of["business"].after)
    assert all(re.fullmatch(r"Q[A-Z0-9]{16}", key) for (key,) in lives.of["vehicle"].after)  # ISO 3779 has no Q
    plates = [row["plate"] for row in lives.of["vehicle"].after.values()]
    assert all(re.fullmatch(r"[1-9]\d\d[갸냐댜랴먀뱌샤야]\d{4}", plate) for plate in plates)
    assert len(set(plates)) == len(plates)
    assert all(re.fullmatch(r"\d{10}9\d{8}", pnu) for pnu, _ in lives.of["land-building"].after)
    assert all(row["phone"].startswith(("010-0", "")) for row in lives.of["resident"].after.values())
    assert all(re.fullmatch(r"(010-0\d{3}-\d{4})?", row["phone"]) for row in lives.of["resident"].after.values())
    assert all(re.fullmatch(r"99\d{17}", key) for (key,) in lives.of["local-tax"].after)


def test_no_two_residents_share_a_number_whatever_the_size() -> None:
    people = People(World(1, 20_000_000, 1_000, day_number(dt.date(2026, 1, 1))))
    spread = np.arange(0, 3_000)
    rounds = [spread + 900_000 * number for number in range(22)]  # the same six digits
    residents = np.concatenate(rounds)
    residents = residents[residents < 20_000_000]
    assert len(residents) > 60_000
    assert len(set(numbers(people, residents))) == len(residents)


def test_the_newborn_share_no_number_with_anyone() -> None:
    world = World(1, 5_000, 100, day_number(dt.date(2026, 1, 1)))
    people = People(world)
    mothers = np.arange(0, 4_000)
    born = np.concatenate([people.bear(mothers, world.first_day + day) for day in range(5)])
    assert len(set(numbers(people, np.concatenate([np.arange(5_000), born])))) == 25_000
    assert set(people.births(born).tolist()) == {world.first_day + day for day in range(5)}


def test_two_digits_of_a_year_of_birth_mean_one_year_to_the_last_day() -> None:
    world = World(1, 200_000, 100, day_number(dt.date(2026, 1, 1)))
    oldest = People(world).births(np.arange(200_000)).min()
    assert world.first_day + MOST_DAYS - int(oldest) < 100 * 365


def test_ages_households_and_sexes_are_about_those_of_korea() -> None:
    world = World(11, 100_000, 100, day_number(dt.date(2026, 1, 1)))
    people, residents = People(world), np.arange(100_000)
    ages = people.ages(residents, world.first_day)
    assert 0.08 < np.mean(ages < 15) < 0.16
    assert 0.14 < np.mean(ages >= 65) < 0.26
    assert 40 < ages.mean() < 48
    assert ages.min() >= 0
    assert ages.max() <= 96
    assert 0.48 < np.mean(people.sexes(residents) == FEMALE) < 0.53
    sizes = Counter(Counter(people.households(residents).tolist()).values())
    shares = {size: count / sizes.total() for size, count in sizes.items()}
    assert shares == pytest.approx({1: 0.36, 2: 0.29, 3: 0.19, 4: 0.13, 5: 0.03}, abs=0.04)
    heads = people.households(residents)
    assert (ages[heads] >= 19).all()
    days = np.array([text[5:] for text in day_texts(people.births(residents))])
    assert len(set(days.tolist())) >= 365


def test_surnames_have_their_real_shares() -> None:
    people = People(World(11, 100_000, 100, 20_454))
    cell = people.name_cell(np.arange(100_000))
    shares = Counter(name[0] for name in cell.parts[0].tolist())
    assert shares["김"] / 100_000 == pytest.approx(0.28, abs=0.03)
