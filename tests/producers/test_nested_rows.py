"""Rows of records of every shape: nested JSON, dotted columns, and how a union's type is chosen."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import fastavro
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from gongyu_producers.compound_values import avro_default
from gongyu_producers.json_values import cell_reader, json_reader
from gongyu_producers.records import Records
from gongyu_producers.rows import Row
from gongyu_producers.source import Format
from gongyu_producers.values import BadValue
from gongyu_schemas.errors import ConfigError
from gongyu_schemas.fields import Field, read_tree
from tests.producers.models import read_rows, type_of
from tests.producers.registers import write_rows

PLACE = {
    "type": "record",
    "name": "Place",
    "fields": [{"name": "city", "type": "string"}, {"name": "door", "type": ["null", "int"], "default": None}],
}
MONEY = {"type": "bytes", "logicalType": "decimal", "precision": 6, "scale": 2}
THING = type_of(
    {"name": "home", "type": PLACE},
    {"name": "work", "type": ["null", "Place"], "default": None},
    {"name": "tags", "type": {"type": "array", "items": "string"}, "default": ["new"]},
    {"name": "fees", "type": ["null", {"type": "map", "values": MONEY}], "default": None},
    {"name": "what", "type": ["null", "int", "string", "Place"], "default": None},
    {"name": "print", "type": ["null", {"type": "fixed", "name": "Print", "size": 2}], "default": None},
    columns={"도시": "home.city", "집": "home"},
)
HEADER = "id\t도시\thome.door\twork.city\twork.door\ttags\tfees\twhat\tprint"


def values_of(row: Row) -> Any:
    assert row.problems == []
    assert row.image is not None
    return fastavro.schemaless_reader(io.BytesIO(row.image), fastavro.parse_schema(THING.record_schema), None)


def json_rows(tmp_path: Path, *objects: dict[str, Any]) -> list[Row]:
    file = tmp_path / "f.jsonl"
    file.write_text("".join(json.dumps(each) + "\n" for each in objects), encoding="utf-8")
    return read_rows(THING, file, Format.JSONL)


def reasons(row: Row) -> list[tuple[str | None, str]]:
    return [(problem.field, problem.reason) for problem in row.problems]


WHOLE = {"id": "1", "home": {"city": "Seoul", "door": 3}}
NOTHING = {"work": None, "tags": ["new"], "fees": None, "what": None, "print": None}


def test_a_json_object_is_nested_as_the_record_is(tmp_path: Path) -> None:
    full = {**WHOLE, "work": {"city": "Busan"}, "tags": ["a"], "fees": {"x": "1.50", "y": 2}, "what": {"city": "X"}, "print": "00fF"}
    short, long = json_rows(tmp_path, WHOLE, full)
    assert values_of(short) == {**WHOLE, **NOTHING}
    fees = {"x": Decimal("1.50"), "y": Decimal("2.00")}
    assert values_of(long) == {
        **full,
        "work": {"city": "Busan", "door": None},
        "fees": fees,
        "what": {"city": "X", "door": None},
        "print": b"\x00\xff",
    }


def test_a_json_object_may_name_leaves_of_a_record_by_dotted_names_and_headers(tmp_path: Path) -> None:
    [row] = json_rows(tmp_path, {"id": "1", "도시": "Seoul", "home.door": 3, "work.city": None})
    assert values_of(row) == {**WHOLE, **NOTHING}
    [row] = json_rows(tmp_path, {"id": "1", "집": {"city": "Seoul", "door": 3}, "work.door": 1, "work.city": "X"})
    assert values_of(row) == {**WHOLE, **NOTHING, "work": {"city": "X", "door": 1}}


MISTAKES: list[tuple[dict[str, Any], list[tuple[str, str]]]] = [
    ({"home": None}, [("home", "null, but the field is never null")]),
    ({"home": {"door": 1}}, [("home", "city: absent")]),
    ({"home": {"city": 5}}, [("home", "city: a number where string is expected")]),
    ({"home": {"city": "x", "street": 1}}, [("home", "the record has no field 'street'")]),
    ({"home": "Seoul"}, [("home", "not an object")]),
    ({"home.city": "x"}, [("home.city", "given twice under different names")]),
    ({"work.door": 1}, [("work.city", "absent")]),
    ({"work.door": 1, "work.city": None}, [("work.city", "null, but the field is never null")]),
    ({"tags": ["a", 5]}, [("tags", "item 2: a number where string is expected")]),
    ({"tags": "a"}, [("tags", "not an array")]),
    ({"fees": {"a": "1.234"}}, [("fees", "a value: more than 2 digits after the point")]),
    ({"what": 2.5}, [("what", 'fits none of the types int, string, Place; {"type": value} names one and says what is wrong')]),
    ({"what": {"int": "x"}}, [("what", "int: not a whole number")]),
    ({"print": "00"}, [("print", "not 2 bytes")]),
    ({"print": "xy00"}, [("print", "not bytes: use pairs of hexadecimal digits")]),
]


@pytest.mark.parametrize(("changes", "expected"), MISTAKES)
def test_each_problem_of_a_nested_object_has_its_place(tmp_path: Path, changes: dict[str, Any], expected: list[tuple[str, str]]) -> None:
    [row] = json_rows(tmp_path, {**WHOLE, **changes})
    assert reasons(row) == expected
    assert row.key is not None


def test_a_record_without_default_that_is_absent_is_told_once(tmp_path: Path) -> None:
    [row] = json_rows(tmp_path, {"id": "1"})
    assert reasons(row) == [("home", "absent")]


def test_columns_are_leaves_and_arrays_maps_and_unions_are_json_in_a_cell(tmp_path: Path) -> None:
    lines = [
        '1\tSeoul\t3\t\t\t["new"]\t\t\t',
        '2\tSeoul\t\tBusan\t\t[]\t{"x": 1.5}\t{"int": 7}\t00ff',
        '3\tSeoul\t\tBusan\t9\t[]\t\t"7"\t',
    ]
    one, two, three = read_rows(THING, write_rows(tmp_path / "f", HEADER, lines), quotes=False)
    assert values_of(one) == {**WHOLE, **NOTHING}
    assert values_of(two)["work"] == {"city": "Busan", "door": None}
    assert (values_of(two)["fees"], values_of(two)["what"], values_of(two)["print"]) == ({"x": Decimal("1.50")}, 7, b"\x00\xff")
    assert (values_of(three)["what"], values_of(three)["work"]) == ("7", {"city": "Busan", "door": 9})


def test_a_cell_that_is_null_in_a_record_that_is_there_is_a_problem(tmp_path: Path) -> None:
    lines = ["1\tSeoul\t\t\t9\t[]\t\t\t", "2\tSeoul\t\t\tx\t[]\t\t\t", "3\tSeoul\t\t\t\tnot json\tnull\t\t", "4\t\t\t\t\t[]\t\t\t"]
    found = [reasons(row) for row in read_rows(THING, write_rows(tmp_path / "f", HEADER, lines), quotes=False)]
    assert found[0] == [("work.city", "null, but the field is never null")]
    assert found[1] == [("work.door", "not a whole number"), ("work.city", "null, but the field is never null")]
    assert found[2] == [("tags", "not JSON at character 1: Expecting value"), ("fees", "null in JSON: write it as this file writes null")]
    assert found[3] == [("home.city", "null, but the field is never null")]


def test_a_header_that_names_a_record_is_told_to_name_its_fields(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"column '집' is a record: give each of its fields a column, as in home\.x.*'home\.city'"):
        read_rows(THING, write_rows(tmp_path / "f", "id\t집", ["1\tx"]))


def test_a_parquet_file_has_structs_lists_and_bytes_and_json_in_texts(tmp_path: Path) -> None:
    place = pa.struct([("city", pa.string()), ("door", pa.int32())])
    table = pa.table(
        {
            "id": ["1", "2", "3"],
            "home": pa.array([{"city": "Seoul", "door": 3}] * 3, place),
            "work": pa.array([None, {"city": "Busan", "door": None}, {"city": None, "door": 9}], place),
            "tags": pa.array([["new"], ["a", "b"], []], pa.list_(pa.string())),
            "fees": pa.array([None, '{"x": 1.5}', None]),
            "what": pa.array([None, '{"int": 7}', None]),
            "print": pa.array([None, b"\x00\xff", b"1"], pa.binary()),
        }
    )
    pq.write_table(table, tmp_path / "f.parquet")
    one, two, three = read_rows(THING, tmp_path / "f.parquet", Format.PARQUET)
    assert values_of(one) == {**WHOLE, **NOTHING}
    work = {"city": "Busan", "door": None}
    more = {"tags": ["a", "b"], "fees": {"x": Decimal("1.50")}, "what": 7, "print": b"\x00\xff"}
    assert values_of(two) == {**WHOLE, "id": "2", "work": work, **more}
    assert reasons(three) == [("print", "not 2 bytes"), ("work.city", "null, but the field is never null")]


def one(schema: Any) -> Field:
    return read_tree({"type": "record", "name": "R", "fields": [{"name": "f", "type": schema}]})[0]


@pytest.mark.parametrize(
    ("branches", "value", "expected"),
    [
        (["int", "long"], 5, ("int", 5)),
        (["int", "long"], 2**40, ("long", 2**40)),
        (["int", "long"], {"long": 5}, ("long", 5)),
        (["int", "string"], "5", ("string", "5")),
        (["string", "int"], 5, ("int", 5)),
        (["boolean", "double"], True, ("boolean", True)),
        ([{"type": "int", "logicalType": "date"}, "string"], "1970-01-02", ("int", 1)),
        ([{"type": "int", "logicalType": "date"}, "string"], "1970-13-02", ("string", "1970-13-02")),
        ([{"type": "map", "values": "int"}, {"type": "array", "items": "int"}], [1], ("array", [1])),
        ([{"type": "map", "values": "int"}, "string"], {"a": 1}, ("map", {"a": 1})),
        ([{"type": "enum", "name": "n.E", "symbols": ["A"]}, "string"], "A", ("n.E", "A")),
        ([{"type": "enum", "name": "n.E", "symbols": ["A"]}, "string"], {"string": "A"}, ("string", "A")),
        ([{"type": "enum", "name": "n.E", "symbols": ["A"]}, "string"], {"n.E": "A"}, ("n.E", "A")),
    ],
)
def test_a_union_takes_the_first_type_that_fits_or_the_one_that_is_named(branches: list[Any], value: Any, expected: Any) -> None:
    assert json_reader(one(branches))(value) == expected


@pytest.mark.parametrize("text", ["{", "[1", '{"a": 1, "a": 2}', "NaN", "[" * 100_000])
def test_a_cell_that_is_no_json_is_a_bad_value(text: str) -> None:
    with pytest.raises(BadValue, match="JSON"):
        cell_reader(one({"type": "array", "items": "int"}))(text)


def test_a_decimal_that_is_fixed_fills_its_bytes() -> None:
    read = json_reader(one({"type": "fixed", "name": "F", "size": 4, "logicalType": "decimal", "precision": 6, "scale": 2}))
    assert [read("1.5"), read(-1), read("0"), read(Decimal("-0.01"))] == [
        *(b"\0\0\0\x96", b"\xff\xff\xff\x9c", b"\0\0\0\0", b"\xff\xff\xff\xff"),
    ]


def test_defaults_become_the_values_that_avro_writes() -> None:
    assert avro_default(one({"type": "array", "items": MONEY}), ["\u0001", "ÿ"]) == [b"\x01", b"\xff"]
    assert avro_default(one(PLACE), {"city": "x"}) == {"city": "x", "door": None}
    assert avro_default(one(["string", "int"]), "x") == ("string", "x")
    assert avro_default(one(["null", "int", "string"]), None) is None


def test_a_version_may_lie_in_a_nested_record(tmp_path: Path) -> None:
    records = Records(replace(THING, version="home.door"))
    [row] = json_rows(tmp_path, {**WHOLE, "home": {"city": "X", "door": 9}})
    assert row.image is not None
    assert records.version(row.image) == 9


def test_an_image_read_back_is_written_alike_whatever_its_union_holds(tmp_path: Path) -> None:
    records = Records(THING)
    for what in ({"city": "X", "door": 1}, "text", 7, None):
        [row] = json_rows(tmp_path, {**WHOLE, "what": what, "work": {"city": "Y"}})
        assert row.image is not None
        assert records.image(records.read_image(row.image, fastavro.parse_schema(THING.record_schema))) == row.image
