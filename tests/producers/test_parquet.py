"""Parquet: the same register as text and as Parquet gives the same rows; what a type cannot say exactly is refused or rejected."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gongyu_producers.rows import Problem, Row
from gongyu_producers.source import Format
from gongyu_schemas.errors import ConfigError
from gongyu_schemas.information_type import load_type
from tests.producers.models import PERSON, TYPES, read_rows, type_of

ALL = type_of(
    {"name": "flag", "type": ["null", "boolean"]},
    {"name": "small", "type": ["null", "int"]},
    {"name": "big", "type": ["null", "long"]},
    {"name": "double", "type": ["null", "double"]},
    {"name": "text", "type": ["null", "string"]},
    {"name": "grade", "type": ["null", {"type": "enum", "name": "Grade", "symbols": ["A", "B"]}]},
    {"name": "day", "type": ["null", {"type": "int", "logicalType": "date"}]},
    {"name": "at", "type": ["null", {"type": "long", "logicalType": "time-micros"}]},
    {"name": "moment", "type": ["null", {"type": "long", "logicalType": "timestamp-micros"}]},
    {"name": "millis", "type": ["null", {"type": "long", "logicalType": "timestamp-millis"}]},
    {"name": "local", "type": ["null", {"type": "long", "logicalType": "local-timestamp-micros"}]},
    {"name": "fee", "type": ["null", {"type": "bytes", "logicalType": "decimal", "precision": 20, "scale": 3}]},
    {"name": "uuid", "type": ["null", {"type": "string", "logicalType": "uuid"}]},
)
MILLIS = st.datetimes().map(lambda at: at.replace(microsecond=at.microsecond // 1000 * 1000))
VALUES: dict[str, tuple[st.SearchStrategy[Any], list[pa.DataType]]] = {
    "flag": (st.booleans(), [pa.bool_()]),
    "small": (st.integers(-(2**31), 2**31 - 1), [pa.int32(), pa.int64(), pa.decimal128(12, 0)]),
    "big": (st.integers(0, 2**63 - 1), [pa.int64(), pa.uint64()]),
    "double": (st.floats(allow_nan=False, allow_infinity=False), [pa.float64()]),
    "text": (st.text(st.characters(codec="utf-8"), min_size=1), [pa.string(), pa.large_string(), pa.dictionary(pa.int32(), pa.string())]),
    "grade": (st.sampled_from("AB"), [pa.string(), pa.dictionary(pa.int8(), pa.string())]),
    "day": (st.dates(), [pa.date32(), pa.date64()]),
    "at": (st.times(), [pa.time64("us"), pa.time64("ns")]),
    "moment": (st.datetimes(), [pa.timestamp("us", "UTC"), pa.timestamp("us", "Asia/Seoul")]),
    "millis": (MILLIS, [pa.timestamp("ms", "UTC"), pa.timestamp("us", "UTC")]),
    "local": (st.datetimes(), [pa.timestamp("us")]),
    "fee": (st.decimals(-(10**16), 10**16, places=3), [pa.decimal128(20, 3), pa.decimal256(30, 5)]),
    "uuid": (st.uuids(), [pa.string(), pa.uuid()]),
}
FARM = load_type(TYPES / "farm")
CODECS = ["none", "snappy", "gzip", "zstd", "lz4", "brotli"]


def as_json(name: str, value: Any) -> Any:
    """What the same value is in a JSON lines file."""
    if isinstance(value, datetime):
        return value.isoformat() + ("" if name == "local" else "Z")
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, Decimal | UUID):
        return str(value)
    return value


def as_arrow(value: Any, arrow: pa.DataType) -> Any:
    if isinstance(value, datetime) and arrow.tz is not None:
        return value.replace(tzinfo=UTC)
    if isinstance(value, UUID):
        return str(value) if arrow == pa.string() else value.bytes
    return Decimal(value) if pa.types.is_decimal(arrow) and value is not None else value


def write(file: Path, columns: dict[str, pa.Array], **options: Any) -> Path:
    pq.write_table(pa.table(columns), file, **options)
    return file


def column(values: list[Any], arrow: pa.DataType) -> pa.Array:
    made = [as_arrow(value, arrow) for value in values]
    if arrow == pa.uuid():
        return pa.ExtensionArray.from_storage(arrow, pa.array(made, pa.binary(16)))
    return pa.array(made, arrow)


@settings(max_examples=150)
@given(st.data())
def test_the_same_register_as_parquet_and_as_json_lines_gives_the_same_rows(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    folder = tmp_path_factory.mktemp("register")
    count = data.draw(st.integers(1, 8))
    rows: dict[str, list[Any]] = {"id": [str(number) for number in range(count)]}
    columns = {"id": pa.array(rows["id"])}
    for name, (values, types) in VALUES.items():
        rows[name] = data.draw(st.lists(st.none() | values, min_size=count, max_size=count))
        columns[name] = column(rows[name], data.draw(st.sampled_from(types)))
    options = {"compression": data.draw(st.sampled_from(CODECS)), "row_group_size": data.draw(st.integers(1, 8))}
    file = write(folder / "a.parquet", columns, data_page_version=data.draw(st.sampled_from(["1.0", "2.0"])), **options)
    lines = [json.dumps({name: as_json(name, values[at]) for name, values in rows.items()}) for at in range(count)]
    (folder / "a.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    found = read_rows(ALL, file, Format.PARQUET)
    assert found == read_rows(ALL, folder / "a.jsonl", Format.JSONL)
    assert len(found) == count and not any(row.problems for row in found)


#: Of which field the empty text is a value; every other field takes it for null.
EMPTY_IS_A_VALUE = {"text"}


@pytest.mark.parametrize("null", ["", "-"])
def test_a_null_text_is_null_where_it_is_no_value_of_its_field_in_parquet_and_json_lines_alike(tmp_path: Path, null: str) -> None:
    names = [each.name for each in ALL.fields if each.name != "id"]
    nothing = {"id": "1", **dict.fromkeys(names)}
    for name in names:
        texts = {each: pa.array([null if each == name else None], pa.string()) for each in names}
        file = write(tmp_path / "a.parquet", {"id": pa.array(["1"]), **texts})
        (tmp_path / "a.jsonl").write_text(json.dumps(nothing | {name: null}) + "\n", encoding="utf-8")
        (tmp_path / "b.jsonl").write_text(json.dumps(nothing) + "\n", encoding="utf-8")
        [as_null] = read_rows(ALL, tmp_path / "b.jsonl", Format.JSONL)
        files = ((file, Format.PARQUET), (tmp_path / "a.jsonl", Format.JSONL))
        for path, file_format in files:
            [row] = read_rows(ALL, path, file_format, null_texts=(null,))
            assert not row.problems
            assert (row.image == as_null.image) == (name not in EMPTY_IS_A_VALUE), "a text is kept as it stands"
            [row] = read_rows(ALL, path, file_format, null_texts=())
            assert bool(row.problems) == (name not in EMPTY_IS_A_VALUE)


@pytest.mark.parametrize("name", ["home_id", "income"])
def test_a_null_text_of_a_field_that_is_never_null_rejects_its_row(tmp_path: Path, name: str) -> None:
    kinds = {"home_id": {"type": "string", "logicalType": "uuid"}, "income": "int"}
    thing = type_of({"name": name, "type": kinds[name]})
    write(tmp_path / "a.parquet", {"id": pa.array(["1"]), name: pa.array([""])})
    (tmp_path / "a.jsonl").write_text(json.dumps({"id": "1", name: ""}) + "\n", encoding="utf-8")
    for file, file_format in ((tmp_path / "a.parquet", Format.PARQUET), (tmp_path / "a.jsonl", Format.JSONL)):
        [row] = read_rows(thing, file, file_format)
        assert row.problems == [Problem(name, "null, but the field is never null")]


ONE = {"name": pa.array(["a"]), "region": pa.array(["b"]), "income": pa.array([1]), "score": pa.array([0.5]), "fee": pa.array(["1.00"])}


def read_one(file: Path, **columns: pa.Array) -> Row:
    [row] = read_rows(PERSON, write(file, {"id": pa.array(["1"]), **ONE, **columns}), Format.PARQUET)
    return row


@pytest.mark.parametrize(
    ("field", "values", "reason"),
    [
        ("income", pa.array([2**63], pa.uint64()), "outside the range of an integer of 64 bits"),
        ("income", pa.array(["1.0"]), "not a whole number"),
        ("income", pa.array([None], pa.int64()), "null, but the field is never null"),
        ("income", pa.array([None]), "null, but the field is never null"),
        ("score", pa.array([float("nan")]), "not a finite number"),
        ("score", pa.array([float("inf")], pa.float32()), "not a finite number"),
        ("fee", pa.array([Decimal("1.005")]), "more than 2 digits after the point"),
        ("fee", pa.array([10**8]), "more than 7 digits before the point"),
    ],
)
def test_a_value_that_does_not_fit_rejects_its_row(tmp_path: Path, field: str, values: pa.Array, reason: str) -> None:
    row = read_one(tmp_path / "a.parquet", **{field: values})
    assert row.problems == [Problem(field, reason)]
    assert row.key is not None and row.image is None


@pytest.mark.parametrize(
    ("field", "arrow", "value", "reason"),
    [
        ("moment", pa.timestamp("ns", "UTC"), 1, "more precise than microseconds"),
        ("millis", pa.timestamp("us", "UTC"), 1, "more precise than milliseconds"),
        ("moment", pa.timestamp("s", "UTC"), 2**40, "outside the years 1 to 9999"),
        ("day", pa.date32(), 2**31 - 1, "outside the years 1 to 9999"),
        ("at", pa.time64("us"), 86_400_000_000, "no such time of day"),
        ("grade", pa.string(), "C", "not one of the symbols A, B"),
    ],
)
def test_a_moment_that_the_field_cannot_say_rejects_its_row(tmp_path: Path, field: str, arrow: Any, value: Any, reason: str) -> None:
    stored = (
        pa.array([value]) if arrow == pa.string() else pa.array([value], pa.int32() if arrow == pa.date32() else pa.int64()).view(arrow)
    )
    nothing = {each.name: pa.nulls(1) for each in ALL.fields}
    file = write(tmp_path / "a.parquet", nothing | {"id": pa.array(["1"]), field: stored})
    [row] = read_rows(ALL, file, Format.PARQUET)
    assert row.problems == [Problem(field, reason)]


@pytest.mark.parametrize(
    ("field", "values", "message"),
    [
        ("income", pa.array([1.0]), "column 'income' is double, field 'income' is long: a floating-point number is no whole number"),
        ("income", pa.array([True]), "true and false fit a boolean only"),
        ("income", pa.array([date(2024, 1, 1)]), "a date fits a date only"),
        ("fee", pa.array([1.5]), "a floating-point number does not say it exactly"),
        ("name", pa.array([1]), "whole numbers fit"),
        ("name", pa.array([b"x"]), "bytes fit bytes and fixed only"),
        ("name", pa.array([["x"]]), "such columns are not read"),
        ("name", pa.array([timedelta(1)]), "such columns are not read"),
    ],
)
def test_a_column_that_cannot_be_its_field_refuses_the_file(tmp_path: Path, field: str, values: pa.Array, message: str) -> None:
    with pytest.raises(ConfigError) as told:
        read_one(tmp_path / "a.parquet", **{field: values})
    assert message in str(told.value)


def test_a_time_without_zone_is_no_moment_nor_the_other_way_round(tmp_path: Path) -> None:
    nothing = {each.name: pa.nulls(1) for each in ALL.fields}
    at = [datetime.fromisoformat("2024-01-01")]
    wrong = {"moment": pa.array(at, pa.timestamp("us")), "local": pa.array(at, pa.timestamp("us", "UTC"))}
    with pytest.raises(ConfigError) as told:
        read_rows(ALL, write(tmp_path / "a.parquet", nothing | wrong), Format.PARQUET)
    assert "it has no time zone, so it names no moment" in str(told.value) and "a local time is expected" in str(told.value)
    file = write(tmp_path / "b.parquet", nothing | {"local": wrong["moment"]}, use_deprecated_int96_timestamps=True)
    with pytest.raises(ConfigError, match="INT96 timestamps"):
        read_rows(ALL, file, Format.PARQUET)


def test_columns_are_matched_as_in_a_delimited_file(tmp_path: Path) -> None:
    columns = {"번호": pa.array(["1"]), **ONE, "nested": pa.array([[1]]), "op": pa.array(["d"])}
    file = write(tmp_path / "a.parquet", columns)
    [row] = read_rows(PERSON, file, Format.PARQUET, maps=["번호=id"], ignored=["nested"], op="op")
    assert (row.line, row.op, row.problems) == (1, "d", [])
    with pytest.raises(ConfigError, match="its schema does not fit type 'person'"):
        read_rows(PERSON, file, Format.PARQUET)


def test_a_nested_record_is_a_column_for_each_of_its_fields(tmp_path: Path) -> None:
    place = pa.array([{"in": {"region": "b"}, "x.y": 1}, {"in": None, "x.y": None}, None])
    columns = {"id": pa.array(["1", "2", "3"]), **{name: pa.concat_arrays([each] * 3) for name, each in ONE.items() if name != "region"}}
    file = write(tmp_path / "a.parquet", columns | {"place": place, "more": place}, row_group_size=2)
    rows = read_rows(PERSON, file, Format.PARQUET, maps=["place.in.region=region"], ignored=["place.x.y", "more"])
    flat = write(tmp_path / "b.parquet", columns | {"region": pa.array(["b", None, None])})
    assert rows == read_rows(PERSON, flat, Format.PARQUET)
    with pytest.raises(ConfigError, match=r"unknown column 'place\.in\.region'"):
        read_rows(PERSON, file, Format.PARQUET)


def test_records_of_every_shape_are_read_as_from_json_lines(tmp_path: Path) -> None:
    plot = {"area": Decimal("12.50"), "use": "PADDY"}
    licences = [("a", date(2024, 1, 1)), ("b", date(2024, 1, 2))]
    rows = [
        {
            "id": "1",
            "stamp": {"number": 7},
            "seat": {"city": "Jeju", "plot": plot},
            "former": {"city": "Busan", "plot": None},
            "crops": ["a", "b"],
            "licences": licences,
            "holder": 5,
            "seal": b"\x01\xff",
        },
        {
            "id": "2",
            "stamp": {"number": 8},
            "seat": {"city": "Jeju", "plot": None},
            "former": None,
            "crops": [],
            "licences": [],
            "holder": None,
            "seal": None,
        },
    ]
    place = pa.struct({"city": pa.string(), "plot": pa.struct({"area": pa.decimal128(8, 2), "use": pa.string()})})
    schema = pa.schema(
        {
            "id": pa.string(),
            "stamp": pa.struct({"number": pa.int64()}),
            "seat": place,
            "former": place,
            "crops": pa.list_(pa.string()),
            "licences": pa.map_(pa.string(), pa.date32()),
            "holder": pa.int64(),
            "seal": pa.binary(),
        }
    )
    pq.write_table(pa.Table.from_pylist(rows, schema), tmp_path / "a.parquet")
    as_text = [
        row | {"licences": {key: day.isoformat() for key, day in row["licences"]}, "seal": row["seal"] and row["seal"].hex()}
        for row in rows
    ]
    (tmp_path / "a.jsonl").write_text("\n".join(json.dumps(row, default=str) for row in as_text) + "\n", encoding="utf-8")
    found = read_rows(FARM, tmp_path / "a.parquet", Format.PARQUET)
    assert found == read_rows(FARM, tmp_path / "a.jsonl", Format.JSONL)
    assert len(found) == 2 and not any(row.problems for row in found)


def test_a_damaged_file_is_refused(tmp_path: Path) -> None:
    file = write(
        tmp_path / "a.parquet", {"id": pa.array(["1"] * 5_000), **{name: pa.concat_arrays([each] * 5_000) for name, each in ONE.items()}}
    )
    whole = file.read_bytes()
    refused = 0
    for damaged in (b"", b"PAR1", whole[:-1], whole[: len(whole) // 2], b"no parquet at all"):
        file.write_bytes(damaged)
        with pytest.raises(ConfigError):
            read_rows(PERSON, file, Format.PARQUET)
    for at in range(10, len(whole), max(1, len(whole) // 200)):
        file.write_bytes(whole[:at] + bytes([whole[at] ^ 0xFF]) + whole[at + 1 :])
        try:
            rows = read_rows(PERSON, file, Format.PARQUET)
        except ConfigError:
            refused += 1
        else:
            assert len(rows) <= 5_000
    print(f"damaged in one byte: refused {refused}")
    assert refused >= 20


def test_text_that_is_not_unicode_refuses_the_file(tmp_path: Path) -> None:
    broken = pa.array([b"\xff\xfe secret"]).view(pa.string())
    with pytest.raises(ConfigError, match="rows from 1 on cannot be read: a text in it is not UTF-8") as told:
        read_one(tmp_path / "a.parquet", name=broken)
    assert "secret" not in str(told.value)


def test_a_file_without_rows_has_none(tmp_path: Path) -> None:
    file = write(tmp_path / "a.parquet", {"id": pa.array([], pa.string()), **{name: each[:0] for name, each in ONE.items()}})
    assert read_rows(PERSON, file, Format.PARQUET) == []
