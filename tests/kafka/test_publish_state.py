"""The owner's local state: lost, foreign, behind or moved, it is never taken for an empty register."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from confluent_kafka import TopicPartition
from confluent_kafka.admin import NewTopic

from gongyu_schemas import exit_codes
from gongyu_schemas.envelope import owner_envelope
from gongyu_schemas.names import value_subject
from gongyu_schemas.transport.clients import make_admin, make_producer
from tests.producers.owned_topic import OwnedTopic
from tests.producers.registers import LEVY_HEADER, PERSON_HEADER, person, write_people, write_rows
from tests.waiting import wait_until

pytestmark = pytest.mark.kafka


def test_a_lost_state_on_a_topic_with_messages_is_refused_until_it_is_rebuilt(people: OwnedTopic, tmp_path: Path) -> None:
    file = write_people(tmp_path / "people.tsv", {1: 1, 2: 2, 3: 3})
    people.snapshot(file)
    shutil.rmtree(people.state_dir)
    code, out, err = people.run(file, "--snapshot")
    assert (code, out) == (exit_codes.USAGE, "")
    assert "--rebuild-state" in err
    assert not list(people.state_dir.rglob("*.db"))
    assert people.snapshot(file, "--rebuild-state")["unchanged"] == 3
    write_people(file, {1: 1, 2: 5, 4: 4})
    summary = people.snapshot(file, "--allow-deletes")
    assert (summary["created"], summary["updated"], summary["deleted"]) == (1, 1, 1)
    assert len(people.register()) == 3


def test_a_state_cannot_be_rebuilt_from_a_topic_that_lost_its_beginning(people: OwnedTopic, tmp_path: Path) -> None:
    file = write_people(tmp_path / "people.tsv", dict.fromkeys(range(50), 1))
    people.snapshot(file)
    admin = make_admin(people.admin_profile)
    admin.delete_records([TopicPartition(people.topic, 0, 1)])
    shutil.rmtree(people.state_dir)
    for options in ([], ["--rebuild-state"]):
        wanted = "is missing" if not options else "no longer holds its first messages"

        def refused(options: list[str] = options, wanted: str = wanted) -> bool:
            code, _, err = people.run(file, "--snapshot", *options)
            return code == exit_codes.USAGE and wanted in err

        wait_until(refused, 30, wanted)


def test_a_state_of_a_topic_that_was_made_again_is_refused(people: OwnedTopic, tmp_path: Path) -> None:
    file = write_people(tmp_path / "people.tsv", {1: 1})
    people.snapshot(file)
    admin = make_admin(people.admin_profile)
    admin.delete_topics([people.topic])[people.topic].result(10)
    wait_until(lambda: people.topic not in admin.list_topics(timeout=10).topics, 30, "the topic is gone")
    admin.create_topics([NewTopic(people.topic, people.information_type.partitions, 1)])[people.topic].result(10)
    code, _, err = people.run(file, "--snapshot")
    assert code == exit_codes.USAGE
    assert "deleted and made again" in err
    assert people.snapshot(file, "--rebuild-state")["created"] == 1


def test_what_another_machine_published_is_read_from_the_topic_first(people: OwnedTopic, tmp_path: Path) -> None:
    file = write_people(tmp_path / "people.tsv", {1: 1, 2: 2})
    people.snapshot(file)
    other = tmp_path / "other"
    shutil.copytree(people.state_dir, other)
    write_people(file, {1: 1, 2: 3})
    people.snapshot(file)
    code, out, err = people.run(file, "--snapshot", "--json", state_dir=other)
    assert code == exit_codes.OK, err
    assert json.loads(out)["unchanged"] == 2


def test_a_dry_run_changes_neither_topic_nor_state_nor_files(people: OwnedTopic, tmp_path: Path) -> None:
    file = write_people(tmp_path / "people.tsv", {1: 1, 2: 2, 3: 3}, person(4, "much"))
    summary = people.snapshot(file, "--dry-run", expect=exit_codes.REJECTED)
    assert (summary["created"], summary["rejected"]) == (3, 1)
    assert not people.state_dir.exists()
    people.snapshot(write_people(file, {1: 1, 2: 2, 3: 3}))
    kept = {path: path.read_bytes() for path in people.state_dir.rglob("*") if path.is_file()}
    summary = people.snapshot(write_people(file, {1: 1, 2: 5, 4: 4}), "--dry-run")
    assert summary["keys"] == {"create": [{"id": "4"}], "update": [{"id": "2"}], "delete": [{"id": "3"}]}
    assert "a run would be stopped: 1 of 3" in summary["notes"][0]
    assert {path: path.read_bytes() for path in people.state_dir.rglob("*") if path.is_file()} == kept
    assert len(people.messages()) == 3
    assert [path.name for path in tmp_path.glob("people.tsv*")] == ["people.tsv"]


def test_messages_that_are_no_changes_leave_the_published_images(people: OwnedTopic, tmp_path: Path) -> None:
    file = write_people(tmp_path / "people.tsv", {1: 1, 2: 2})
    people.snapshot(file)
    poison = make_producer(people.admin_profile)
    for value in (b"", b"\x01\x00", b"\x00\x00\x00\x00\x02torn", b"\x00\x00\x00\x03\xe7unknown"):
        poison.produce(people.topic, value, b"key")
    assert poison.flush(30) == 0
    summary = people.snapshot(file)
    assert (summary["unchanged"], summary["created"]) == (2, 0)
    assert summary["notes"] == ["4 messages on the topic are no changes; passed over"]


def test_bad_rows_repeated_keys_and_unreadable_keys_never_delete(people: OwnedTopic, tmp_path: Path) -> None:
    file = write_people(tmp_path / "people.tsv", {1: 1, 2: 2, 3: 3, 4: 4})
    people.snapshot(file)
    write_people(file, {1: 9}, person(2, "much"), person(3, 30), person(3, 31))
    summary = people.snapshot(file, "--allow-deletes", expect=exit_codes.REJECTED)
    assert (summary["updated"], summary["deleted"], summary["rejected"]) == (1, 1, 3)
    assert people.incomes() == {1: 9, 2: 2, 3: 3}
    rejects = [json.loads(line) for line in Path(summary["rejects_file"]).read_text(encoding="utf-8").splitlines()]
    assert [(each["line"], each["field"]) for each in rejects] == [(3, "income"), (4, "id"), (5, "id")]
    write_people(file, {1: 10}, person("", 5))
    summary = people.snapshot(file, "--allow-deletes", expect=exit_codes.REJECTED)
    assert (summary["updated"], summary["deleted"], summary["deletes_withheld"]) == (1, 0, 2)
    people.snapshot(write_people(file, {1: 10, 2: 2, 3: 3}))
    assert not (tmp_path / "people.tsv.rejects.jsonl").exists()


def test_plain_mode_publishes_rows_as_they_stand_and_a_later_snapshot_knows_them(people: OwnedTopic, tmp_path: Path) -> None:
    people.snapshot(write_people(tmp_path / "people.tsv", {1: 1, 2: 2, 3: 3}))
    changes = write_rows(
        tmp_path / "changes.tsv",
        f"what\t{PERSON_HEADER}",
        [f"u\t{person(1, 10)}", "delete\t2\t\t\t\t\t", f"INSERT\t{person(4, 4)}", f"u\t{person(4, 5)}", f"x\t{person(5)}"],
    )
    code, out, err = people.run(changes, "--op-column", "what", "--json")
    assert code == exit_codes.REJECTED, err
    summary = json.loads(out)
    assert (summary["created"], summary["updated"], summary["deleted"], summary["rejected"]) == (1, 2, 1, 1)
    last = [(each.change["op"], each.change["before"]) for each in people.messages() if each.change["ts_ms"] and each.key["id"] == "4"]
    assert last == [("c", None), ("u", None)]
    code, out, err = people.run(write_people(tmp_path / "new.tsv", {3: 33}))
    assert code == exit_codes.OK, err
    summary = people.snapshot(write_people(tmp_path / "people.tsv", {1: 10, 3: 33, 4: 5}))
    assert (summary["unchanged"], summary["deleted"], summary["created"]) == (3, 0, 0)


def test_plain_mode_needs_no_state_but_a_snapshot_after_it_does(people: OwnedTopic, tmp_path: Path) -> None:
    file = write_people(tmp_path / "people.tsv", {1: 1})
    people.snapshot(file)
    shutil.rmtree(people.state_dir)
    code, _, err = people.run(file)
    assert code == exit_codes.OK, err
    assert len(people.messages()) == 2
    code, _, err = people.run(file, "--snapshot")
    assert code == exit_codes.USAGE


def test_a_record_keeps_its_subject(levies: OwnedTopic, tmp_path: Path) -> None:
    file = write_rows(tmp_path / "levies.tsv", LEVY_HEADER, ["1\tkim\t1\t100", "2\tkim\t1\t200", "3\tlee\t1\t300"])
    levies.snapshot(file)
    write_rows(file, LEVY_HEADER, ["1\tkim\t2\t150", "2\tlee\t2\t200"])
    summary = levies.snapshot(file, "--allow-deletes", expect=exit_codes.REJECTED)
    assert (summary["updated"], summary["deleted"], summary["rejected"]) == (1, 1, 1)
    keys = [each.key for each in levies.messages()]
    assert sorted(key["payer"] for key in keys) == ["kim", "kim", "kim", "lee", "lee"]
    assert len({each.partition for each in levies.messages() if each.key["payer"] == "kim"}) == 1
    reject = json.loads(Path(summary["rejects_file"]).read_text(encoding="utf-8"))
    assert "another subject" in reject["reason"]


def test_a_new_field_with_a_default_alone_publishes_nothing(people: OwnedTopic, tmp_path: Path) -> None:
    file = write_people(tmp_path / "people.tsv", {1: 1, 2: 2})
    people.snapshot(file)
    record = people.folder / "person" / "record.avsc"
    schema = json.loads(record.read_text(encoding="utf-8"))
    schema["fields"].append({"name": "floor", "type": ["null", "int"], "default": None})
    record.write_text(json.dumps(schema), encoding="utf-8")
    declared = people.folder / "person" / "type.yaml"
    declared.write_text(declared.read_text(encoding="utf-8").replace("fee: internal", "fee: internal\n  floor: public"), encoding="utf-8")
    rows = write_rows(file, f"{PERSON_HEADER}\tfloor", [f"{person(1, 1)}\t", f"{person(2, 2)}\t4"])
    code, _, err = people.run(rows, "--snapshot")
    assert code == exit_codes.USAGE
    assert "the hub works with another version of this type" in err
    from gongyu_schemas.information_type import load_type

    people.registry.add(value_subject(people.topic), owner_envelope(load_type(people.folder / "person")))
    summary = people.snapshot(rows)
    assert (summary["unchanged"], summary["updated"]) == (1, 1)
    shutil.rmtree(people.state_dir)
    assert people.snapshot(rows, "--rebuild-state")["unchanged"] == 2
