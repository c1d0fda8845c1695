"""Why a grant shows a record, or does not: the record's last image in the state topic, judged by the grant's row text.

Enters the fields of a record key; leaves an `Explanation`. The state topic is read instead of the worker's store, which is locked
while it is in use: one partition of it where the subject's fields are known, else all, up to the end they had.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from io import BytesIO
from typing import Any

import fastavro
from confluent_kafka.admin import OffsetSpec

from gongyu_hub.engine.images import locate_images
from gongyu_hub.engine.keys import join_fields
from gongyu_hub.engine.layout import Layout, compile_layout
from gongyu_hub.operating.clauses import TRUE, Clause, judge
from gongyu_hub.operating.partitions import Kafka
from gongyu_hub.policy.records import Ended, GrantVersion, Manifest
from gongyu_hub.policy.schemas import SchemaReader
from gongyu_hub.state.records import (
    HEADER_BYTES,
    IMAGE_KIND,
    MEMBER_KIND,
    PROGRESS_KEY,
    Progress,
    StoredHeader,
    unpack_header,
    unpack_lists,
)
from gongyu_hub.values import joined
from gongyu_schemas import wire
from gongyu_schemas.errors import ConfigError, FatalError
from gongyu_schemas.fields import Schema
from gongyu_schemas.named_types import inline_names
from gongyu_schemas.partitioner import partition_of
from gongyu_schemas.subject_lists import list_name

Values = Mapping[str, Any]
_TELL_EVERY = 10_000


@dataclass(frozen=True, slots=True)
class Explanation:
    """`header` None: the hub knows nothing of the record; of one that is deleted it does where the type has versions.

    `partition` and `adopted` None: nothing says in which partition the record would be. `clauses` are empty where the grant covers
    all rows or there is no image. `record`: all values of the image.
    `on_list`: whether the subject is on the grant's list; None where it has none.
    """

    version: GrantVersion
    manifest: Manifest
    partition: int | None
    adopted: int | None
    header: StoredHeader | None
    given: bool
    because: str
    clauses: list[Clause]
    record: Values | None
    on_list: bool | None = None


def find_grant(
    grants: Mapping[bytes, GrantVersion], manifests: list[Manifest], grant: str, of_type: str | None
) -> tuple[GrantVersion, Manifest]:
    """`grant` is SUBSCRIBER/GRANT, or GRANT alone where only one subscriber has it. Raises ConfigError."""
    subscriber, _, name = grant.rpartition("/")
    by_key = {version.key(): version for version in grants.values()}
    found = [
        (by_key[f"grant/{entry.subscriber}/{entry.grant}/{entry.version}".encode()], manifest)
        for manifest in manifests
        for entry in manifest.grants
        if entry.grant == name and subscriber in ("", entry.subscriber) and of_type in (None, manifest.information_type)
    ]
    if not found:
        raise ConfigError(f"no grant {grant!r} is in force{'' if of_type is None else f' for type {of_type}'}; give SUBSCRIBER/GRANT")
    if len(found) > 1:
        names = ", ".join(f"{version.subscriber}/{version.grant}" for version, _ in found)
        raise ConfigError(f"several subscribers have a grant {grant!r}: {names}; give one of these")
    return found[0]


def explain(
    kafka: Kafka, schemas: SchemaReader, version: GrantVersion, manifest: Manifest, key: Values, progress: Callable[[int, int], None]
) -> Explanation:
    """Raises ConfigError where `key` lacks a key field or does not fit it. `progress` is told (records read, of how many)."""
    record = record_schema(schemas.read(manifest.writer_schema_ids[0]))
    wanted = IMAGE_KIND + encode_fields(record, manifest.key_fields, key)
    stored, partition, adopted = _find(kafka, manifest, _partitions(manifest, record, key), wanted, progress)
    header = None if stored is None else unpack_header(stored)
    ended = next((each.ended for each in manifest.grants if (each.subscriber, each.grant) == (version.subscriber, version.grant)), None)
    if ended is not None:
        return Explanation(version, manifest, partition, adopted, header, False, how_ended(ended), [], None)
    if stored is None or header is None or not header.live:
        because = "the hub has no image of this record: it never came, was rejected, or was deleted"
        if header is not None:
            because = f"the record was deleted at owner offset {header.offset}"
        return Explanation(version, manifest, partition, adopted, header, False, because, [], None)
    writer = schemas.read(header.schema_id)
    layout, body = compile_layout(writer), stored[HEADER_BYTES:]
    _, buffer, starts = joined([body])
    fields, faults = locate_images(layout, buffer, starts)
    if faults.any():
        raise FatalError("the stored image does not fit its schema; delete the worker's store and start it again")
    clauses = [] if version.rows is None else judge(version.rows, layout, buffer, fields)
    on_list = None
    if version.subject_list is not None and partition is not None:
        subject, _ = join_fields(buffer, fields, [_place(layout, name) for name in manifest.subject_fields])
        on_list = _is_on(kafka, manifest, partition, subject.tobytes(), list_name(version.subscriber, version.subject_list))
    because, given = _conclude(version, clauses, on_list)
    value: Any = fastavro.schemaless_reader(BytesIO(body), fastavro.parse_schema(record_schema(writer)), None)
    return Explanation(version, manifest, partition, adopted, header, given, because, clauses, value, on_list)


def how_ended(ended: Ended) -> str:
    """In words."""
    since = datetime.fromtimestamp(ended.at_ms / 1000, UTC).isoformat(timespec="seconds")
    return f"the grant has ended: since {since}, by {ended.who}, for: {ended.reason}"


def _conclude(version: GrantVersion, clauses: list[Clause], on_list: bool | None) -> tuple[str, bool]:
    """Rows and subjects both must cover the record."""
    because = "the grant covers all rows" if not clauses else f"its rows are {clauses[0].result} on this record"
    if on_list is not None:
        because += f", and its subject is {'' if on_list else 'not '}on the list {version.subject_list}"
    return because, (not clauses or clauses[0].result == TRUE) and on_list is not False


def _is_on(kafka: Kafka, manifest: Manifest, partition: int, subject: bytes, name: str) -> bool:
    """Whether the subject is on a list, as the hub decides by it."""
    lists: bytes | None = None
    for message in kafka.read_to_end({(manifest.state_topic, partition): 0}):
        if message.key() == MEMBER_KIND + subject:
            lists = message.value()
    return name in unpack_lists(lists)


def _place(layout: Layout, name: str) -> int:
    return next(index for index, field in enumerate(layout.fields) if field.name == name)


def _partitions(manifest: Manifest, record: Schema, key: Values) -> list[int]:
    """One, where the subject's fields are given too."""
    if all(name in key for name in manifest.subject_fields):
        body = encode_fields(record, manifest.subject_fields, key)
        return [partition_of(wire.frame(manifest.subject_key_schema_id, body), manifest.partitions)]
    return list(range(manifest.partitions))


