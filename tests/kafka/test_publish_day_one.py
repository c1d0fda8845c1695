"""What an owner needs on the first day: acts, a rate, undo, Parquet, and a status that is true after crashes too."""

from __future__ import annotations

import json
import os
import time
from collections import Counter
from pathlib import Path

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest

from gongyu_schemas import exit_codes
from gongyu_schemas.transport.clients import make_producer
from tests.producers.owned_topic import OwnedTopic, take_rights
from tests.producers.registers import LEVY_HEADER, write_people, write_rows

pytestmark = pytest.mark.kafka


def of_age(file: Path, seconds: int) -> Path:
    """The same file, changed last so many seconds after a fixed day."""
    os.utime(file, (1_700_000_000 + seconds, 1_700_000_000 + seconds))
    return file


def test_an_act_groups_the_changes_of_a_run_and_a_rate_spreads_them(people: OwnedTopic, tmp_path: Path) -> None:
    file = write_people(tmp_path / "people.tsv", dict.fromkeys(range(400), 1))
    summary = people.snapshot(file, "--act", "정정 2024-7", "--rate", "200/s")
    changes = [each.change for each in people.messages()]
    assert summary["act"] == "정정 2024-7"
    assert [each["source"]["act"] for each in changes] == ["정정 2024-7"] * 400
    seconds = Counter((each["ts_ms"] - min(each["ts_ms"] for each in changes)) // 1000 for each in changes)
    print(f"changes per second at 200/s: {sorted(seconds.items())}")
    assert len(seconds) >= 2 and max(seconds.values()) <= 260
    people.snapshot(write_people(file, {number: 2 if number == 7 else 1 for number in range(400)}))
    assert [each.change["source"]["act"] for each in people.messages() if each.change["op"] == "u"] == [None]


@pytest.mark.parametrize(
    ("option", "value"), [("--act", "x" * 129), ("--act", "two\nlines"), ("--act", ""), ("--act", " x"), ("--rate", "0")]
)
def test_an_act_that_is_no_identifier_and_a_rate_that_is_none_are_refused(
    people: OwnedTopic, tmp_path: Path, option: str, value: str
) -> None:
    code, _, err = people.run(write_people(tmp_path / "people.tsv", {1: 1}), option, value)
    assert code == exit_codes.USAGE
    assert option in err


def test_publishing_the_earlier_file_again_undoes_what_came_after_it(people: OwnedTopic, tmp_path: Path) -> None:
    first = of_age(write_people(tmp_path / "monday.tsv", {1: 1, 2: 2, 3: 3, 4: 4, 5: 5, 6: 6}), 0)
    second = of_age(write_people(tmp_path / "tuesday.tsv", {1: 1, 2: 20, 4: 4, 5: 5, 6: 6, 7: 7}), 60)
    people.snapshot(first)
    assert people.snapshot(second)["notes"] == []
    shown = people.snapshot(first, "--dry-run")
    assert (shown["created"], shown["updated"], shown["deleted"], shown["keys"]["delete"]) == (1, 1, 1, [{"id": "7"}])
    summary = people.snapshot(first)
    assert "tuesday.tsv, which was published last" in summary["notes"][0]
    assert people.incomes() == {1: 1, 2: 2, 3: 3, 4: 4, 5: 5, 6: 6}
    assert people.snapshot(first)["unchanged"] == 6
    assert Counter(each.change["op"] for each in people.messages()) == {"c": 8, "u": 2, "d": 2}
    assert people.snapshot(second)["notes"] == [], "and forward again"


def test_an_earlier_file_of_a_type_with_a_version_is_refused(levies: OwnedTopic, tmp_path: Path) -> None:
    first = write_rows(tmp_path / "monday.tsv", LEVY_HEADER, ["1\tkim\t1\t100", "2\tkim\t1\t200"])
    second = write_rows(tmp_path / "tuesday.tsv", LEVY_HEADER, ["1\tkim\t2\t150", "2\tkim\t1\t200"])
    levies.snapshot(first)
    levies.snapshot(second)
    code, out, err = levies.run(first, "--snapshot")
    assert (code, out) == (exit_codes.USAGE, "")
    assert "this is an earlier state of the register" in err and "version field 'revision'" in err
    assert len(levies.messages()) == 3
    assert "a run would be stopped" in levies.snapshot(first, "--dry-run", expect=exit_codes.REJECTED)["notes"][0]


def test_a_register_in_parquet_is_the_register_in_text(people: OwnedTopic, tmp_path: Path) -> None:
    file = write_people(tmp_path / "people.tsv", {number: number for number in range(5_000)})
    table = pyarrow.csv.read_csv(file, parse_options=pyarrow.csv.ParseOptions(delimiter="\t"))
    wanted = {"id": pa.string(), "region": pa.dictionary(pa.int32(), pa.string()), "income": pa.int32(), "fee": pa.decimal128(9, 2)}
    for name, arrow in wanted.items():
        table = table.set_column(table.schema.get_field_index(name), name, table[name].cast(arrow))
    pq.write_table(table, tmp_path / "people.parquet", compression="zstd", row_group_size=700)
    assert people.snapshot(tmp_path / "people.parquet")["created"] == 5_000
    assert people.snapshot(file)["unchanged"] == 5_000
    assert people.incomes() == {number: number for number in range(5_000)}


def test_status_says_what_is_on_the_topic_also_after_crashes(people: OwnedTopic, tmp_path: Path) -> None:
    file = write_people(tmp_path / "people.tsv", dict.fromkeys(range(2_000), 1))
    for point in ("after-commit", "before-commit", "after-save"):
        people.run_killed(point, 1, file, "--per-transaction", "300")
    told = people.status()
    assert told["behind"] == 0 and told["last"]["ended"] is None
    write_people(file, dict.fromkeys(range(1_900), 2), "x\tbad")
    people.snapshot(file, "--act", "a", expect=exit_codes.REJECTED)
    told = people.status()
    changes = Counter(each.change["op"] for each in people.messages())
    print(f"changes on the topic after 3 kills: {dict(changes)}")
    assert told["published"] == changes
    assert (told["records"], told["rejected"], told["behind"]) == (len(people.register()), 1, 0)
    assert (told["last"]["file"], told["last"]["act"], told["last"]["rows"]) == ("people.tsv", "a", 1_901)
    key, value = people.encode("d", people.messages()[-1].change["after"], None)
    writer = make_producer(people.admin_profile)
    writer.produce(people.topic, value, key)
    assert writer.flush(30) == 0
    assert people.status()["behind"] == 1


def test_status_asks_about_the_own_topics_alone_and_says_a_missing_right(people: OwnedTopic, levies: OwnedTopic, tmp_path: Path) -> None:
    people.snapshot(write_people(tmp_path / "people.tsv", {1: 1, 2: 2}))
    code, _, err = levies.run(write_rows(tmp_path / "levies.tsv", LEVY_HEADER, ["1\tkim\t1\t100"]), state_dir=people.state_dir)
    assert code == exit_codes.OK, err
    began = time.monotonic()
    said = people.ask_status()
    seconds = time.monotonic() - began
    print(f"status of a machine with two owners: {seconds:.1f} s")
    assert seconds < 25, "no question about the other owner's topic, which would be left without answer"
    own, foreign = sorted(said.split("\n\n"), key=lambda block: not block.startswith(people.topic))
    assert own.splitlines()[0] == people.topic and "behind    nothing" in own
    assert foreign.splitlines()[0] == levies.topic and "behind    not asked: of another owner" in foreign
    assert max(map(len, said.splitlines())) <= 80
    told = {each["topic"]: each for each in json.loads(people.ask_status("--json"))}
    assert (told[people.topic]["behind"], told[levies.topic]["behind"], told[levies.topic]["problem"]) == (0, None, None)
    take_rights(people)
    said = people.ask_status(expect=exit_codes.KAFKA)
    assert "problem" in said and "this user has no right to it" in " ".join(said.split())
