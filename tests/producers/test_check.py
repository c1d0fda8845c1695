"""`types check`: what fits, what would be rejected and why, without Kafka; every suggestion is one that publishing then takes."""

from __future__ import annotations

import dataclasses
import json
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import typer
import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from gongyu_producers.check import Verdict, check_file, quoted
from gongyu_producers.cli import app
from gongyu_producers.columns import make_naming
from gongyu_producers.lines import Encoding
from gongyu_producers.source import Asked, Format
from gongyu_producers.verdict_text import exit_code_of, verdict_as_json, verdict_as_text
from gongyu_schemas import exit_codes
from gongyu_schemas.errors import ConfigError
from gongyu_schemas.information_type import InformationType, Publishing
from tests.producers.models import PERSON, read_rows
from tests.producers.registers import PERSON_HEADER, person, write_rows


class Silent:
    """Steps that nobody watches."""

    def begin(self, name: str, total: int) -> None: ...

    def show(self, done: int, items: int) -> None: ...


def check(
    file: Path, information_type: InformationType = PERSON, *, maps: tuple[str, ...] = (), op: str | None = None, **stated: Any
) -> Verdict:
    return check_file(Asked(file, make_naming(information_type, maps, (), op), **stated), information_type, Silent())


def command_of(verdict: Verdict, folders: Sequence[Path] = ()) -> list[str]:
    """The command that is shown at the end, as a shell would take it apart."""
    return shlex.split(verdict_as_text(verdict, PERSON, folders).splitlines()[-1])


def test_a_file_that_fits_is_told_so(tmp_path: Path) -> None:
    verdict = check(write_rows(tmp_path / "people.tsv", PERSON_HEADER, [person(number) for number in range(5)]))
    assert (verdict.rows, verdict.rejected, verdict.matches.fit, exit_code_of(verdict)) == (5, 0, True, exit_codes.OK)
    assert "5 rows: 5 good, 0 rejected" in verdict_as_text(verdict, PERSON, [])


def test_rejected_rows_are_counted_by_reason_repeated_keys_among_them(tmp_path: Path) -> None:
    rows = [*(person(number) for number in range(50)), person(7), person(7), person(60, "much"), person(61, "more"), person(62) + "\tx"]
    verdict = check(write_rows(tmp_path / "people.tsv", PERSON_HEADER, rows))
    assert (verdict.rows, verdict.rejected, exit_code_of(verdict)) == (55, 6, exit_codes.REJECTED)
    reasons = {(each.field, each.reason): (each.rows, each.first_line) for each in verdict.reasons}
    assert reasons[("id", "the key occurs in several rows")] == (3, 9)
    assert reasons[("income", "not a whole number")] == (2, 54)
    assert reasons[(None, "7 cells where the header has 6")] == (1, 56)
    assert [each["line"] for each in verdict.rejects] == [9, 52, 53, 54, 55, 56]
    said = verdict_as_text(verdict, PERSON, [])
    assert "2 x income: not a whole number (first: line 54)" in said and "much" not in said
    assert json.loads(verdict_as_json(verdict, PERSON))["rejected"] == 6


def test_odd_headers_get_suggestions_that_publishing_then_takes(tmp_path: Path) -> None:
    header = "ID;Na me;REGION;in-come;Score_;지불액;더"
    file = tmp_path / "people.csv"
    file.write_bytes("\n".join([header, *(f"{n};김{n};서울;{n};0.5;1.00;x" for n in range(9)), ""]).encode("cp949"))
    korean = dataclasses.replace(PERSON, publishing=Publishing(columns={"지불 액": "fee"}))
    verdict = check(file, korean)
    assert (verdict.source.encoding, verdict.source.delimiter, exit_code_of(verdict)) == (Encoding.CP949, ";", exit_codes.USAGE)
    assert verdict.matches.suggested == {
        "ID": "id", "Na me": "name", "REGION": "region", "in-come": "income", "Score_": "score", "지불액": "fee",
    }  # fmt: skip
    assert verdict.matches.unknown == ("더",)
    assert (verdict.rows, verdict.rejected) == (9, 0)
    said = verdict_as_text(verdict, korean, [])
    assert '    "Na me": name' in said and "    지불액: fee" in said
    assert "--encoding cp949 --delimiter semicolon" in said and "--ignore '더'" in said
    maps = [f"{column}={field}" for column, field in verdict.matches.suggested.items()]
    rows = read_rows(korean, file, Format.CSV, maps=maps, ignored=["더"], encoding=Encoding.CP949, delimiter=";")
    assert len(rows) == 9 and not any(row.problems for row in rows)


def test_a_missing_column_leaves_the_others_to_be_checked(tmp_path: Path) -> None:
    rows = ["1\tKim\tSeoul\t5\t0.5", "2\tLee\t\tmuch\t0.5", "3\tHan"]
    verdict = check(write_rows(tmp_path / "people.tsv", "id\tname\tregion\tincome\tscore", rows))
    assert (verdict.matches.missing, verdict.compared, exit_code_of(verdict)) == (("fee",), False, exit_codes.USAGE)
    assert (verdict.rows, verdict.rejected) == (3, 2)
    said = verdict_as_text(verdict, PERSON, [])
    assert "missing: no column for field fee (decimal)" in said and "name theirs with --map HEADER=field" in said