def _find(
    kafka: Kafka, manifest: Manifest, partitions: list[int], wanted: bytes, progress: Callable[[int, int], None]
) -> tuple[bytes | None, int | None, int | None]:
    """The newest value of a state key, in which partition, and the epoch in effect there."""
    found: bytes | None = None
    place = partitions[0] if len(partitions) == 1 else None
    newest: dict[int, bytes] = {}
    ends = kafka.offsets([(manifest.state_topic, number) for number in partitions], OffsetSpec.latest())
    for count, message in enumerate(kafka.read_to_end(dict.fromkeys(ends, 0))):
        if count % _TELL_EVERY == 0:
            progress(count, sum(ends.values()))
        if message.key() == wanted:
            found, place = message.value(), message.partition()
        elif message.key() == PROGRESS_KEY:
            newest[message.partition() or 0] = message.value() or b""
    adopted = None if place is None else Progress.decode(newest[place]).adopted if place in newest else 0
    return found, place, adopted


def record_schema(envelope: Schema) -> Schema:
    """The record in an owner topic's envelope."""
    after = next(field["type"] for field in inline_names(envelope)["fields"] if field["name"] == "after")
    return next(branch for branch in after if branch != "null") if isinstance(after, list) else after


def encode_fields(record: Schema, names: tuple[str, ...], values: Values) -> bytes:
    """The Avro body of a record of these fields. The message of an error names fields, never values."""
    declared = {field["name"]: field for field in record["fields"]}
    missing = [name for name in names if name not in values]
    if missing:
        raise ConfigError(f"the key lacks {', '.join(missing)}; its fields are {', '.join(names)}: give a JSON object of them")
    schema = {"type": "record", "name": "Key", "fields": [{"name": name, "type": declared[name]["type"]} for name in names]}
    body = BytesIO()
    try:
        content = {name: _value(declared[name]["type"], values[name]) for name in names}
        fastavro.schemaless_writer(body, fastavro.parse_schema(schema), content, strict=True)
    except (ValueError, TypeError, AttributeError, OverflowError):
        raise ConfigError(
            f"the key's values do not fit its fields {', '.join(names)} (dates as YYYY-MM-DD, numbers without quotes)"
        ) from None
    return body.getvalue()


def _value(schema: Schema, value: Any) -> Any:
    return date.fromisoformat(value) if isinstance(schema, dict) and schema.get("logicalType") == "date" else value


def read_key(text: str, fields: tuple[str, ...]) -> Values:
    """Of one record: a JSON object, or the bare value where the key has one field. Raises ConfigError without what was given."""
    text = text.strip()
    if not text.startswith("{") and len(fields) == 1 and text:
        if len(text.splitlines()) > 1:
            raise ConfigError("standard input has several lines: give the key of one record; ask again for each further one")
        return {fields[0]: text}
    try:
        content = json.loads(text)
    except ValueError:
        content = None
    if not isinstance(content, dict):
        raise ConfigError(f"the key on standard input must be a JSON object of {', '.join(fields)}, of one record alone")
    return content
