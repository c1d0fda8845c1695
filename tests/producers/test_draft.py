"""`types new`: a stranger's file becomes a type that then takes every row of it; what cannot be is said with what to do."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gongyu_producers.columns import Naming
from gongyu_producers.draft import Draft, DraftRequest, draft_type
from gongyu_producers.guess import Guess
from gongyu_producers.lines import Encoding
from gongyu_producers.romanise import romanise
from gongyu_producers.rows import Row
from gongyu_producers.source import Asked, Format
from gongyu_producers.verdict_text import draft_as_json, draft_as_text
from gongyu_schemas.errors import ConfigError
from gongyu_schemas.fields import AVRO_NAME
from tests.producers.models import read_rows

HEADER = "허가 번호;차량번호;신청일자;납부금액(원);면적;시작일;비고;유효여부;1차"
ROW = "P-{0:03};0{0:03};2024-01-{1:02};1{0:03}000;{0}.{1:02};202401{1:02};{2};{3};{4}"


def permits(file: Path, count: int = 40) -> Path:
    rows = [ROW.format(number, number % 28 + 1, "메모" if number % 3 else "", "YN"[number % 2], number or "-") for number in range(count)]
    file.write_bytes("\r\n".join([HEADER, *rows, ""]).encode("cp949"))
    return file


def draft(file: Path, folder: Path, *key: str) -> Draft:
    return draft_type(DraftRequest(asked(file), name="parking-permit", owner="city", key=key, folder=folder))


def asked(file: Path, *ignored: str, **stated: Any) -> Asked:
    return Asked(file, Naming({}, frozenset(ignored), None), **{"null_texts": (), **stated})


def test_a_file_with_odd_headers_in_cp949_becomes_a_type_that_takes_all_its_rows(tmp_path: Path) -> None:
    made = draft(permits(tmp_path / "permits.csv"), tmp_path / "types", "허가 번호")
    fields = {each.name: (each.kind.value, each.nullable, each.doc) for each in made.information_type.fields}
    assert fields == {
        "heoga_beonho": ("string", False, "허가 번호"),
        "charyangbeonho": ("string", True, "차량번호"),  # leading zeros: codes
        "sincheongilja": ("date", True, "신청일자"),
        "napbugeumaek_won": ("long", True, "납부금액(원)"),
        "myeonjeok": ("decimal", True, "면적"),
        "sijakil": ("string", True, "시작일"),
        "bigo": ("string", True, "비고"),
        "yuhyoyeobu": ("boolean", True, "유효여부"),
        "f_1cha": ("long", True, "1차"),
    }
    assert set(made.information_type.classification.values()) == {"personal"}
    assert made.notes == (
        "'시작일': dates as YYYYMMDD stay text; export them as YYYY-MM-DD to have dates",
        "'1차': - taken as null, in every column",
    )
    assert (made.source.encoding, made.source.delimiter, made.rows) == (Encoding.CP949, ";", 40)
    rows: list[Row] = read_rows(
        made.information_type, tmp_path / "permits.csv", Format.CSV,
        encoding=Encoding.CP949, delimiter=";", null_texts=made.information_type.publishing.null_texts,
    )  # fmt: skip
    assert len(rows) == 40 and not any(row.problems for row in rows)
    said = draft_as_text(made)
    assert f"types check {tmp_path / 'permits.csv'} --type parking-permit --types {tmp_path / 'types'} --encoding cp949" in said
    assert "sijakil (string?)\n      note: dates as YYYYMMDD stay text" in said, "beside its column"
    assert "policy" in said and "owner.city.yaml" in said
    assert json.loads(draft_as_json(made))["name"] == "parking-permit"


def test_a_draft_overwrites_nothing(tmp_path: Path) -> None:
    file = permits(tmp_path / "permits.csv")
    made = draft(file, tmp_path / "types", "heoga_beonho")
    before = (made.folder / "type.yaml").read_bytes()
    with pytest.raises(ConfigError, match="there is a type already; edit it, or choose another --name or --out"):
        draft(file, tmp_path / "types", "허가 번호")
    assert (made.folder / "type.yaml").read_bytes() == before


@pytest.mark.parametrize(
    ("key", "content", "message"),
    [
        (
            (),
            "a,b\n1,x\n2,x\n",
            "--key: say which column (or columns) tells the records apart; the columns are 'a', 'b'; unique in the first rows: 'a'",
        ),
        (
            ("c",),
            "a,b\n1,x\n1,x\n",
            "--key: there is no column 'c'; the columns are 'a', 'b'; none is unique in the first rows: give several",
        ),
        (("a",), "a,b,a\n1,x,2\n", "columns 'a' occur twice in the header; name them apart"),
        (("a",), "a,b\n", "no rows behind the header"),
        (("목록",), "목록\na,b,c\n1,2,3\n", "is the first line a title? Remove the lines above the header"),
    ],
)
def test_what_cannot_become_a_type_says_what_to_do(tmp_path: Path, key: tuple[str, ...], content: str, message: str) -> None:
    file = tmp_path / "a.csv"
    file.write_text(content, encoding="utf-8")
    with pytest.raises(ConfigError) as told:
        draft(file, tmp_path / "types", *key)
    assert message in str(told.value)
    assert not (tmp_path / "types").exists()


def test_names_are_checked_and_empty_keys_and_torn_rows_noted(tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    file.write_text("a,b\n1,x\n,y\n3\n", encoding="utf-8")
    with pytest.raises(ConfigError, match="--name 'Permit' is not a name"):
        draft_type(DraftRequest(asked(file), name="Permit", owner="city", key=("a",), folder=tmp_path))
    made = draft(file, tmp_path / "types", "a")
    assert made.notes == (
        "1 rows have another number of cells than the header and would be rejected (lines 4)",
        "'a': is the key, but empty in 1 rows (first: line 3); these would be rejected, and forbid the deletes of a snapshot",
    )


def test_json_lines_become_a_type_too(tmp_path: Path) -> None:
    file = tmp_path / "a.jsonl"
    file.write_text('{"id": "x", "n": 1, "ok": true}\n{"id": "y", "n": 2.50, "late": "2024-01-01"}\n', encoding="utf-8")
    fields = {each.name: each.kind.value for each in draft(file, tmp_path / "types", "id").information_type.fields}
    assert fields == {"id": "string", "n": "decimal", "ok": "boolean", "late": "date"}
    file.write_text('{"id": "x", "n": {"a": 1}}\n', encoding="utf-8")
    with pytest.raises(ConfigError, match="line 1: holds nested values"):
        draft(file, tmp_path / "more", "id")


@pytest.mark.parametrize(
    ("texts", "kind"),
    [
        (["1", "2"], "long"), (["1", "02"], "string"), (["0", "1"], "long"), (["1", "2.5"], "decimal"), (["1e5"], "string"),
        (["true", "5"], "string"), (["Y", "N"], "boolean"), (["2024-01-01"], "date"), (["2024-01-01", "x"], "string"),
        (["2024-13-01"], "string"), (["20240131"], "string"), (["2024.1.3"], "string"), (["1,000"], "string"), (["1,000", "20"], "string"),
        (["2024-01-01T00:00:00Z"], "timestamp"), (["2024-01-01 00:00"], "local timestamp"), (["12:30"], "time"),
        (["00000000-0000-0000-0000-000000000001"], "uuid"), (["9" * 19], "decimal"), (["9" * 40], "string"),
        (["-", "5"], "long"), (["-"], "string"),
    ],
)  # fmt: skip
def test_the_narrowest_type_that_says_every_text_is_guessed(texts: list[str], kind: str) -> None:
    guess = Guess()
    for line, text in enumerate(texts, start=2):
        guess.see(text, line)
    assert guess.kind == kind


@pytest.mark.parametrize(
    ("texts", "note"),
    [
        (
            ["2024-01-01", "2024.1.3", "20240105"],
            "1 as YYYY-MM-DD (first: line 2), 1 as YYYYMMDD (first: line 4), 1 with points",
        ),
        (["2024-01-01", "2024-1-3"], "1 as YYYY-MM-DD (first: line 2), 1 as YYYY-M-D (first: line 3); export them as YYYY-MM-DD"),
        (["2024-01-01", "01/02/2024"], "1 with the year last (first: line 3); export them as YYYY-MM-DD"),
        (["2024년 1월 2일"], "dates with 년, 월, 일 stay text; export them as YYYY-MM-DD to have dates"),
        (["20240131", "20240201"], "dates as YYYYMMDD stay text; export them as YYYY-MM-DD to have dates"),
        (["5", "1,000", "2,000.5"], "1 without separators (first: line 2), 2 with separators (first: line 3); export them without commas"),
        (["1,000"], "numbers with separators stay text; export them without commas to have numbers"),
        (
            [*["2024-01-01"] * 9, "unknown"],
            "9 as YYYY-MM-DD (first: line 2), 1 otherwise (first: line 11); mend these, or",
        ),
        ([*["2024-01-01"] * 9, "2024-13-01"], "9 as YYYY-MM-DD (first: line 2), 1 otherwise (first: line 11)"),
        ([*["2024-01-01"] * 8, "x", "y"], None),
        (["12345", "01234"], None),
        (["2024-01-01", "2024-01-02"], None),
        (["1", "2.5"], None),
        (["text", "more"], None),
    ],
)
def test_a_column_that_looks_like_dates_or_numbers_says_why_it_is_text(texts: list[str], note: str | None) -> None:
    guess = Guess()
    for line, text in enumerate(texts, start=2):
        guess.see(text, line)
    said = guess.note()
    assert said is None if note is None else said is not None and note in said
    assert note is None or guess.kind == "string"
    assert said is None or not any(text in said for text in texts if len(text) > 1), "no value of a record is shown"


def test_what_the_owner_says_of_the_file_is_kept_to(tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    file.write_text('id,size,day,inside\n"1,5",2024-01-01,x\n2,6,unknown,y\n3,7"",2024-01-02,z\n', encoding="utf-8")
    stated = asked(file, "inside", quotes=False, null_texts=("unknown",))
    made = draft_type(DraftRequest(stated, name="thing", owner="city", key=("id",), folder=tmp_path / "types"))
    assert {each.name: each.kind.value for each in made.information_type.fields} == {"id": "string", "size": "string", "day": "date"}
    assert made.information_type.publishing.null_texts == ("", "unknown")
    assert "--no-quotes --ignore inside" in draft_as_text(made)
    rows: list[Row] = read_rows(
        made.information_type, file, Format.CSV, quotes=False, ignored=["inside"], null_texts=made.information_type.publishing.null_texts
    )
    assert [bool(row.problems) for row in rows] == [False, False, False]
    with pytest.raises(ConfigError, match="--ignore passes over every column"):
        draft_type(DraftRequest(asked(file, "id", "size", "day", "inside"), name="x", owner="city", key=(), folder=tmp_path))


@given(
    st.lists(st.sampled_from(["1", "0", "007", "2.5", "true", "Y", "2024-01-01", "2024-01-01T00:00Z", "12:30", "x", "-", ""]), min_size=1)
)
def test_a_guess_does_not_depend_on_the_order_of_rows(texts: list[str]) -> None:
    guesses = [Guess(), Guess()]
    for guess, order in zip(guesses, (texts, texts[::-1]), strict=True):
        for text in order:
            guess.see(text, 1)
    assert guesses[0].kind == guesses[1].kind and guesses[0].schema() == guesses[1].schema()


@pytest.mark.parametrize(
    ("header", "name"),
    [
        ("주민등록번호", "jumindeungrokbeonho"), ("차량 번호", "charyang_beonho"), ("왕십리", "wangsipri"), ("읽기", "ikgi"),
        ("Étage", "etage"),
        ("1차 납부", "f_1cha_napbu"), ("ＡＢＣ", "abc"), ("住所", "column_4"), ("", "column_4"), ("__", "column_4"), ("a" * 99, "a" * 60),
    ],
)  # fmt: skip
def test_headers_are_romanised(header: str, name: str) -> None:
    assert romanise(header, "column_4") == name


@given(st.text())
def test_every_romanised_header_is_an_avro_name(header: str) -> None:
    assert AVRO_NAME.fullmatch(romanise(header, "column_1"))
