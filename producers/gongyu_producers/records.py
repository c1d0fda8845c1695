"""The bytes of keys, images and changes of one information type, and back.

Values are those of the Avro types below the logical ones, so schemas are used here without logical types: nothing
is converted, nothing can be out of a Python type's range, and equal values have equal bytes.
A change is put together from images that are bytes already: an Avro record is the concatenation of its fields.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import fastavro

from gongyu_producers.encode import Encode, encode_long, encode_string, make_encoder
from gongyu_schemas.envelope import CREATE, DELETE, UPDATE, owner_envelope, record_key_schema, subject_key_schema
from gongyu_schemas.errors import ConfigError
from gongyu_schemas.fields import Schema
from gongyu_schemas.information_type import InformationType

Values = dict[str, Any]

_NULL = b"\x00"
_PRESENT = b"\x02"
_TAIL = ("op", "ts_ms", "source")
_SOURCE = ("name", "position", "act")


class Unreadable(Exception):
    """A message on the owner's topic that is not a change of this type; why, without its content."""


@dataclass(frozen=True, slots=True)
class Change:
    """One decoded message of the owner's topic: operation, images as values, and who counted which position."""

    op: str
    before: Values | None
    after: Values | None
    source: str
    position: int


class Records:
    """Encodes and decodes for one type. `subject_is_key`: the Kafka key is the record key, byte for byte."""

    def __init__(self, information_type: InformationType) -> None:
        envelope = owner_envelope(information_type)
        source = next(field["type"] for field in envelope["fields"] if field["name"] == "source")
        if _names(envelope) != ("before", "after", *_TAIL) or _names(source) != _SOURCE:
            raise AssertionError("the owner envelope is not the one that changes are put together for")
        self.key_fields = information_type.key
        self.subject_is_key = information_type.subject == information_type.key
        self.version_field = information_type.version
        self._envelope = _parse(envelope)
        self._image = _parse(information_type.record_schema)
        self._key = _parse(record_key_schema(information_type))
        self._shown_key = fastavro.parse_schema(record_key_schema(information_type))
        self._subject = _parse(subject_key_schema(information_type))
        self._write_image, self._write_key, self._write_subject = map(_writer, (self._image, self._key, self._subject))

    def key(self, values: Values) -> bytes:
        return self._write_key(values)

    def subject(self, values: Values) -> bytes | None:
        """The subject's key, or None where it is the record key."""
        return None if self.subject_is_key else self._write_subject(values)

    def image(self, values: Values) -> bytes:
        return self._write_image(values)

    def describe_key(self, key: bytes) -> dict[str, str]:
        """The key fields as texts, for the owner's own eyes."""
        try:
            found: Any = fastavro.schemaless_reader(io.BytesIO(key), self._shown_key, None)
        except (ValueError, OverflowError):  # a day or moment beyond Python's calendar
            found = fastavro.schemaless_reader(io.BytesIO(key), self._key, None)
        return {name: str(value) for name, value in found.items()}

    def changes(
        self, changes: Iterable[tuple[str, bytes | None, bytes | None]], ts_ms: int, source: str, position: int, act: str | None
    ) -> Iterator[bytes]:
        """Owner envelopes around images that are bytes: (operation, before, after), counted from `position` on."""
        moment = encode_long(ts_ms) + encode_string(source)
        heads = {op: encode_string(op) + moment for op in (CREATE, UPDATE, DELETE)}
        end = _NULL if act is None else _PRESENT + encode_string(act)
        for at, (op, before, after) in enumerate(changes, start=position):
            first = (_NULL,) if before is None else (_PRESENT, before)
            second = (_NULL,) if after is None else (_PRESENT, after)
            yield b"".join((*first, *second, heads[op], encode_long(at), end))

    def read_change(self, body: bytes, writer: Schema | None) -> Change:
        """Decode a message's body; `writer` is its schema where that is not this type's. Raises Unreadable."""
        content = _decode(body, self._envelope if writer is None else writer, self._envelope)
        source, before, after = content["source"], content["before"], content["after"]
        return Change(content["op"], before and before[1], after and after[1], source["name"], source["position"])

    def read_key(self, key: bytes) -> Values:
        return _decode(key, self._subject, self._subject)

    def version(self, image: bytes) -> int:
        """The version of an image, of a type that has one."""
        value: Any = _decode(image, self._image, self._image)
        for part in str(self.version_field).split("."):  # it may lie in records that are never null
            value = value[part]
        return int(value)

    def read_image(self, image: bytes, writer: Schema) -> Values:
        return _decode(image, writer, self._image)


def parse_writer(schema: Schema) -> Schema:
    """A writer's schema, ready to decode with. Raises ConfigError where it is no Avro schema."""
    try:
        return _parse(schema)
    except (fastavro.schema.SchemaParseException, fastavro.schema.UnknownType, KeyError, TypeError) as error:
        raise ConfigError(f"the schema registry holds a schema that is not Avro: {error}") from error


def _parse(schema: Schema) -> Schema:
    return fastavro.parse_schema(_without_logical_types(schema))


def _without_logical_types(schema: Schema) -> Schema:
    if isinstance(schema, list):
        return [_without_logical_types(each) for each in schema]
    if isinstance(schema, dict):
        return {
            name: value if name == "default" else _without_logical_types(value) for name, value in schema.items() if name != "logicalType"
        }
    return schema


def _names(record: Schema) -> tuple[str, ...]:
    return tuple(field["name"] for field in record["fields"])


def _writer(schema: Schema) -> Encode:
    return make_encoder(schema) or partial(_encode, schema)


def _encode(schema: Schema, values: Values) -> bytes:
    out = io.BytesIO()
    fastavro.schemaless_writer(out, schema, values)
    return out.getvalue()


def _decode(body: bytes, writer: Schema, reader: Schema) -> Values:
    """Values of named types come with their names out of unions, so that they are written again under the same branch."""
    stream = io.BytesIO(body)
    try:
        content: Any = fastavro.schemaless_reader(stream, writer, None if reader is writer else reader, return_named_type=True)
    except (
        EOFError, ValueError, IndexError, KeyError, TypeError, OverflowError, MemoryError, fastavro.read.SchemaResolutionError,
    ) as error:  # fmt: skip
        raise Unreadable(f"not decodable: {type(error).__name__}") from error
    if stream.tell() != len(body):
        raise Unreadable("bytes left over behind the message")
    return dict(content)
