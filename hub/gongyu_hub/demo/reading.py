"""The reference's reading of messages: what a valid message says, or why it is rejected.

Enters an information type with its schema ids, and messages as Kafka carries them; leaves changes of records and entries of subject
lists in plain values. Raises RejectedError.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from gongyu_hub.demo.plain import Codec, NotPlain, image_reader
from gongyu_hub.demo.row_text import Image
from gongyu_hub.demo.sizes import TooLarge, check_beside, check_images, encoded_bytes
from gongyu_schemas.envelope import CREATE, DELETE, MARKER, READ, UPDATE
from gongyu_schemas.fields import Schema
from gongyu_schemas.information_type import InformationType
from gongyu_schemas.partitioner import partition_of
from gongyu_schemas.subject_lists import ADDED, split_entry_key
from gongyu_schemas.wire import WireError, unframe

Key = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class OwnerMessage:
    """A message as Kafka carries it; its time matters only where there is no value that has one."""

    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    timestamp_ms: int = 0


@dataclass(frozen=True, slots=True)
class ListMessage:
    """A message of the type's subject lists as Kafka carries it."""

    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    timestamp_ms: int = 0


Input = OwnerMessage | ListMessage


@dataclass(frozen=True, slots=True)
class Published:
    """An information type as it is in use: its schema ids in the registry and the schemas behind them."""

    information_type: InformationType
    key_schema_id: int
    key_schema: Schema
    writer_schemas: Mapping[int, Schema]


@dataclass(frozen=True, slots=True)
class Change:
    """A valid message: the record, the image after it (None: deleted) and the version it tells, of a delete that of `before`."""

    key: Key
    image: dict[str, Any] | None
    version: int | None
    ts_ms: int
    act: str | None


class RejectedError(ValueError):
    """The message cannot be processed."""


class MessageReader:
    """Reads the messages of one information type."""

    def __init__(self, published: Published) -> None:
        self._type = published.information_type
        self._key_schema_id = published.key_schema_id
        self._key_codec = Codec(published.key_schema)
        self._writers = {schema_id: Codec(schema) for schema_id, schema in published.writer_schemas.items()}
        self._read_image = image_reader(self._type.fields)
        self._read_key = image_reader([self._type.field(name) for name in self._type.subject])

    @property
    def subject_is_key(self) -> bool:
        return self._type.subject == self._type.key

    def record_of(self, message: OwnerMessage) -> Key | None:
        """Whose record a message is; None where it is rejected or a marker."""
        try:
            change = self.read_change(message)
        except RejectedError:
            return None
        return None if change is None else change.key

    def subject_of(self, message: Input) -> Key | None:
        """Whose record or entry a message is of; None where it is rejected or a marker."""
        try:
            if isinstance(message, ListMessage):
                return self.read_entry(message)[1]
            return None if self.read_change(message) is None else self._read_subject(self._key_body(message))
        except RejectedError:
            return None

    def read_change(self, message: OwnerMessage) -> Change | None:
        """The change, or None for a control marker. Raises RejectedError."""
        if message.value is None:
            self._check(check_beside, message.key, 0)
            return Change(self._record_key(message), None, None, message.timestamp_ms, None)
        try:
            schema_id, body = unframe(message.value)
            codec = self._writers[schema_id]
            raw = codec.decode(body)
            images = {place: None if raw[place] is None else self._read_image(raw[place]) for place in ("before", "after")}
        except (WireError, NotPlain) as error:
            raise RejectedError(str(error)) from error
        except KeyError as error:
            raise RejectedError(f"schema id {error} is not one of the type's") from error
        op, after = raw["op"], images["after"]
        if op == MARKER:
            return None
        self._check(check_beside, message.key, encoded_bytes(raw["source"]["act"]))
        self._check(check_images, codec.schema, body)
        if op not in (CREATE, UPDATE, READ, DELETE) or (after is None) != (op == DELETE):
            raise RejectedError(f"op {op!r} does not go with these images")
        image = after if after is not None else images["before"]
        key = self._record_key(message) if image is None else self._key_of(message, image)
        version = None if image is None or self._type.version is None else image[self._type.version]
        return Change(key, after, version, raw["ts_ms"], raw["source"]["act"])

    def _key_of(self, message: OwnerMessage, image: Image) -> Key:
        if self._key_body(message) != self._key_codec.encode({name: image[name] for name in self._type.subject}):
            raise RejectedError("the message key is not the subject of the value")
        return tuple(image[name] for name in self._type.key)

    def _record_key(self, message: OwnerMessage) -> Key:
        """The record named by the message key alone."""
        if self._type.subject != self._type.key:
            raise RejectedError("a deletion without image names no record: the key is only its subject")
        named = dict(zip(self._type.subject, self._read_subject(self._key_body(message)), strict=True))
        return tuple(named[name] for name in self._type.key)

    def read_entry(self, message: ListMessage) -> tuple[str, Key]:
        """(list, subject) of a list's message. Raises RejectedError."""
        if message.key is None or message.value not in (None, ADDED):
            raise RejectedError("no key, or neither an addition nor a removal")
        try:
            name, subject_key = split_entry_key(message.key)
        except ValueError as error:
            raise RejectedError(str(error)) from error
        return name, self._read_subject(self._subject_body(subject_key, message.partition))

    def _key_body(self, message: OwnerMessage) -> bytes:
        if message.key is None:
            raise RejectedError("no key")
        return self._subject_body(message.key, message.partition)

    def _subject_body(self, key: bytes, partition: int) -> bytes:
        try:
            schema_id, body = unframe(key)
        except WireError as error:
            raise RejectedError(f"key: {error}") from error
        if schema_id != self._key_schema_id:
            raise RejectedError(f"key: schema id {schema_id} is not the type's")
        if partition_of(key, self._type.partitions) != partition:
            raise RejectedError("the key belongs to another partition")
        return body

    def _read_subject(self, body: bytes) -> Key:
        try:
            subject = self._read_key(self._key_codec.decode(body))
        except NotPlain as error:
            raise RejectedError(f"key: {error}") from error
        return tuple(subject[name] for name in self._type.subject)

    @staticmethod
    def _check(check: Callable[..., None], *arguments: Any) -> None:
        try:
            check(*arguments)
        except TooLarge as error:
            raise RejectedError(str(error)) from error
