"""Avro bodies read by hand, value by value: for schemas whose values fastavro cannot give back byte for byte.

Those have arrays or maps (cut into blocks in any way, entries in any order) or unions of several types (fastavro forgets
which branch it read). Enters a body and a schema without logical types; leaves raw values as fastavro would give them, but of a
union of several types the pair (branch, value). Raises NotPlain wherever something else than blocks could be written differently.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from gongyu_schemas.fields import Schema
from gongyu_schemas.named_types import inline_names

_BITS = {"int": 32, "long": 64}
_FLOATS = {"float": 4, "double": 8}


class NotPlain(ValueError):
    """Bytes that are not the canonical encoding of a value of the schema."""


def needs_strictness(schema: Schema) -> bool:
    """Whether fastavro alone cannot tell the one encoding of each value."""
    return _any_part(inline_names(schema), lambda part: _is_several(part) or _base(part) in ("array", "map"))


def read_body(schema: Schema, body: bytes) -> Any:
    """The raw value. Raises NotPlain."""
    reader = _Reader(body)
    value = reader.value(inline_names(schema))
    if reader.at != len(body):
        raise NotPlain(f"{len(body) - reader.at} bytes trail")
    return value


def read_sizes(schema: Schema, body: bytes) -> dict[str, int]:
    """How many bytes each field of a record has. Raises NotPlain."""
    reader, sizes = _Reader(body), {}
    for field in inline_names(schema)["fields"]:
        before = reader.at
        reader.value(field["type"])
        sizes[field["name"]] = reader.at - before
    return sizes


def _base(schema: Schema) -> Any:
    return schema["type"] if isinstance(schema, dict) else schema


def _is_several(schema: Schema) -> bool:
    """A union other than of null and one type."""
    return isinstance(schema, list) and (len(schema) != 2 or "null" not in schema)


def _any_part(schema: Schema, holds: Callable[[Schema], bool]) -> bool:
    parts = schema if isinstance(schema, list) else []
    if isinstance(schema, dict):
        parts = [field["type"] for field in schema.get("fields", ())] + [schema[each] for each in ("items", "values") if each in schema]
    return holds(schema) or any(_any_part(part, holds) for part in parts)


class _Reader:
    def __init__(self, body: bytes) -> None:
        self._body = body
        self.at = 0

    def value(self, schema: Schema) -> Any:
        if isinstance(schema, list):
            branch = self._number(64)
            if not 0 <= branch < len(schema):
                raise NotPlain(f"a union has no branch {branch}")
            value = self.value(schema[branch])
            return (branch, value) if _is_several(schema) else value
        base = _base(schema)
        if base == "null":
            return None
        if base in _BITS:
            return self._number(_BITS[base])
        if base in ("bytes", "string"):
            return self._text(base)
        if base == "boolean":
            if (octet := self._take(1)) not in (b"\0", b"\1"):
                raise NotPlain(f"{octet!r} is no boolean")
            return octet == b"\1"
        if base == "fixed" or base in _FLOATS:
            return self._take(_FLOATS[base] if base in _FLOATS else schema["size"])
        if base == "enum":
            if not 0 <= (number := self._number(64)) < len(schema["symbols"]):
                raise NotPlain(f"an enum has no symbol {number}")
            return schema["symbols"][number]
        if base == "record":
            return {field["name"]: self.value(field["type"]) for field in schema["fields"]}
        return self._array(schema["items"]) if base == "array" else self._map(schema["values"])

    def _array(self, items: Schema) -> list[Any]:
        found: list[Any] = []
        self._blocks(lambda: found.append(self.value(items)))
        return found

    def _map(self, values: Schema) -> dict[str, Any]:
        found: dict[str, Any] = {}

        def read_entry() -> None:
            key = self._text("string")
            if key in found:
                raise NotPlain("a map has a key twice")
            found[key] = self.value(values)

        self._blocks(read_entry)
        return found

    def _blocks(self, read_item: Callable[[], None]) -> None:
        """No item is without a byte, so there are no more items than bytes are left."""
        while count := self._number(64):
            size = self._number(64) if count < 0 else None
            begin = self.at
            if abs(count) > len(self._body) - begin:
                raise NotPlain("a block has more items than the body has bytes")
            for _ in range(abs(count)):
                read_item()
            if size is not None and self.at - begin != size:
                raise NotPlain("a block is not as long as it says")

    def _text(self, base: str) -> Any:
        raw = self._take(self._number(64))
        try:
            return raw if base == "bytes" else raw.decode()
        except UnicodeDecodeError as error:
            raise NotPlain("a string is not UTF-8") from error

    def _number(self, bits: int) -> int:
        raw = shift = 0
        while True:
            octet = self._take(1)[0]
            raw |= (octet & 0x7F) << shift
            shift += 7
            if octet < 0x80:
                break
        if (octet == 0 and shift > 7) or raw >> bits:
            raise NotPlain("a number is padded, or too large for its type")
        return (raw >> 1) ^ -(raw & 1)

    def _take(self, size: int) -> bytes:
        if not 0 <= size <= len(self._body) - self.at:
            raise NotPlain("the body ends inside a value")
        self.at += size
        return self._body[self.at - size : self.at]
