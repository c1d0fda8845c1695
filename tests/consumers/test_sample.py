"""Samples: plausible, repeatable, marked, and of the very shape that real deliveries have."""

from __future__ import annotations

import json
import re
import sqlite3
from contextlib import closing
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import fastavro
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from gongyu_consumers.cli import app
from gongyu_consumers.delivery import Image
from gongyu_consumers.sample import SYNTHETIC, Samples, make_samples, view_of_type
from gongyu_consumers.sinks.sqlite import SqliteSink
from gongyu_consumers.synthetic import Inventor
from gongyu_schemas import exit_codes
from gongyu_schemas.errors import ConfigError
from gongyu_schemas.information_type import load_types, shipped_types
from tests.consumers.models import Model

TYPES = load_types(shipped_types())
DIGITS = re.compile("99[0-9]+")


def samples(name: str = "resident", count: int = 50, changes: int = 40, seed: int = 1) -> Samples:
    chosen = TYPES[name]
    view, key = view_of_type(chosen, "bank", tuple(field.name for field in chosen.fields))
    return make_samples(view, key, count, changes, seed)


@pytest.mark.parametrize("name", sorted(TYPES))
def test_samples_of_every_shipped_type_are_valid_avro_and_consistent_deliveries(name: str, tmp_path: Path) -> None:
    made = samples(name)
    assert all(fastavro.validate(each, made.schema) for each in made.envelopes)
    assert {each.op for each in made.deliveries} == set("mrcud")
    with closing(SqliteSink(tmp_path / "x.db", made.identity, made.shape)) as sink:
        assert sink.apply(made.deliveries, {0: len(made.deliveries)}).inconsistencies == []


def test_the_same_seed_makes_the_same_and_another_seed_others() -> None:
    assert samples(seed=7).deliveries == samples(seed=7).deliveries
    assert samples(seed=7).deliveries != samples(seed=8).deliveries


def test_every_sample_is_marked_as_synthetic() -> None:
    made = samples()
    assert {each.source.reason for each in made.deliveries} == {SYNTHETIC}
    assert (made.identity.cluster_id, made.identity.topic_id) == (SYNTHETIC, SYNTHETIC)
    assert {each.purpose["code"] for each in made.deliveries} == {SYNTHETIC}


def test_values_are_plausible_and_of_no_person() -> None:
    rows = [each.after for each in samples(count=300, changes=0).deliveries if each.after is not None]
    assert len({row["resident_id"] for row in rows}) == 300
    for row in rows:
        assert len(str(row["resident_id"])) == 13 and DIGITS.fullmatch(str(row["resident_id"])), "no birth date begins with 99"
        assert "Sample" in str(row["name"])
        assert isinstance(row["birth_date"], date) and date(1940, 1, 1) <= row["birth_date"] <= date(2007, 12, 31)
        assert re.fullmatch(r"[0-9]{10}", str(row["region_code"]))
        assert row["phone"] is None or str(row["phone"]).startswith("010-0000-")
    assert {row["status"] for row in rows} == {"RESIDENT", "ABROAD", "UNKNOWN", "DECEASED"}
    nulls = sum(row["phone"] is None for row in rows)
    assert 20 < nulls < 120, "what may be null is at times"


PRIMITIVES: list[Any] = [
    "null", "boolean", "int", "long", "float", "double", "bytes", "string",
    {"type": "int", "logicalType": "date"}, {"type": "long", "logicalType": "time-micros"}, {"type": "string", "logicalType": "uuid"},
    {"type": "long", "logicalType": "local-timestamp-millis"}, {"type": "bytes", "logicalType": "decimal", "precision": 1, "scale": 1},
    {"type": "fixed", "name": "Price", "size": 3, "logicalType": "decimal", "precision": 6, "scale": 2},
    {"type": "enum", "name": "Colour", "symbols": ["RED", "BLUE"]}, {"type": "fixed", "name": "Hash", "size": 4},
]  # fmt: skip


def named_anew(schema: Any, number: int) -> Any:
    """No two named types of one record share a name."""
    if isinstance(schema, dict):
        fresh = {key: named_anew(value, number) if key in {"items", "values"} else value for key, value in schema.items()}
        return {**fresh, "name": f"{schema['name']}{number}"} if "name" in schema else fresh
    return [named_anew(part, number) for part in schema] if isinstance(schema, list) else schema


