"""All sixteen states of a real register through the whole path: file, owner topic, hub, three grants, subscribers' tables.

After each state every subscriber's table is compared with the file, read here by plain means.
"""

from __future__ import annotations

import csv
import json
import sqlite3
import subprocess
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from gongyu_schemas import exit_codes
from gongyu_schemas.names import owner_user, subscriber_user
from tests.conftest import DATA_ABSENT
from tests.running import BIN, Process, Published, RunningHub
from tests.waiting import wait_until

DATA = Path(__file__).parents[3] / "shared" / "data" / "government-organisation"
STATES = sorted(DATA.glob("*.tsv"))

pytestmark = [pytest.mark.kafka, pytest.mark.skipif(not DATA.is_dir(), reason=DATA_ABSENT)]

FIELDS = {
    "government-organisation": "organisation",
    "end date": "end_date",
    "end-date": "end_date",
    "start-date": "start_date",
    "type": "kind",
}
Row = dict[str, Any]
#: grant -> (fields, row text, the same rule in Python: None is not TRUE)
GRANTS: dict[str, tuple[list[str], str | None, Callable[[Row], bool]]] = {
    "everything": (["organisation", "name", "website", "start_date", "end_date"], None, bool),
    "ended": (["organisation", "end_date"], "end_date >= '2000'", lambda row: (row["end_date"] or "") >= "2000"),
    "with-site": (
        ["organisation", "name", "website"],
        "website LIKE 'https://www.gov.uk/%' AND end_date IS NULL",
        lambda row: (row["website"] or "").startswith("https://www.gov.uk/") and row["end_date"] is None,
    ),
}


def rows_of(file: Path) -> tuple[dict[str, Row], set[str]]:
    """(rows by key, keys that occur more than once)."""
    with file.open(encoding="utf-8", newline="") as lines:
        rows = [{FIELDS.get(name, name): text or None for name, text in row.items()} for row in csv.DictReader(lines, delimiter="\t")]
    times = Counter(row["organisation"] for row in rows)
    return {row["organisation"]: row for row in rows if times[row["organisation"]] == 1}, {key for key, n in times.items() if n > 1}


def view(grant: str, held: dict[str, Row]) -> list[tuple[Any, ...]]:
    fields, _, rule = GRANTS[grant]
    return sorted(tuple(row[name] for name in fields) for row in held.values() if rule(row))


def publish(of: Published, file: Path, folder: Path, *more: str) -> int:
    profile = of.hub.profile_path(owner_user(of.type.owner))
    command: list[str | Path] = [BIN / "gongyu-owner", "publish", file, "--type", of.type.name, "--types", of.hub.types, "--snapshot"]
    options: list[str | Path] = ["--profile", profile, "--state-dir", folder / "state", "--rejects", folder / "rejects.jsonl", *more]
    done = subprocess.run([*command, *options], capture_output=True, text=True, timeout=120, check=False)
    assert "Traceback" not in done.stderr, done.stderr
    return done.returncode


class Tables:
    """The subscriber's tables, kept by three running receivers."""

    def __init__(self, of: Published, folder: Path) -> None:
        self._folder = folder
        self._profile = of.hub.profile_path(subscriber_user(of.subscriber))

    @contextmanager
    def received(self) -> Iterator[None]:
        with ExitStack() as stack:
            for grant in GRANTS:
                target = f"sqlite:///{self._folder / grant}.db"
                log = self._folder / f"{grant}.log"
                receiver = Process(log, "gongyu-subscriber", "receive", grant, "--to", target, "--profile", self._profile)
                stack.callback(receiver.stop)
            yield

    def rows(self, grant: str) -> list[tuple[Any, ...]]:
        names = ", ".join(GRANTS[grant][0])
        try:
            with closing(sqlite3.connect(f"file:{self._folder / grant}.db?mode=ro", uri=True)) as database:
                return sorted(database.execute(f'SELECT {names} FROM "{grant}"').fetchall(), key=lambda row: row[0])
        except sqlite3.OperationalError:  # not made yet
            return []

    def equal(self, held: dict[str, Row]) -> bool:
        return all(self.rows(grant) == sorted(view(grant, held), key=lambda row: row[0]) for grant in GRANTS)


def add(hub: RunningHub, template: str, name: str, names: list[str]) -> Published:
    known = [name for name in names if name != "kind"]
    grants = {grant: {"fields": [each for each in fields if each in known], "rows": rows} for grant, (fields, rows, _) in GRANTS.items()}
    return hub.add_type(template, name, {grant: {k: v for k, v in terms.items() if v is not None} for grant, terms in grants.items()})


@pytest.mark.timeout(600)
def test_states_2_to_16_reach_three_subscribers_and_each_table_is_right_after_each_state(
    hub: RunningHub, unique: Callable[[str], str], tmp_path: Path
) -> None:
    of = add(hub, "government-organisation", unique("organisation"), GRANTS["everything"][0])
    tables, held, compared = Tables(of, tmp_path), {}, 0
    with hub.working(), tables.received():
        for file in STATES[1:]:
            rows, twice = rows_of(file)
            if file.name.startswith("05"):
                assert publish(of, file, tmp_path) == exit_codes.USAGE, "568 of 1,010 records gone: the guard stops it"
                assert publish(of, file, tmp_path, "--allow-deletes") == exit_codes.OK
            else:
                assert publish(of, file, tmp_path) == (exit_codes.REJECTED if twice else exit_codes.OK)
            held = rows | {key: held[key] for key in twice & held.keys()}
            wait_until(lambda now=held: tables.equal(now), 60, f"the tables after {file.name}")
            compared += len(GRANTS)
    assert [json.loads(line)["line"] for line in (tmp_path / "rejects.jsonl").read_text(encoding="utf-8").splitlines()] == [345, 982]
    result = of.check()
    print(f"states: {len(STATES) - 1}, tables compared: {compared}, inputs: {result.inputs}")
    assert compared == 45 and all(len(tables.rows(grant)) > 10 for grant in GRANTS)


@pytest.mark.timeout(300)
def test_state_1_has_other_columns_and_keys_and_is_a_type_of_its_own(hub: RunningHub, unique: Callable[[str], str], tmp_path: Path) -> None:
    of = add(hub, "government-organisation-slug", unique("slug"), GRANTS["everything"][0])
    tables = Tables(of, tmp_path)
    held, _ = rows_of(STATES[0])
    with hub.working(), tables.received():
        assert publish(of, STATES[0], tmp_path) == exit_codes.OK
        wait_until(lambda: tables.equal(held), 60, "the tables after the first state")
        renamed = tmp_path / "02.tsv"
        renamed.write_text(STATES[1].read_text(encoding="utf-8").replace("end-date", "end date", 1), encoding="utf-8")
        assert publish(of, renamed, tmp_path) == exit_codes.USAGE, "other columns: not this type's file"
        assert tables.equal(held)
    assert of.check().inputs == len(held)
