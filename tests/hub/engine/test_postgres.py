"""A real PostgreSQL judges the same rows by the same text: the truths must be the same."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg.sql import SQL

from gongyu_hub.engine.images import locate_images
from gongyu_hub.engine.layout import compile_layout
from gongyu_hub.engine.predicates import compile_predicate, evaluate
from gongyu_hub.policy.rows import parse_rows, type_rows
from gongyu_schemas.fields import Kind
from tests.hub.engine.flat_records import KINDS, encode_fields, envelope, record_schema, values
from tests.hub.engine.row_texts import SQL_TYPES, row_texts
from tests.postgres import Server

EXAMPLES = 400
ROWS = 8
RECORD = record_schema([(kind, 0) for kind in KINDS])
KIND_OF = dict(zip((field["name"] for field in RECORD["fields"]), KINDS, strict=True))
LAYOUT = compile_layout(envelope(RECORD))
TRUTHS = {0: False, 1: True, 2: None}


@pytest.fixture(scope="module")
def oracle(postgres: Server) -> Iterator[psycopg.Connection[Any]]:
    """A database in collation "C", a table with a column of every kind."""
    with psycopg.connect(postgres.make("oracle"), autocommit=True) as connection:
        columns = ", ".join(f"{name} {SQL_TYPES[kind]}" for name, kind in KIND_OF.items())
        connection.execute(f"SET TIME ZONE 'UTC'; CREATE TABLE records (id integer, {columns})")
        yield connection


def storable(kind: Kind, field_type: Any) -> st.SearchStrategy[Any]:
    """A PostgreSQL text cannot hold U+0000."""
    drawn = values(field_type)
    return drawn.filter(lambda value: value is None or "\0" not in value) if kind is Kind.STRING else drawn


VALUES = {field["name"]: storable(KIND_OF[field["name"]], field["type"]) for field in RECORD["fields"]}


def judge_by_postgres(connection: psycopg.Connection[Any], rows: list[dict[str, Any]], condition: str) -> list[bool | None]:
    places = SQL(", ").join(SQL(f"CAST(%s AS {SQL_TYPES[kind]})") for kind in KIND_OF.values())
    numbered = [(place, *(row[name] for name in KIND_OF)) for place, row in enumerate(rows)]
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM records")
        cursor.executemany(SQL("INSERT INTO records VALUES (%s, {})").format(places), numbered)
        cursor.execute(SQL("SELECT ({}) FROM records ORDER BY id").format(SQL(condition)))
        return [truth for (truth,) in cursor.fetchall()]


def judge_by_engine(rows: list[dict[str, Any]], text: str) -> list[bool | None]:
    bodies = [b"".join(encode_fields(RECORD, row)) for row in rows]
    buffer = b"".join(bodies)
    fields, _ = locate_images(LAYOUT, buffer, np.cumsum([0] + [len(body) for body in bodies]))
    return [
        TRUTHS[truth] for truth in evaluate(compile_predicate(type_rows(parse_rows(text), LAYOUT.fields), LAYOUT), buffer, fields).tolist()
    ]


@pytest.mark.thorough
def test_predicates_say_what_postgresql_says(oracle: psycopg.Connection[Any]) -> None:
    tried = 0

    @settings(max_examples=EXAMPLES, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
    @given(st.data())
    def compare(data: Any) -> None:
        nonlocal tried
        rows = data.draw(st.lists(st.fixed_dictionaries(VALUES), min_size=ROWS, max_size=ROWS))
        compared = [
            (name, kind, st.sampled_from([row[name] for row in rows if row[name] is not None] or [None]).flatmap(near(name)))
            for name, kind in KIND_OF.items()
        ]
        row_text = data.draw(row_texts(compared))
        assert judge_by_engine(rows, row_text.text) == judge_by_postgres(oracle, rows, row_text.sql), row_text.text
        tried += len(rows)

    def near(name: str) -> Any:
        return lambda value: VALUES[name] if value is None else st.just(value) | VALUES[name]

    compare()
    print(f"{tried} pairs of a row and a predicate")
    assert tried >= 3000


PINNED = [
    ("f3", "'NaN'", [float("nan"), float("inf"), None, 1.5]),
    ("f4", "-0.0", [0.0, -0.0, float("-inf"), 5e-324]),
    ("f3", "0.1", [0.10000000149011612, 0.1, 0.0]),
]


@pytest.mark.parametrize("sign", ["=", "<>", "<", "<=", ">", ">="])
@pytest.mark.parametrize(("name", "literal", "numbers"), PINNED)
def test_floats_are_ordered_as_in_postgresql(
    oracle: psycopg.Connection[Any], name: str, literal: str, numbers: list[Any], sign: str
) -> None:
    rows = [dict.fromkeys(KIND_OF) | {name: number} for number in numbers]
    condition = f"{name} {sign} CAST({literal} AS {SQL_TYPES[KIND_OF[name]]})"
    assert judge_by_engine(rows, f"{name} {sign} {literal}") == judge_by_postgres(oracle, rows, condition)
