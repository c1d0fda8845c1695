"""A type of nested records that the project does not know travels the whole path: JSON lines, hub, grants by leaf, SQLite."""

from __future__ import annotations

import json
import random
import sqlite3
import subprocess
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from gongyu_hub.demo.reference import Outcome
from gongyu_hub.demo.tables import compare_table, read_positions
from gongyu_schemas import exit_codes
from gongyu_schemas.envelope import owner_envelope
from gongyu_schemas.names import grant_topic, owner_user, subscriber_user
from gongyu_schemas.wire import frame
from tests.hub.nested_records import inlined, write
from tests.running import BIN, Process, Published, RunningHub
from tests.waiting import wait_until

pytestmark = pytest.mark.kafka

FARMS = 120
GRANTS = {
    "whole": {"fields": ["id", "seat", "former", "crops", "licences", "holder", "seal"]},
    "paddies": {"fields": ["id", "seat.plot.area", "former.city", "holder"], "rows": "seat.plot.use = 'PADDY' OR former.city IS NOT NULL"},
    "seoul": {"fields": ["id", "crops"], "rows": "seat.city = 'Seoul' AND NOT (former IS NULL)"},
}


def place(rng: random.Random) -> dict[str, Any]:
    plot = {"area": f"{rng.randrange(10**6) / 100:.2f}", "use": rng.choice(["FIELD", "PADDY"])}
    return {"city": rng.choice(["Seoul", "Busan", ""]), "plot": rng.choice([None, plot])}


def farm(number: int, stamp: int, rng: random.Random) -> dict[str, Any]:
    holders = [None, 2**40, "a person", {"long": 7}, {"number": "1", "uses": ["FIELD"]}, {"Company": {"number": "2", "uses": []}}]
    return {
        "id": f"f{number:04d}",
        "stamp": {"number": stamp},
        "seat": place(rng),
        "former": rng.choice([None, place(rng)]),
        "crops": rng.sample(["rice", "배추", "x" * 30], rng.randrange(4)),
        "holder": rng.choice(holders),
        "licences": {key: f"20{rng.randrange(10, 26)}-01-01" for key in rng.sample(["a", "b", "나"], rng.randrange(4))},
        **({"seal": rng.randbytes(3).hex()} if rng.random() < 0.5 else {}),
    }


def publish(of: Published, folder: Path, farms: list[dict[str, Any]]) -> None:
    file = folder / "farms.jsonl"
    file.write_text("".join(json.dumps(each, ensure_ascii=False) + "\n" for each in farms), encoding="utf-8")
    profile = of.hub.profile_path(owner_user(of.type.owner))
    command: list[str | Path] = [BIN / "gongyu-owner", "publish", file, "--type", of.type.name, "--types", of.hub.types, "--snapshot"]
    options: list[str | Path] = ["--profile", profile, "--state-dir", folder / "state", "--rejects", folder / "rejects.jsonl"]
    done = subprocess.run([*command, *options], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == exit_codes.OK, done.stdout + done.stderr


def raw_farm(crops: list[str], licences: list[tuple[str, int]], stamp: int) -> dict[str, Any]:
    seat = {"city": "Seoul", "plot": (0, None)}
    holder, seal = (1, 5), (0, None)
    more = {"former": (1, seat), "crops": crops, "licences": licences, "holder": holder, "seal": seal}
    return {"id": "raw", "stamp": {"number": stamp}, "seat": seat, **more}


@pytest.mark.timeout(300)
def test_a_nested_type_reaches_the_subscribers_tables_by_value(hub: RunningHub, unique: Callable[[str], str], tmp_path: Path) -> None:
    of, rng = hub.add_type("farm", unique("farm"), GRANTS), random.Random(4)
    farms = {number: farm(number, 1, rng) for number in range(FARMS)}
    receivers = []
    with hub.working():
        try:
            for grant in GRANTS:
                target = f"sqlite:///{tmp_path / grant}.db"
                profile = hub.profile_path(subscriber_user(of.subscriber))
                log = tmp_path / f"{grant}.log"
                receivers.append(Process(log, "gongyu-subscriber", "receive", grant, "--to", target, "--profile", profile))
            for day in range(3):
                publish(of, tmp_path, list(farms.values()))
                gone, new = rng.sample(sorted(farms), 5), range(1000 * (day + 1), 1000 * (day + 1) + 5)
                farms = {number: each for number, each in farms.items() if number not in gone}
                farms |= {number: farm(number, day + 2, rng) for number in [*rng.sample(sorted(farms), 40), *new]}
            send_in_other_encodings(of)
            result = of.check()
            wait_until(lambda: all(caught_up(of, tmp_path / f"{grant}.db", grant) for grant in GRANTS), 60, "the tables have caught up")
        finally:
            for receiver in receivers:
                receiver.stop()
    reference = result.references[of.type.name]
    for index, grant in enumerate(reference.grants):
        expected = reference.views(index)
        findings = compare_table(tmp_path / f"{grant.name}.db", grant, expected)
        assert findings.clean, findings.examples
        assert len(expected) > 10
    outcomes = result.outcomes()
    print(f"inputs: {result.inputs}, rejected: {outcomes[Outcome.REJECTED]}, unchanged: {outcomes[Outcome.UNCHANGED]}")
    assert (outcomes[Outcome.REJECTED], outcomes[Outcome.UNCHANGED]) == (2, 8)
    with closing(sqlite3.connect(tmp_path / "paddies.db")) as table:
        columns = [name for _, name, *_ in table.execute('PRAGMA table_info("paddies")')]
    assert columns[:-2] == ["id", "seat.plot", "seat.plot.area", "former", "former.city", "holder"]


def send_in_other_encodings(of: Published) -> None:
    """The same record in many blocks and orders is one change; a key that stands twice is none."""
    schema, rng = inlined(owner_envelope(of.type)), random.Random(7)
    crops, licences = ["a", "b", "c"], [("x", 1), ("y", 2), ("z", 3)]
    for number in range(11):
        entries = licences if number < 9 else [*licences, ("x", 4)]
        source = {"name": "another writer", "position": number, "act": (0, None)}
        after = (1, raw_farm(crops, entries, number if number >= 9 else 1))
        datum = {"before": (0, None), "after": after, "op": "u", "ts_ms": 1, "source": source}
        of.send_raw(of.key({"id": "raw"}), frame(of.writer_id, write(schema, datum, rng)))


def caught_up(of: Published, file: Path, grant: str) -> bool:
    """Whether the table has read as far as its topic goes."""
    name = grant_topic(of.subscriber, grant)
    ends: dict[int, int] = {}
    for message in of.read(name, 4):
        ends[message.partition() or 0] = (message.offset() or 0) + 1
    positions = read_positions(file)
    return all(positions.get(partition, 0) >= end for partition, end in ends.items())
