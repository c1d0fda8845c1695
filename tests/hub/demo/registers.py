"""A small information type for the tests of the reference and the check, and its messages in Avro."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from gongyu_hub.demo.plain import Codec
from gongyu_hub.demo.reading import OwnerMessage, Published
from gongyu_schemas.envelope import owner_envelope, subject_key_schema
from gongyu_schemas.fields import read_fields
from gongyu_schemas.information_type import InformationType, Publishing, Title
from gongyu_schemas.partitioner import partition_of
from gongyu_schemas.wire import frame

KEY_ID, VALUE_ID = 7, 8
RECORD = {
    "type": "record",
    "name": "Dog",
    "fields": [
        {"name": "chip", "type": "string"},
        {"name": "keeper", "type": "string"},
        {"name": "town", "type": ["null", "string"]},
        {"name": "weight", "type": "double"},
        {"name": "seen", "type": "long"},
    ],
}


def information_type(*, version: str | None = None, subject: tuple[str, ...] = ("chip",), partitions: int = 1) -> InformationType:
    return InformationType(
        name="dog",
        owner="county",
        title=Title(ko="개", en="Dog"),
        key=("chip",),
        subject=subject,
        version=version,
        partitions=partitions,
        classification={},
        publishing=Publishing(),
        record_schema=RECORD,
        fields=read_fields(RECORD),
    )


def dog(chip: str = "a", **values: Any) -> dict[str, Any]:
    return {"chip": chip, "keeper": "kim", "town": "seoul", "weight": 3.0, "seen": 1, **values}


@dataclass
class Owner:
    """Makes the messages of an owner topic, each at the next offset of its partition."""

    type: InformationType
    key_id: int = KEY_ID
    offsets: dict[int, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._key = Codec(subject_key_schema(self.type))
        self._value = Codec(owner_envelope(self.type))

    @property
    def published(self) -> Published:
        return Published(self.type, KEY_ID, subject_key_schema(self.type), {VALUE_ID: owner_envelope(self.type)})

    def key(self, record: dict[str, Any]) -> bytes:
        return frame(self.key_id, self._key.encode({name: record[name] for name in self.type.subject}))

    def value(self, op: str, before: dict[str, Any] | None, after: dict[str, Any] | None, act: str | None = None) -> bytes:
        source = {"name": "test", "position": 0, "act": act}
        images = [None if image is None else _raw(image) for image in (before, after)]
        return frame(VALUE_ID, self._value.encode({"before": images[0], "after": images[1], "op": op, "ts_ms": 5, "source": source}))

    def message(self, key: bytes | None, value: bytes | None, partition: int | None = None) -> OwnerMessage:
        home = 0 if key is None else partition_of(key, self.type.partitions)
        at = home if partition is None else partition
        self.offsets[at] = self.offsets.get(at, -1) + 1
        return OwnerMessage(at, self.offsets[at], key, value, 9)

    def put(self, record: dict[str, Any], op: str = "u", act: str | None = None) -> OwnerMessage:
        return self.message(self.key(record), self.value(op, None, record, act))

    def remove(self, record: dict[str, Any]) -> OwnerMessage:
        return self.message(self.key(record), self.value("d", record, None))


def _raw(record: dict[str, Any]) -> dict[str, Any]:
    import struct

    return {**record, "weight": struct.pack("<d", record["weight"])}
