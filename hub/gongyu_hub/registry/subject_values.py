"""Subjects as people write them, and as Kafka has them.

Enters the key schema of an owner topic; leaves functions between values (texts of a file, or JSON) and the key's bytes: wire header and
Avro body. Raises NotASubject, whose text names the field and never the value.
"""

from __future__ import annotations

import datetime as dt
import io
import uuid
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import fastavro

from gongyu_schemas import wire
from gongyu_schemas.fields import Field, Kind, Schema, read_fields

_INTEGERS: Mapping[Kind, range] = {
    Kind.INT: range(-(2**31), 2**31),
    Kind.LONG: range(-(2**63), 2**63),
    Kind.TIME_MILLIS: range(86_400_000),
    Kind.TIME_MICROS: range(86_400_000_000),
    **dict.fromkeys((Kind.TIMESTAMP_MILLIS, Kind.LOCAL_TIMESTAMP_MILLIS), range(-62_135_596_800_000, 253_402_300_800_000)),
    **dict.fromkeys((Kind.TIMESTAMP_MICROS, Kind.LOCAL_TIMESTAMP_MICROS), range(-62_135_596_800_000_000, 253_402_300_800_000_000)),
}
#: The longest subject in bytes: a key beside records, far below a message.
_SUBJECT_BYTES_MAX = 4096


class NotASubject(ValueError):
    """Values that are no subject of the type."""


class SubjectCodec:
    """Between values in the order of the subject's fields and the key of the owner topic."""

    def __init__(self, schema_id: int, schema: Schema) -> None:
        self.fields = read_fields(schema)
        self._schema_id = schema_id
        plain = {**schema, "fields": [{**each, "type": _without_logic(each["type"])} for each in schema["fields"]]}
        self._schema = fastavro.parse_schema(plain)
        self._readers = [_reader(field) for field in self.fields]

    def encode(self, values: Sequence[Any]) -> bytes:
        """Raises NotASubject."""
        if len(values) != len(self.fields):
            raise NotASubject(f"{len(values)} values instead of {len(self.fields)} ({', '.join(each.name for each in self.fields)})")
        plain = {}
        for field, read, value in zip(self.fields, self._readers, values, strict=True):
            try:
                plain[field.name] = read(value)
            except (ValueError, TypeError):
                raise NotASubject(f"{field.name}: not a value of its kind ({field.kind.value})") from None
        body = io.BytesIO()
        fastavro.schemaless_writer(body, self._schema, plain)
        if body.tell() > _SUBJECT_BYTES_MAX:
            raise NotASubject(f"longer than {_SUBJECT_BYTES_MAX} bytes")
        return wire.frame(self._schema_id, body.getvalue())

    def decode(self, subject_key: bytes) -> list[Any]:
        """As they can be written: dates as texts."""
        value: Any = fastavro.schemaless_reader(io.BytesIO(wire.unframe(subject_key)[1]), self._schema, None)
        return [_written(field, value[field.name]) for field in self.fields]


def _without_logic(schema: Schema) -> Schema:
    if isinstance(schema, list):
        return [_without_logic(each) for each in schema]
    return {name: each for name, each in schema.items() if name != "logicalType"} if isinstance(schema, dict) else schema


def _reader(field: Field) -> Callable[[Any], Any]:
    if field.kind in _INTEGERS:
        return lambda value: _integer(value, _INTEGERS[field.kind])
    if field.kind is Kind.ENUM:
        return lambda value: field.symbols[field.symbols.index(value)]
    return _READERS[field.kind]


def _integer(value: Any, allowed: range) -> int:
    if isinstance(value, bool) or not isinstance(value, (int, str)):
        raise TypeError
    number = int(value)
    if number not in allowed:
        raise ValueError
    return number


def _text(value: Any) -> str:
    if not isinstance(value, str) or not value:
        raise ValueError
    value.encode()  # a lone surrogate ends here
    return value


def _date(value: Any) -> int:
    return dt.date.fromisoformat(_text(value)).toordinal() - dt.date(1970, 1, 1).toordinal()


def _uuid(value: Any) -> str:
    return str(uuid.UUID(_text(value)))


def _boolean(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    if value not in ("true", "false"):
        raise ValueError
    return bool(value == "true")


_READERS: Mapping[Kind, Callable[[Any], Any]] = {
    Kind.STRING: _text,
    Kind.DATE: _date,
    Kind.UUID: _uuid,
    Kind.BOOLEAN: _boolean,
}


def _written(field: Field, value: Any) -> Any:
    return dt.date.fromordinal(value + dt.date(1970, 1, 1).toordinal()).isoformat() if field.kind is Kind.DATE else value