def schemas() -> st.SearchStrategy[Any]:
    leaves = st.sampled_from(PRIMITIVES)
    optional = st.sampled_from([each for each in PRIMITIVES if each != "null"]).map(lambda part: ["null", part])
    arrays = leaves.map(lambda part: {"type": "array", "items": part})
    maps = leaves.map(lambda part: {"type": "map", "values": part})
    return st.one_of(leaves, optional, arrays, maps, st.just(["null", "string", "long"]))


@given(st.lists(schemas(), min_size=1, max_size=6), st.integers(0, 5), st.sampled_from(["id", "birth_date", "name", "amount", "x"]))
@settings(max_examples=150, deadline=None)
def test_any_schema_gets_values_that_it_takes(parts: list[Any], seed: int, name: str) -> None:
    fields = [{"name": f"{name}{number}", "type": named_anew(part, number)} for number, part in enumerate(parts)]
    inner = {"type": "record", "name": "Inner", "namespace": "a.b", "fields": fields}
    record = {"type": "record", "name": "Outer", "fields": [{"name": "one", "type": inner}, {"name": "two", "type": ["null", "a.b.Inner"]}]}
    plain = json.loads(json.dumps(record), object_hook=lambda each: {k: v for k, v in each.items() if k != "logicalType"})
    inventor = Inventor(seed)
    for number in range(5):
        assert fastavro.validate(inventor.invent(plain, number), fastavro.parse_schema(plain))
        inventor.invent(record, number)


def test_the_history_of_the_samples_is_legal() -> None:
    made = samples("business", 20, 200)
    model = Model()
    for delivery in made.deliveries:
        image: Image | None = None if delivery.after is None else {"city": None}
        model.apply(replace(delivery, key={"id": delivery.key.get("business_id")}, after=image))
    assert (model.inconsistent, len(model.held)) == (0, 20), "as many come as go"


def run(*arguments: str | Path) -> tuple[int, str]:
    done = CliRunner().invoke(app, ["sample", *map(str, arguments)])
    return done.exit_code, done.output


def test_the_command_writes_what_receive_would(tmp_path: Path) -> None:
    table, lines, avro = tmp_path / "s.db", tmp_path / "s.jsonl", tmp_path / "s.avro"
    for target in (f"sqlite:///{table}", f"jsonl:{lines}", f"avro:{avro}"):
        code, output = run("--type", "resident", "--fields", "name,birth_date", "-n", 5, "--to", target)
        assert (code, "7 synthetic deliveries" in output) == (exit_codes.OK, True), output
    with closing(sqlite3.connect(table)) as database:
        rows = database.execute('SELECT resident_id, name, birth_date FROM "sample-resident"').fetchall()
    assert len(rows) == 5
    read = [json.loads(line) for line in lines.read_text().splitlines()]
    assert [each["after"] for each in read if each["op"] == "r"] == [
        {"resident_id": ident, "name": name, "birth_date": born} for ident, name, born in rows
    ]
    with avro.open("rb") as file:
        envelopes: list[Any] = list(fastavro.reader(file))
    assert [each["after"]["birth_date"].isoformat() for each in envelopes if each["after"]] == [row[2] for row in rows]
    code, output = run("--type", "resident", "--to", f"sqlite:///{table}")
    assert (code, "there already" in output) == (exit_codes.USAGE, True)


def test_a_folder_of_types_is_enough() -> None:
    folder = Path(__file__).parents[1] / "types"
    code, output = run("--type", "person", "--types", folder, "-n", 2, "--json")
    assert code == exit_codes.OK
    assert json.loads(output.splitlines()[-1]) == {"grant": "sample-person", "deliveries": 4, "seed": 1, "synthetic": True}


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ([], "one of both"),
        (["mine", "--type", "resident"], "one of both"),
        (["mine"], "--profile"),
        (["--type", "residnt"], "known are business"),
        (["--type", "resident", "--fields", "name,adress"], "adress: not fields of resident"),
        (["--type", "resident", "--to", "csv:x"], "sqlite:///FILE"),
    ],
)
def test_mistakes_are_told_with_what_to_do(arguments: list[str], text: str) -> None:
    code, output = run(*arguments)
    assert (code, text in output) == (exit_codes.USAGE, True), output


def test_real_deliveries_are_never_added_to_a_file_of_samples(tmp_path: Path) -> None:
    made = samples()
    SqliteSink(tmp_path / "x.db", made.identity, made.shape).close()
    real = type(made.identity)(made.identity.subscriber, made.identity.grant, made.identity.topic, "topic-1", "cluster-1")
    with pytest.raises(ConfigError, match="synthetic"):
        SqliteSink(tmp_path / "x.db", real, made.shape)
