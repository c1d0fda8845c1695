"""Hostile bytes: truncations and random mutations of valid messages, and what the engine must say to each.

`judge` runs the whole engine over them and holds its answers against fastavro: a message is good exactly if fastavro reads
all of it and writes the same bytes again. Run as a program (it is, with numba's bounds checks on), it prints how many it tried.
"""

import datetime as dt
import itertools
import random
import sys
import uuid
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import fastavro

from gongyu_hub.engine.layout import compile_layout
from gongyu_schemas.fields import Kind
from tests.hub.engine.flat_records import KINDS, PRECISION, SYMBOLS, decode, encode, envelope, record_schema
from tests.hub.engine.judging import judge_bodies, try_all

MUTATIONS = 100_000
_INSTANT = dt.datetime(2024, 2, 29, 12, 34, 56, 789000, tzinfo=dt.UTC)
_SAMPLES: dict[Kind, list[Any]] = {
    Kind.BOOLEAN: [True, False],
    Kind.INT: [0, -1, 2**31 - 1, 300],
    Kind.LONG: [0, -(2**63), 2**63 - 1, 123_456],
    Kind.FLOAT: [0.0, 1.5, float("inf")],
    Kind.DOUBLE: [-0.0, 2.5e300, float("-inf")],
    Kind.STRING: ["", "plain", "가나다 ü 𝄞", "x" * 70],
    Kind.ENUM: SYMBOLS,
    Kind.DATE: [dt.date.min, dt.date.max, _INSTANT.date()],
    Kind.TIME_MILLIS: [dt.time.min, _INSTANT.time(), dt.time(23, 59, 59, 999_000)],
    Kind.TIME_MICROS: [dt.time.min, _INSTANT.time(), dt.time.max],
    Kind.TIMESTAMP_MILLIS: [_INSTANT],
    Kind.TIMESTAMP_MICROS: [_INSTANT],
    Kind.LOCAL_TIMESTAMP_MILLIS: [_INSTANT.replace(tzinfo=None)],
    Kind.LOCAL_TIMESTAMP_MICROS: [_INSTANT.replace(tzinfo=None)],
    Kind.DECIMAL: [Decimal("0.000"), Decimal("999999999.999"), Decimal("-999999999.999"), Decimal("-0.128")],
    Kind.UUID: [uuid.UUID(int=0), uuid.UUID("01234567-89ab-cdef-0123-456789abcdef")],
}
RECORD = record_schema([(kind, null_branch) for kind in KINDS for null_branch in (-1, 0, 1)])
SCHEMA = envelope(RECORD)


def keep_bytes(schema: Any, numbers: Iterator[int]) -> Any:
    """The schema in which fastavro keeps every byte of a value.

    A decimal stays bytes (it may carry sign bytes that it does not need), a float is fixed (a processor makes a signalling NaN quiet).
    """
    if isinstance(schema, list):
        return [keep_bytes(branch, numbers) for branch in schema]
    if schema == "float":
        return {"type": "fixed", "size": 4, "name": f"Float{next(numbers)}"}
    if isinstance(schema, dict):
        if schema.get("logicalType") == "decimal":
            return "bytes"
        return {name: keep_bytes(part, numbers) if name in ("type", "fields") else part for name, part in schema.items()}
    return schema


LAYOUT = compile_layout(SCHEMA)
_DECIMALS = [field.name for field in LAYOUT.fields if field.kind is Kind.DECIMAL]
AS_VALUES = fastavro.parse_schema(SCHEMA)
AS_BYTES = fastavro.parse_schema(keep_bytes(SCHEMA, itertools.count()))


def valid_messages(count: int, seed: int) -> list[bytes]:
    rnd = random.Random(seed)
    return [encode(AS_VALUES, _change(rnd)) for _ in range(count)]


def _change(rnd: random.Random) -> dict[str, Any]:
    source = {"name": "register", "position": rnd.randrange(10**6), "act": rnd.choice([None, "act-1"])}
    before, after = rnd.choice([(False, True), (True, False), (True, True), (False, False)])
    return {
        "before": _record(rnd) if before else None,
        "after": _record(rnd) if after else None,
        "op": rnd.choice("cudr"),
        "ts_ms": 1_700_000_000_000 + rnd.randrange(10**9),
        "source": source,
    }


def _record(rnd: random.Random) -> dict[str, Any]:
    record = {}
    for field in RECORD["fields"]:
        schema = field["type"]
        nullable = isinstance(schema, list)
        inner = next(branch for branch in schema if branch != "null") if nullable else schema
        kind = Kind(inner.get("logicalType", inner["type"]) if isinstance(inner, dict) else inner)
        record[field["name"]] = None if nullable and rnd.random() < 0.3 else rnd.choice(_SAMPLES[kind])
    return record


def judge(bodies: list[bytes]) -> tuple[int, int]:
    """(good, faulty) messages; AssertionError at the first wrong answer."""
    text = " OR ".join(f"({_test_of(field.name, field.kind)} AND {field.name} IS NULL)" for field in LAYOUT.fields)
    return judge_bodies(LAYOUT, text, bodies, is_read_and_written_back)


def is_read_and_written_back(body: bytes) -> bool:
    """What `good` means: fastavro reads the values, and the bytes that it writes again are the same."""
    try:
        decode(AS_VALUES, body)
        datum = decode(AS_BYTES, body)
        return encode(AS_BYTES, datum) == body and all(_holds_decimals(datum[name]) for name in ("before", "after"))
    except Exception:  # noqa: BLE001 - fastavro raises whatever it stumbles over
        return False


def _holds_decimals(record: dict[str, Any] | None) -> bool:
    """Whether all decimals are within their precision; fastavro would round the others without a word, and reads no bytes as 0."""
    numbers = [(record or {}).get(name) for name in _DECIMALS]
    return all(n is None or (n and abs(int.from_bytes(n, "big", signed=True)) < 10**PRECISION) for n in numbers)


def _test_of(name: str, kind: Kind) -> str:
    if kind is Kind.BOOLEAN:
        return f"{name} = TRUE"
    if kind is Kind.STRING:
        return f"{name} LIKE 'x%' OR {name} IN ('a', 'b', 'plain') OR {name} < 'm'"
    if kind is Kind.ENUM:
        return f"{name} IN ('NONE', 'ALL')"
    if kind is Kind.UUID:
        return f"{name} = '01234567-89ab-cdef-0123-456789abcdef'"
    if kind in (Kind.INT, Kind.LONG):
        return f"{name} BETWEEN 1 AND 5 OR {name} IN (1, 2, 300)"
    if kind in (Kind.FLOAT, Kind.DOUBLE, Kind.DECIMAL):
        return f"{name} > 1 OR {name} IN (1, 2.5, 1e3)"
    return f"{name} IS NOT NULL"


def main(count: int) -> None:
    try_all(valid_messages(200, seed=3), count, judge)


if __name__ == "__main__":
    main(int(sys.argv[1]))