def test_a_file_of_which_no_column_fits_has_no_good_rows(tmp_path: Path) -> None:
    table = write_rows(tmp_path / "a.tsv", "what\thow", ["1\t2", "3\t4"])
    (tmp_path / "a.jsonl").write_text('{"what": 1, "how": 2}\n' * 2, encoding="utf-8")
    pq.write_table(pa.table({"what": [1, 2], "how": [3, 4]}), tmp_path / "a.parquet")
    for file in (table, tmp_path / "a.jsonl", tmp_path / "a.parquet"):
        verdict = check(file)
        assert (verdict.rows, verdict.rejected, exit_code_of(verdict)) == (0, 0, exit_codes.USAGE)
        said = verdict_as_text(verdict, PERSON, [])
        assert "fits type 'person', so no row was read. Is it the right file and --type?" in said
        assert "good" not in said and "gongyu-owner publish" not in said


def test_the_command_that_is_shown_can_be_pasted(tmp_path: Path) -> None:
    rows = [person(number) for number in range(3)]
    file = write_rows(tmp_path / "my people.txt", PERSON_HEADER.replace("\t", ";"), [row.replace("\t", ";") for row in rows])
    folders = [tmp_path / "my types", tmp_path / "more"]
    shown = command_of(check(file, quotes=False, null_texts=("", "-")), folders)
    options = {
        "type_name": "person", "types": folders, "file_format": Format.TSV, "delimiter": "semicolon", "no_quotes": True,
        "null": ["", "-"], "snapshot": True, "profile": Path(f"owner.{PERSON.owner}.yaml"),
    }  # fmt: skip
    assert shown[:2] == ["gongyu-owner", "publish"]
    taken = typer.main.get_group(app).commands["publish"].make_context("publish", shown[2:]).params
    assert taken == taken | options | {"file": file}
    changes = write_rows(tmp_path / "changes.tsv", f"{PERSON_HEADER}\twhat", [f"{person(1)}\tu"])
    shown = command_of(check(changes, op="what"))
    assert "--snapshot" not in shown and shown[shown.index("--op-column") + 1] == "what", "a snapshot has no operations"


def test_double_columns_are_told(tmp_path: Path) -> None:
    verdict = check(write_rows(tmp_path / "people.tsv", f"{PERSON_HEADER}\tno\tfee", [person(1) + "\t1\t2"]), maps=("no=id",))
    assert [(each.column, each.how) for each in verdict.matches.columns[6:]] == [("no", "double"), ("fee", "double")]
    assert exit_code_of(verdict) == exit_codes.USAGE


def test_a_title_above_the_header_is_recognised(tmp_path: Path) -> None:
    file = write_rows(tmp_path / "people.tsv", "주민 목록", [PERSON_HEADER, *(person(number) for number in range(9))])
    verdict = check(file)
    assert verdict.hints == ("the first line has fewer cells than the others: is it a title? Remove the lines above the header",)


def test_json_lines_and_changes_are_checked_too(tmp_path: Path) -> None:
    lines = [{"id": "1", "Name": "a", "region": None, "income": 1, "score": 1, "fee": "1.00"}, {"id": "2", "Name": "b"}]
    file = tmp_path / "people.jsonl"
    file.write_text("".join(json.dumps(each) + "\n" for each in lines), encoding="utf-8")
    verdict = check(file)
    assert (verdict.rows, verdict.rejected, verdict.matches.suggested) == (2, 1, {"Name": "name"})
    changes = write_rows(tmp_path / "changes.tsv", f"{PERSON_HEADER}\top", [f"{person(1)}\tu", f"{person(1)}\tu", f"{person(2)}\tx"])
    verdict = check(changes, op="op")
    assert (verdict.rows, verdict.rejected, verdict.matches.fit) == (3, 1, True)


def test_parquet_is_checked_by_its_types(tmp_path: Path) -> None:
    file = tmp_path / "people"
    columns = {"ID": ["1", "2"], "name": ["a", "b"], "region": ["c", None], "income": [1, None], "score": [0.5, 1.5], "fee": ["1.00", "x"]}
    pq.write_table(pa.table(columns), file)
    verdict = check(file)
    assert (verdict.source.format, verdict.matches.suggested, verdict.rows, verdict.rejected) == (Format.PARQUET, {"ID": "id"}, 2, 1)
    pq.write_table(pa.table(columns | {"income": [1.0, 2.0]}), file)
    with pytest.raises(ConfigError, match="a floating-point number is no whole number"):
        check(file)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "the file is empty"),
        (b"PK\x03\x04 a workbook", "this is an Excel file, or another ZIP archive; save the sheet in Excel as `CSV UTF-8`"),
        ("id\tname\n".encode("utf-16"), "UTF-16 text; save it as UTF-8"),
        (b"\x1f\x8b\x08", "compressed by gzip; unpack it first"),
        (b"id\tname\n\xff\xff\xff", "neither of the encodings that can be read fits"),
        (b'id\tname\n"a"b\tc\n', "broken quotes"),
        (b"\n\n", "no header line"),
    ],
)
def test_files_that_are_no_text_say_what_they_are(tmp_path: Path, content: bytes, message: str) -> None:
    file = tmp_path / "people.tsv"
    file.write_bytes(content)
    with pytest.raises(ConfigError) as told:
        check(file)
    assert message in str(told.value)


@given(st.text(st.characters(codec="utf-8")))
@example("null")
@example("\ufeff\x85\u2028")
def test_any_header_survives_being_pasted(header: str) -> None:
    assert yaml.safe_load(f"columns: {{{quoted(header)}: x}}") == {"columns": {header: "x"}}
    assert yaml.safe_load(f"columns:\n  {quoted(header)}: x") == {"columns": {header: "x"}}
