"""Rows become keys and images, or say everything that is wrong with them."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import fastavro
import pytest

from gongyu_producers.rows import LARGEST_IMAGE, Row
from gongyu_producers.source import Format
from gongyu_schemas.errors import ConfigError
from tests.producers.models import LEVY, PERSON, read_rows, type_of
from tests.producers.registers import LEVY_HEADER, PERSON_HEADER, person, write_rows

COUNT = {"name": "count", "type": ["null", "int"], "default": None}
DAY = {"name": "day", "type": {"type": "int", "logicalType": "date"}}


def decoded(schema: Any, body: bytes | None) -> Any:
    assert body is not None
    stream = io.BytesIO(body)
    value = fastavro.schemaless_reader(stream, fastavro.parse_schema(schema), None)
    assert not stream.read()
    return value


def reasons(row: Row) -> list[tuple[str | None, str]]:
    return [(problem.field, problem.reason) for problem in row.problems]


def test_an_image_is_what_any_avro_reader_reads(tmp_path: Path) -> None:
    thing = type_of(COUNT, DAY, columns={"날": "day"})
    [row] = read_rows(thing, write_rows(tmp_path / "f", "날\tid\tcount", ["2020-02-29\t가\t"]))
    assert decoded(thing.record_schema, row.image)["day"].isoformat() == "2020-02-29"
    assert decoded(thing.record_schema, row.image)["count"] is None
    assert row.subject is None
    assert row.problems == []


def test_a_row_says_everything_that_is_wrong_with_it(tmp_path: Path) -> None:
    [row] = read_rows(PERSON, write_rows(tmp_path / "f", PERSON_HEADER, ["1\t\tx\tmuch\t?\t1.234"]))
    assert [field for field, _ in reasons(row)] == ["name", "income", "score", "fee"]
    assert row.key is not None
    assert row.image is None


@pytest.mark.parametrize("line", ["\tName\tx\t1\t1\t1", "1\tName\tx\t1\t1", "1\tName\tx\t1\t1\t1\t1"])
def test_a_row_without_readable_key_has_none(tmp_path: Path, line: str) -> None:
    [row] = read_rows(PERSON, write_rows(tmp_path / "f", PERSON_HEADER, [line]))
    assert row.key is None
    assert row.problems


def test_null_texts_are_the_owners_choice(tmp_path: Path) -> None:
    file = write_rows(tmp_path / "f", "id\tcount", ["1\t\\N", "2\t", "\\N\t3"])
    rows = read_rows(type_of(COUNT), file, null_texts=("\\N",))
    assert [reasons(row) for row in rows] == [
        [],
        [("count", "not a whole number")],
        [("id", "null, but the field is never null")],
    ]


def test_a_record_too_large_for_a_message_is_rejected(tmp_path: Path) -> None:
    file = write_rows(tmp_path / "f", PERSON_HEADER, [f"1\t{'x' * LARGEST_IMAGE}\tx\t1\t1\t1", person(2)])
    large, small = read_rows(PERSON, file)
    assert "more than 400,000" in large.problems[0].reason
    assert large.key is not None
    assert small.problems == []


def test_the_subject_is_kept_where_it_is_not_the_key(tmp_path: Path) -> None:
    [row] = read_rows(LEVY, write_rows(tmp_path / "f", LEVY_HEADER, ["5\tkim\t1\t"]))
    assert row.subject == b"\x06kim"
    assert row.key == b"\x0a"


@pytest.mark.parametrize(
    ("header", "message"),
    [
        ("id\tcount\tcount", "column 'count' occurs twice"),
        ("id\tnumber", "unknown column 'number'; no column for field 'count'"),
        ("id", "no column for field 'count'"),
        ("id\tcount\tn", "columns 'count' and 'n' are both field 'count'"),
    ],
)
def test_a_header_that_does_not_fit_is_refused_with_all_misfits(tmp_path: Path, header: str, message: str) -> None:
    with pytest.raises(ConfigError, match=f"line 1: .*{message}"):
        read_rows(type_of(COUNT, columns={"n": "count"}), write_rows(tmp_path / "f", header, ["1\t2"]))


def test_columns_can_be_mapped_and_passed_over(tmp_path: Path) -> None:
    file = write_rows(tmp_path / "f", "a=b\tnote\tcount", ["1\tx\t2"])
    thing = type_of(COUNT)
    [row] = read_rows(thing, file, maps=["a=b=id"], ignored=["note"])
    assert decoded(thing.record_schema, row.image) == {"id": "1", "count": 2}
    for wrong, message in (("a", "HEADER=field"), ("a=zip", "has no field 'zip'")):
        with pytest.raises(ConfigError, match=message):
            read_rows(thing, file, maps=[wrong])


def test_operations_are_read_and_a_delete_needs_only_its_key(tmp_path: Path) -> None:
    file = write_rows(
        tmp_path / "f", "op\tid\tcount\tday", ["C\t1\t\t2020-01-01", "delete\t2\t\t", "u\t3\t\tx", "\t4\t\t2020-01-01", "d\t5"]
    )
    rows = read_rows(type_of(COUNT, DAY), file, op="op")
    assert [row.op for row in rows] == ["c", "d", "u", "", "u"]
    assert [bool(row.problems) for row in rows] == [False, False, True, True, True]
    assert rows[1].image is None
    with pytest.raises(ConfigError, match="no column 'operation'"):
        read_rows(type_of(COUNT, DAY), file, op="operation", ignored=["op"])


def test_a_delete_says_its_whole_record_where_the_key_is_not_the_subject(tmp_path: Path) -> None:
    file = write_rows(tmp_path / "f", f"op\t{LEVY_HEADER}", ["d\t5\tkim\t1\t", "d\t6\t\t\t"])
    whole, torn = read_rows(LEVY, file, op="op")
    assert (whole.problems, whole.image is not None, whole.subject) == ([], True, b"\x06kim")
    assert torn.problems


def test_json_objects_take_defaults_and_refuse_what_they_do_not_know(tmp_path: Path) -> None:
    thing = type_of(COUNT, DAY, columns={"날": "day"})
    lines = [
        "torn",
        '{"id": "1", "날": "2020-01-01"}',
        '{"id": "2", "day": "2020-01-01", "날": "2020-01-01"}',
        '{"id": "3", "day": "2020-01-01", "what": 1}',
        '{"id": "4"}',
        '{"id": null, "day": "2020-01-01"}',
    ]
    rows = read_rows(thing, write_rows(tmp_path / "f", lines[0], lines[1:]), Format.JSONL)
    assert [row.problems == [] for row in rows] == [False, True, False, False, False, False]
    assert [row.key is None for row in rows] == [True, False, False, False, False, True]
    assert decoded(thing.record_schema, rows[1].image)["count"] is None
    assert reasons(rows[4]) == [("day", "absent")]


def test_a_foreign_json_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"line 1: the first object does not fit .* unknown names 'x'"):
        read_rows(type_of(COUNT), write_rows(tmp_path / "f", '{"x": 1, "id": "1"}', []), Format.JSONL)
    with pytest.raises(ConfigError, match="no line is a JSON object"):
        read_rows(type_of(COUNT), write_rows(tmp_path / "f", "id\tcount", ["1\t2"]), Format.JSONL)


def test_an_absent_decimal_takes_its_default_bytes(tmp_path: Path) -> None:
    fee = {"name": "fee", "type": {"type": "bytes", "logicalType": "decimal", "precision": 6, "scale": 2}, "default": "\u00ff"}
    thing = type_of(fee)
    [row] = read_rows(thing, write_rows(tmp_path / "f", '{"id": "1"}', []), Format.JSONL)
    assert str(decoded(thing.record_schema, row.image)["fee"]) == "-0.01"
