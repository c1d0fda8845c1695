"""Sixteen states of a real register become changes: what a reader of the topic holds equals the file, state after state."""

from __future__ import annotations

import csv
import json
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from gongyu_schemas import exit_codes
from gongyu_schemas.transport.profile import Profile
from tests.conftest import DATA_ABSENT
from tests.producers.owned_topic import OwnedTopic, owned_topic

DATA = Path(__file__).parents[3] / "shared" / "data" / "government-organisation"

pytestmark = [pytest.mark.kafka, pytest.mark.skipif(not DATA.is_dir(), reason=DATA_ABSENT)]

STATES = sorted(DATA.glob("*.tsv"))
FIELDS = {
    "government-organisation": "organisation",
    "end date": "end_date",
    "end-date": "end_date",
    "start-date": "start_date",
    "type": "kind",
}


def records_of(file: Path) -> dict[tuple[Any, ...], dict[str, Any]]:
    """The file by plain means; keys that occur twice are left out."""
    with file.open(encoding="utf-8", newline="") as lines:
        rows = [{FIELDS.get(name, name): text or None for name, text in row.items()} for row in csv.DictReader(lines, delimiter="\t")]
    times = Counter(row["organisation"] for row in rows)
    return {(row["organisation"],): row for row in rows if times[row["organisation"]] == 1}


@pytest.fixture
def register(admin: Profile, tmp_path: Path, unique: Callable[[str], str]) -> Iterator[OwnedTopic]:
    with owned_topic(admin, tmp_path, unique("register-office"), "government-organisation") as owned:
        yield owned


@pytest.fixture
def by_slug(admin: Profile, tmp_path: Path, unique: Callable[[str], str]) -> Iterator[OwnedTopic]:
    with owned_topic(admin, tmp_path, unique("register-office"), "government-organisation-slug") as owned:
        yield owned


def test_the_first_state_is_published_under_its_own_type(by_slug: OwnedTopic) -> None:
    summary = by_slug.snapshot(STATES[0])
    assert (summary["created"], summary["rejected"]) == (1005, 0)
    assert by_slug.register() == records_of(STATES[0])


def test_states_2_to_16_reach_the_topic_exactly(register: OwnedTopic, tmp_path: Path) -> None:
    rejects = tmp_path / "rejects.jsonl"
    held: dict[tuple[Any, ...], dict[str, Any]] = {}
    published = 0
    for file in STATES[1:]:
        wanted = records_of(file)
        twice = {("OT488",)} if file.name.startswith("16") else set()
        gone = len(held.keys() - wanted.keys() - twice)
        if file.name.startswith("05"):
            code, out, err = register.run(file, "--snapshot")
            assert (code, out) == (exit_codes.USAGE, "")
            assert "568 of 1,010 published records (56.2%)" in err
            assert len(register.messages()) == published
        options = ["--rejects", str(rejects)] + (["--allow-deletes"] if file.name.startswith("05") else [])
        summary = register.snapshot(file, *options, expect=exit_codes.REJECTED if twice else exit_codes.OK)
        assert summary["created"] == len(wanted.keys() - held.keys())
        assert summary["updated"] == sum(held[key] != wanted[key] for key in held.keys() & wanted.keys())
        assert summary["deleted"] == gone
        held = wanted | {key: held[key] for key in twice}
        assert register.register() == held
        published = len(register.messages())
    reject_lines = [json.loads(line) for line in rejects.read_text(encoding="utf-8").splitlines()]
    assert [(reject["line"], reject["key"]) for reject in reject_lines] == [
        (345, {"organisation": "OT488"}),
        (982, {"organisation": "OT488"}),
    ]


def test_a_state_with_other_columns_and_keys_is_stopped_by_the_guard(register: OwnedTopic) -> None:
    register.snapshot(STATES[0], "--ignore", "type", "--map", "end date=end_date")
    code, out, err = register.run(STATES[1], "--snapshot")
    assert (code, out) == (exit_codes.USAGE, "")
    assert "1,005 of 1,005 published records (100.0%)" in err
    assert len(register.messages()) == 1005


def test_a_state_with_other_columns_is_a_foreign_file(register: OwnedTopic) -> None:
    code, out, err = register.run(STATES[0], "--snapshot")
    assert (code, out) == (exit_codes.USAGE, "")
    assert "line 1: the header does not fit" in err
    assert "unknown column 'end date'" in err
    assert register.messages() == []
