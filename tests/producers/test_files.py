"""Files as owners have them: encodings, quotes, line ends, and places that can be found again."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gongyu_producers.delimited import read_delimited
from gongyu_producers.json_lines import read_json_lines
from gongyu_producers.lines import Encoding, Lines
from gongyu_producers.source import Format, format_of, read_delimiter
from gongyu_schemas.errors import ConfigError


def rows(file: Path, delimiter: str = ",", *, quotes: bool = True, encoding: Encoding = Encoding.UTF_8) -> list[tuple[int, list[str]]]:
    lines = Lines(file, encoding)
    try:
        return list(read_delimited(lines, delimiter, quotes=quotes))
    finally:
        lines.close()


def written(folder: Path, content: bytes) -> Path:
    file = folder / "f.csv"
    file.write_bytes(content)
    return file


def test_a_row_is_told_by_the_line_where_it_begins(tmp_path: Path) -> None:
    file = written(tmp_path, b'a,b\r\n"1\n2","x ""y"" , z"\r\n\r\n3,4')
    assert rows(file) == [(1, ["a", "b"]), (2, ["1\n2", 'x "y" , z']), (5, ["3", "4"])]


def test_a_byte_order_mark_is_tolerated(tmp_path: Path) -> None:
    assert rows(written(tmp_path, "\ufeff가,b\n".encode())) == [(1, ["가", "b"])]


def test_cp949_is_read(tmp_path: Path) -> None:
    assert rows(written(tmp_path, "이름,뷁\n".encode("cp949")), encoding=Encoding.CP949) == [(1, ["이름", "뷁"])]


@pytest.mark.parametrize(
    ("content", "encoding", "place"),
    [
        ("a\n이름\n".encode("cp949"), Encoding.UTF_8, "line 2, byte 1: not utf-8; is it --encoding cp949?"),
        (b"a\nb\xff\n", Encoding.CP949, "line 2, byte 2: not cp949; is it --encoding utf-8?"),
    ],
)
def test_bytes_of_another_encoding_are_told_with_their_place(tmp_path: Path, content: bytes, encoding: Encoding, place: str) -> None:
    with pytest.raises(ConfigError, match=place.replace("?", "\\?")):
        rows(written(tmp_path, content), encoding=encoding)


@pytest.mark.parametrize(
    ("content", "line"),
    [(b'a,b\n1,"x"y\n', 2), (b'a,b\n1,2\n3,"never\nclosed\n', 3), (b"a,b\n1\r2,3\n", 2)],
)
def test_broken_quoting_refuses_the_file_with_the_line(tmp_path: Path, content: bytes, line: int) -> None:
    with pytest.raises(ConfigError, match=f"line {line}: the row that begins here has broken quotes"):
        rows(written(tmp_path, content))


def test_quotes_can_be_ordinary_characters(tmp_path: Path) -> None:
    assert rows(written(tmp_path, b'a\t"b\n'), "\t", quotes=False) == [(1, ["a", '"b'])]


def test_an_empty_and_a_missing_file_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="the file is empty"):
        rows(written(tmp_path, b""))
    with pytest.raises(ConfigError, match="there is no such file"):
        rows(tmp_path / "none.csv")
    with pytest.raises(ConfigError, match="it is a folder"):
        rows(tmp_path)


@given(st.lists(st.lists(st.text(st.characters(codec="utf-8")), min_size=2, max_size=4), min_size=1))
def test_whatever_a_csv_writer_writes_is_read_back(tmp_path_factory: pytest.TempPathFactory, table: list[list[str]]) -> None:
    out = io.StringIO()
    csv.writer(out, lineterminator="\n", quoting=csv.QUOTE_ALL).writerows(table)
    file = tmp_path_factory.mktemp("csv") / "f.csv"
    file.write_bytes(out.getvalue().encode())
    text = out.getvalue().removeprefix("\ufeff")
    starts = [line for line, _ in rows(file)]
    assert [cells for _, cells in rows(file)] == table
    assert starts == sorted(set(starts))
    assert all(1 <= line <= text.count("\n") for line in starts)


def test_json_lines_tell_what_is_wrong_with_a_line(tmp_path: Path) -> None:
    deep = "[" * 100_000
    file = tmp_path / "f.jsonl"
    file.write_text('{"a": 1.10}\n\n[1]\n{"a": NaN}\n{"a": 1, "a": 2}\n{"a"\n' + deep + "\n", encoding="utf-8")
    lines = Lines(file, Encoding.UTF_8)
    found = list(read_json_lines(lines))
    lines.close()
    assert [line for line, _ in found] == [1, 3, 4, 5, 6, 7]
    assert str(found[0][1]) == "{'a': Decimal('1.10')}"
    for (_, content), expected in zip(found[1:], ["not a JSON object", "NaN", "twice", "character 5", "deep"], strict=True):
        assert isinstance(content, str)
        assert expected in content


def test_the_extension_tells_the_format_or_the_user_does(tmp_path: Path) -> None:
    assert format_of(Path("A.TSV"), None) is Format.TSV
    assert format_of(Path("a.txt"), Format.CSV) is Format.CSV
    (tmp_path / "a.txt").write_text("a\n", encoding="utf-8")
    with pytest.raises(ConfigError, match="--format"):
        format_of(tmp_path / "a.txt", None)
    assert [read_delimiter(text) for text in ("tab", "\\t", ";", "pipe")] == ["\t", "\t", ";", "|"]
    with pytest.raises(ConfigError, match="--delimiter"):
        read_delimiter("::")
