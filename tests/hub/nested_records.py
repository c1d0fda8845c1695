"""Random records of every shape, values for them, and every way in which Avro lets them be written.

Values are raw: of a union the pair (branch, value), of a map its entries in some order. `write` cuts arrays and maps into
blocks as the random numbers say.
"""

from __future__ import annotations

import random
import struct
from typing import Any

from hypothesis import strategies as st

from gongyu_schemas.fields import Kind
from gongyu_schemas.named_types import inline_names
from tests.hub.demo.test_engine_equals_reference import SCHEMAS, SYMBOLS, VALUES

KEYS = ["", "a", "b", "가", "long-key-that-differs"]


@st.composite
def field_types(draw: st.DrawFn, name: str, depth: int, defined: list[str], *, in_union: bool = False) -> Any:
    """A type; `name` makes the names of its named types unique, `defined` are those that may be named again."""
    forms = ["plain", "plain", "named"]
    if depth:
        forms += ["record", "record", "array", "map"]
    if depth and not in_union:
        forms += ["union", "null", "null record", "null record"]
    form = draw(st.sampled_from(forms))
    if form == "named":
        return draw(named_types(name, defined))
    if form in ("record", "null record"):
        fields = draw(declared_fields(name, depth - 1, defined, st.integers(1, 3)))
        record = {"type": "record", "name": f"R{name}", "fields": fields}
        return record if form == "record" else draw(st.sampled_from([["null", record], [record, "null"]]))
    if form == "array":
        return {"type": "array", "items": draw(field_types(f"{name}i", depth - 1, defined))}
    if form == "map":
        return {"type": "map", "values": draw(field_types(f"{name}v", depth - 1, defined))}
    if form == "union":
        return draw(unions(name, depth - 1, defined))
    if form == "null":
        inner = draw(field_types(f"{name}n", depth, defined, in_union=True))
        return draw(st.sampled_from([["null", inner], [inner, "null"]]))
    return SCHEMAS[draw(st.sampled_from(sorted(SCHEMAS, key=lambda kind: kind.value)))]


@st.composite
def named_types(draw: st.DrawFn, name: str, defined: list[str]) -> Any:
    if defined and draw(st.booleans()):
        return draw(st.sampled_from(defined))
    made = draw(
        st.sampled_from(
            [
                {"type": "enum", "name": f"E{name}", "symbols": SYMBOLS},
                {"type": "fixed", "name": f"F{name}", "size": 2},
                {"type": "fixed", "name": f"D{name}", "size": 2, "logicalType": "decimal", "precision": 3, "scale": 1},
            ]
        )
    )
    defined.append(made["name"])
    return made


@st.composite
def unions(draw: st.DrawFn, name: str, depth: int, defined: list[str]) -> list[Any]:
    branches = ["null", "int", "string", "bytes", SCHEMAS[Kind.DOUBLE], {"type": "array", "items": "long"}]
    kept: list[Any] = draw(st.lists(st.sampled_from(branches), min_size=1, max_size=4, unique_by=str))
    if draw(st.booleans()):
        fields = draw(declared_fields(f"{name}u", depth, defined, st.integers(1, 2)))
        kept.append({"type": "record", "name": f"U{name}", "fields": fields})
    if len(kept) == 2 and "null" in kept:
        kept.append("boolean")
    return kept


@st.composite
def declared_fields(draw: st.DrawFn, name: str, depth: int, defined: list[str], count: st.SearchStrategy[int]) -> list[dict[str, Any]]:
    return [{"name": f"f{index}", "type": draw(field_types(f"{name}_{index}", depth, defined))} for index in range(draw(count))]


def raw_values(schema: Any) -> st.SearchStrategy[Any]:
    """Values of a type in which the names are inlined."""
    if isinstance(schema, list):
        return st.one_of(*(st.tuples(st.just(branch), raw_values(part)) for branch, part in enumerate(schema)))
    base = schema["type"] if isinstance(schema, dict) else schema
    if base == "record":
        return st.fixed_dictionaries({field["name"]: raw_values(field["type"]) for field in schema["fields"]})
    if base == "array":
        return st.lists(raw_values(schema["items"]), max_size=3)
    if base == "map":
        return st.lists(st.tuples(st.sampled_from(KEYS), raw_values(schema["values"])), max_size=3, unique_by=lambda entry: entry[0])
    if base == "enum":
        return st.integers(0, len(schema["symbols"]) - 1)
    if base == "fixed":
        decimals = [b"\x00\x00", b"\x00\x01", b"\xff\xff"] * 3
        return st.sampled_from([*decimals, b"\x7f\xff"] if "logicalType" in schema else [b"ab", b"\x00\x00"])
    if base == "null":
        return st.none()
    if base == "bytes" and not isinstance(schema, dict):
        return st.sampled_from([b"", b"\xff", b"ab"])
    return VALUES[Kind(schema.get("logicalType", base) if isinstance(schema, dict) else base)]


def varint(number: int) -> bytes:
    raw = (number << 1) ^ (number >> 63)
    out = bytearray()
    while raw > 0x7F:
        out.append(raw & 0x7F | 0x80)
        raw >>= 7
    return bytes([*out, raw])


def write(schema: Any, value: Any, rng: random.Random) -> bytes:
    """One of the encodings of a raw value under a type in which the names are inlined."""
    if isinstance(schema, list):
        branch, inner = value
        return varint(branch) + write(schema[branch], inner, rng)
    base = schema["type"] if isinstance(schema, dict) else schema
    if base == "record":
        return b"".join(write(field["type"], value[field["name"]], rng) for field in schema["fields"])
    if base == "array":
        return _blocks([write(schema["items"], item, rng) for item in value], rng)
    if base == "map":
        entries = rng.sample(value, len(value))
        return _blocks([write("string", key, rng) + write(schema["values"], each, rng) for key, each in entries], rng)
    if base in ("int", "long", "enum"):
        return varint(value)
    if base in ("string", "bytes"):
        raw = value.encode() if isinstance(value, str) else value
        return varint(len(raw)) + bytes(raw)
    if base == "boolean":
        return struct.pack("?", value)
    return b"" if base == "null" else bytes(value)


def _blocks(items: list[bytes], rng: random.Random) -> bytes:
    out = b""
    while items:
        count = len(items) if rng.random() < 0.7 else rng.randrange(1, len(items) + 1)
        content, items = b"".join(items[:count]), items[count:]
        out += varint(count) if rng.random() < 0.7 else varint(-count) + varint(len(content))
        out += content
    return out + b"\0"


def inlined(schema: Any) -> Any:
    return inline_names(schema)
