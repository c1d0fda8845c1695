"""A publish that cannot work says why, with its documented exit code, and publishes nothing."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import SecretStr

from gongyu_producers.status import read_status
from gongyu_schemas import exit_codes
from gongyu_schemas.transport.profile import Profile, write_profile
from tests.producers.owned_topic import OwnedTopic, copy_type
from tests.producers.registers import PERSON_HEADER, person, write_people, write_rows

pytestmark = pytest.mark.kafka


def test_a_wrong_password_is_told(people: OwnedTopic, tmp_path: Path, admin: Profile) -> None:
    write_profile(people.profile_path, admin.model_copy(update={"password": SecretStr("wrong"), "registry": people.registry.url}))
    code, _, err = people.run(write_people(tmp_path / "people.tsv", {1: 1}))
    assert code == exit_codes.KAFKA
    assert "wrong password or no such user" in err


def test_a_registry_that_is_down_or_refuses_is_told(people: OwnedTopic, tmp_path: Path) -> None:
    file = write_people(tmp_path / "people.tsv", {1: 1})
    people.registry.latest.clear()
    code, _, err = people.run(file)
    assert code == exit_codes.USAGE
    assert "the hub does not know this type yet" in err
    people.registry.broken = True
    code, _, err = people.run(file)
    assert code == exit_codes.KAFKA
    assert "the schema registry refuses: 503" in err
    people.registry.close()
    code, _, err = people.run(file)
    assert code == exit_codes.KAFKA
    assert "the schema registry does not answer" in err


def test_another_owners_topic_is_refused(people: OwnedTopic, tmp_path: Path) -> None:
    copy_type(people.folder / "person", tmp_path / "theirs" / "person", "somebody-else", None)
    people.folder = tmp_path / "theirs"
    code, _, err = people.run(write_people(tmp_path / "people.tsv", {1: 1}))
    assert code == exit_codes.USAGE
    assert "is this the profile of owner 'somebody-else'" in err


@pytest.mark.parametrize("mode", [(), ("--snapshot", "--allow-deletes")])
def test_a_file_torn_in_its_middle_publishes_nothing(people: OwnedTopic, tmp_path: Path, mode: tuple[str, ...]) -> None:
    file = write_rows(tmp_path / "people.tsv", PERSON_HEADER, [person(number) for number in range(3_000)])
    with file.open("ab") as end:
        end.write("가\t나".encode("cp949"))
    code, _, err = people.run(file, *mode)
    assert code == exit_codes.USAGE
    assert "line 3002, byte 1: not utf-8" in err
    assert people.messages() == []


def test_a_snapshot_of_nothing_is_stopped_by_the_guard(people: OwnedTopic, tmp_path: Path) -> None:
    file = write_people(tmp_path / "people.tsv", {1: 1})
    people.snapshot(file)
    code, _, err = people.run(write_people(file, {}), "--snapshot")
    assert code == exit_codes.USAGE
    assert "1 of 1 published records (100.0%)" in err
    last = read_status(people.state_dir)[0].last
    assert last is not None and last.outcome.startswith("stopped: 1 of 1 published records (100.0%)")
    assert people.snapshot(file, "--allow-deletes")["deleted"] == 1


def test_json_lines_cp949_and_csv_carry_the_same_register(people: OwnedTopic, tmp_path: Path) -> None:
    line = '{"id": "1", "name": "김가\\n나", "region": "서울, \\"종로\\"", "income": 5, "score": 0.5, "fee": 12.30}\n'
    (tmp_path / "people.jsonl").write_text(line, encoding="utf-8")
    assert people.snapshot(tmp_path / "people.jsonl")["created"] == 1
    csv = '번호;name;region;income;score;fee\n1;"김가\n나";"서울, ""종로""";5;0.50;12.3\n'
    (tmp_path / "people.csv").write_bytes(csv.encode("cp949"))
    options = ("--encoding", "cp949", "--delimiter", ";", "--map", "번호=id")
    assert people.snapshot(tmp_path / "people.csv", *options)["unchanged"] == 1
    [record] = people.register().values()
    assert (record["name"], record["region"]) == ("김가\n나", '서울, "종로"')
