"""The command refuses wrong usage before it connects to anything, with documented exit codes."""

from __future__ import annotations

import json
import shlex
import shutil
from pathlib import Path

import pytest
from pydantic import SecretStr
from typer.testing import CliRunner

from gongyu_producers.cli import app
from gongyu_schemas import exit_codes
from gongyu_schemas.transport.profile import Profile, write_profile
from tests.producers.models import TYPES
from tests.producers.owned_topic import quiet_environment
from tests.producers.registers import PERSON_HEADER, person, write_rows


def run(*arguments: str) -> tuple[int, str, str]:
    ended = CliRunner().invoke(app, arguments, prog_name="gongyu-owner", env=quiet_environment())
    return ended.exit_code, ended.stdout, ended.stderr


@pytest.fixture
def profile(tmp_path: Path) -> Path:
    path = tmp_path / "owner.yaml"
    write_profile(path, Profile(bootstrap="127.0.0.1:1", user="owner.x", password=SecretStr("x"), registry="http://127.0.0.1:1"))
    return path


@pytest.mark.parametrize(
    ("options", "header", "message"),
    [
        (["--type", "unknown"], PERSON_HEADER, "--type 'unknown' is not known; known are"),
        (["--type", "person"], "a\tb", "line 1: the header does not fit type 'person': unknown column 'a'"),
        (["--type", "person", "--snapshot", "--op-column", "op"], PERSON_HEADER, "--op-column: the rows of a --snapshot are states"),
        (["--type", "person", "--max-deletes", "much"], PERSON_HEADER, "--max-deletes 'much'"),
        (["--type", "person", "--map", "x=y"], PERSON_HEADER, "has no field 'y'"),
        (["--type", "person", "--encoding", "cp949"], "\u00e9\u20ac\U0001f600" + PERSON_HEADER, "line 1, byte"),
        (["--type", "person", "--delimiter", "ab"], PERSON_HEADER, "--delimiter 'ab'"),
    ],
)
def test_wrong_usage_and_foreign_files_are_told_before_connecting(
    tmp_path: Path, profile: Path, options: list[str], header: str, message: str
) -> None:
    file = write_rows(tmp_path / "people.tsv", header, [person(1)])
    code, out, err = run("publish", str(file), "--types", str(TYPES), "--profile", str(profile), *options)
    assert (code, out) == (exit_codes.USAGE, "")
    assert message in err
    assert "Traceback" not in err


@pytest.mark.thorough
def test_kafka_that_does_not_answer_is_told_within_seconds(tmp_path: Path, profile: Path) -> None:
    file = write_rows(tmp_path / "people.tsv", PERSON_HEADER, [person(1)])
    code, out, err = run("publish", str(file), "--types", str(TYPES), "--profile", str(profile), "--type", "person")
    assert (code, out) == (exit_codes.KAFKA, "")
    assert "Kafka at 127.0.0.1:1 does not answer" in err


def test_a_workbook_is_told_to_be_one_by_every_command_that_reads_files(tmp_path: Path, profile: Path) -> None:
    file = tmp_path / "people.xlsx"
    file.write_bytes(b"PK\x03\x04 and so on")
    for line in (
        ("publish", str(file), "--types", str(TYPES), "--profile", str(profile), "--type", "person"),
        ("types", "check", str(file), "--types", str(TYPES), "--type", "person"),
        ("types", "new", str(file), "--name", "people", "--owner", "city"),
    ):
        code, out, err = run(*line)
        assert (code, out) == (exit_codes.USAGE, "")
        assert "this is an Excel file" in err and "CSV UTF-8" in err


def test_what_a_command_advises_about_quotes_is_an_option_of_it(tmp_path: Path) -> None:
    file = tmp_path / "a.tsv"
    file.write_text('id\tsize\n1\t5"x"\n2\t"6"x\n', encoding="utf-8")
    line = ("types", "new", str(file), "--name", "thing", "--owner", "city", "--key", "id", "--out", str(tmp_path / "types"))
    code, _, err = run(*line)
    assert code == exit_codes.USAGE and "give --no-quotes" in err
    code, out, err = run(*line, "--no-quotes")
    assert code == exit_codes.OK, err
    [shown] = [text.partition("gongyu-owner ")[2] for text in out.splitlines() if "types check" in text]
    code, out, err = run(*shlex.split(shown))
    assert code == exit_codes.OK, err
    assert "2 rows: 2 good, 0 rejected" in out


def test_types_lists_what_can_be_published() -> None:
    code, out, _ = run("types", "--types", str(TYPES), "--json")
    assert code == exit_codes.OK
    listed = {each["name"]: each for each in json.loads(out)}
    assert {"person", "levy", "resident", "business"} <= listed.keys()
    assert listed["levy"]["key"] == ["bill"]
    assert "levy" in run("types", "--types", str(TYPES))[1]


def test_a_broken_type_stops_nothing_but_itself(tmp_path: Path, profile: Path) -> None:
    folder = tmp_path / "types"
    shutil.copytree(TYPES / "person", folder / "person")
    (folder / "tree").mkdir()
    (folder / "tree" / "type.yaml").write_text("name: tree\n", encoding="utf-8")
    types, file = ("--types", str(folder)), write_rows(tmp_path / "people.tsv", PERSON_HEADER, [person(1)])
    assert run("types", "check", str(file), "--type", "person", *types)[0] == exit_codes.OK
    foreign = write_rows(tmp_path / "foreign.tsv", "a\tb", [])
    code, _, err = run("publish", str(foreign), "--type", "person", "--profile", str(profile), *types)
    assert code == exit_codes.USAGE and "does not fit type 'person'" in err and "tree" not in err
    for line in (("publish", str(file), "--profile", str(profile)), ("types", "check", str(file))):
        code, _, err = run(*line, "--type", "tree", *types)
        assert code == exit_codes.USAGE and err.startswith("error: --type 'tree' is a broken type; mend its folder:\n")
        assert str(folder / "tree" / "type.yaml") in err
    for options in ((), ("--json",)):
        code, out, err = run("types", *types, *options)
        assert code == exit_codes.USAGE and "person" in out and "'tree' is a broken type" in err


def test_help_shows_an_example_and_the_exit_codes() -> None:
    code, out, _ = run("publish", "--help")
    assert code == exit_codes.OK
    assert "gongyu-owner publish residents.tsv" in out
    assert "Exit codes" in out
