"""A schema's text: parsed within limits, and compared.

Enters text from anyone who may log in; leaves a `ParsedSchema`. Can go wrong: too large, too deep, not JSON, not
Avro: `InvalidSchema` says which. `same_encoding` compares what the bytes of a message depend on: Avro's parsing canonical
form (Apache Avro 1.12 specification, "Transforming into Parsing Canonical Form") and the logical types.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import Any

import fastavro
from fastavro.schema import SchemaParseException, UnknownType

#: A type with 1,000 documented fields has about 200 KB; twice (owner and view) fits well.
TEXT_BYTES_MAX = 512 * 1024
#: An envelope of a flat record nests 10 deep.
NESTING_MAX = 64
_ANY_SCHEMA = (str, dict, list)
_NAMED: dict[str, Any] = {"name": str}
_PARTS: dict[str, dict[str, Any]] = {
    "record": {**_NAMED, "fields": list},
    "error": {**_NAMED, "fields": list},
    "enum": {**_NAMED, "symbols": list},
    "fixed": {**_NAMED, "size": int},
    "array": {"items": _ANY_SCHEMA},
    "map": {"values": _ANY_SCHEMA},
}
_RECORDS = ("record", "error")
_INNER = {"array": "items", "map": "values"}
_PRIMITIVES = frozenset({"null", "boolean", "int", "long", "float", "double", "bytes", "string"})


class InvalidSchema(ValueError):
    """Not a schema that can be registered; the text says why, quoting at most 200 characters of it to whoever wrote it."""


@dataclass(frozen=True, slots=True)
class ParsedSchema:
    """`text` is compact JSON with the attributes in the given order; equal schemas have equal digests."""

    text: str
    digest: bytes
    schema: Any


def parse_schema(text: str) -> ParsedSchema:
    """Raises InvalidSchema."""
    if len(text.encode("utf-8", "replace")) > TEXT_BYTES_MAX:
        raise InvalidSchema(f"the schema is longer than {TEXT_BYTES_MAX} bytes")
    if _nesting(text) > NESTING_MAX:
        raise InvalidSchema(f"the schema nests deeper than {NESTING_MAX}")
    try:
        schema = _shorten(json.loads(text, object_pairs_hook=_unique, parse_constant=_refuse_constant))
        encoded = text_of(schema)
        digest = hashlib.sha256(json.dumps(schema, sort_keys=True, allow_nan=False).encode()).digest()
    except json.JSONDecodeError as error:
        raise InvalidSchema(f"the schema is not JSON: {error.msg} at line {error.lineno}, column {error.colno}") from error
    except (ValueError, UnicodeEncodeError) as error:
        raise InvalidSchema(f"the schema is not valid JSON: {error}") from error
    _require_shape(schema)
    _require_names(encoded)
    return ParsedSchema(encoded, digest, schema)


def text_of(schema: Any) -> str:
    """Compact JSON. Raises ValueError for numbers and characters that JSON cannot carry."""
    text = json.dumps(schema, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    text.encode()  # a lone surrogate ends here
    return text


def same_encoding(one: Any, other: Any) -> bool:
    """Whether two schemas give every message the same bytes and the same values."""
    return bool(_essence(one, "") == _essence(other, ""))


def _nesting(text: str) -> int:
    """The deepest open bracket, found before a recursive parser sees the text."""
    depth = deepest = 0
    quoted = escaped = False
    for char in text:
        if quoted:
            quoted = escaped or char != '"'
            escaped = char == "\\" and not escaped
        elif char == '"':
            quoted = True
        elif char in "{[":
            depth += 1
            deepest = max(deepest, depth)
        elif char in "}]":
            depth -= 1
    return deepest


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        raise ValueError("an attribute is given twice in one object")
    return result


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not a JSON value")


def _shorten(schema: Any) -> Any:
    """`{"type": "string"}` is `"string"`: clients write both."""
    if isinstance(schema, dict):
        if schema.keys() == {"type"} and isinstance(schema["type"], str) and schema["type"] in _PRIMITIVES:
            return schema["type"]
        return {name: _shorten(value) if name in ("type", "items", "values", "fields") else value for name, value in schema.items()}
    return [_shorten(part) for part in schema] if isinstance(schema, list) else schema


def _require_shape(schema: Any) -> None:
    """What fastavro takes for granted or fills in: every complex type has its parts, of the right kind."""
    if isinstance(schema, list):
        if any(isinstance(part, list) for part in schema):
            raise InvalidSchema("not an Avro schema: a union inside a union")
        for part in schema:
            _require_shape(part)
    elif isinstance(schema, dict):
        _require_parts(schema, schema.get("type"))
    elif not isinstance(schema, str):
        raise InvalidSchema("not an Avro schema: a type is missing")


def _require_parts(schema: dict[str, Any], kind: Any) -> None:
    if not isinstance(kind, str):
        _require_shape(kind)
        return
    for part, expected in _PARTS.get(kind, {}).items():
        if not isinstance(schema.get(part), expected):
            raise InvalidSchema(f"not an Avro schema: {kind} needs {part}")
    if kind in _INNER:
        _require_shape(schema[_INNER[kind]])
    for field in schema["fields"] if kind in _RECORDS else ():
        if not isinstance(field, dict) or not isinstance(field.get("name"), str) or "type" not in field:
            raise InvalidSchema("not an Avro schema: every field needs a name and a type")
        _require_shape(field["type"])


def _require_names(text: str) -> None:
    """Names that exist and are given once, symbols, defaults: fastavro's part."""
    try:
        fastavro.parse_schema(json.loads(text))
    except (SchemaParseException, UnknownType) as error:
        raise InvalidSchema(f"not an Avro schema: {str(error)[:200]}") from error
    except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
        # The parser expects objects of the right shape; anything else fails inside it in one of these ways.
        raise InvalidSchema("not an Avro schema: an attribute is missing or has the wrong type") from error


def _essence(schema: Any, namespace: str) -> Any:
    """The schema with full names and without what leaves bytes and values alone: docs, defaults, aliases, order."""
    if isinstance(schema, str):
        return schema if schema in _PRIMITIVES or "." in schema or not namespace else f"{namespace}.{schema}"
    if isinstance(schema, list):
        return [_essence(part, namespace) for part in schema]
    kind = schema["type"]
    if isinstance(kind, (dict, list)):
        return _essence(kind, namespace)
    kept: dict[str, Any] = {"type": kind}
    if "name" in _PARTS.get(kind, {}):
        short, given = schema["name"], schema.get("namespace")
        space = given if isinstance(given, str) else namespace
        kept["name"] = short if "." in short or not space else f"{space}.{short}"
        namespace = kept["name"].rpartition(".")[0]
    elif kind not in _PRIMITIVES and kind not in _INNER:
        return _essence(kind, namespace)
    for name in ("symbols", "size", "logicalType", "precision", "scale"):
        if name in schema:
            kept[name] = schema[name]
    if schema.get("logicalType") == "decimal":
        kept.setdefault("scale", 0)
    if kind in _RECORDS:
        kept["fields"] = [(field["name"], _essence(field["type"], namespace)) for field in schema["fields"]]
    if kind in _INNER:
        kept["inner"] = _essence(schema[_INNER[kind]], namespace)
    return kept if len(kept) > 1 else kind
