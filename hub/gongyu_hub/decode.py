"""Decode: checks every message of a batch and finds its parts as byte offsets. Pure.

Enters a Batch and the compiled policy of its type; leaves a Decoded. Everything that can be wrong with one message is found
here and nowhere later; a wrong one is a value (a reason in its row), never an exception, and never touches an image.
The order of the checks: wire format and schema of the value, its bytes, operation, size, key, partition.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np

from gongyu_hub.engine.faults import Fault
from gongyu_hub.engine.images import Located, locate, locate_images
from gongyu_hub.engine.keys import integer_field, join_fields, murmur2_partitions, same_ranges
from gongyu_hub.policy.compiled import TypePolicy
from gongyu_hub.settings import MAX_IMAGE_BYTES, MAX_KEY_AND_ACT_BYTES
from gongyu_hub.values import Batch, Bytes, Decoded, Flags, Ints, Reason, joined
from gongyu_schemas import wire

_OPERATIONS_WITH_IMAGE = np.frombuffer(b"cur", np.uint8)
_DELETE, _MARKER, _TRUNCATE = b"dmt"


@dataclass(slots=True)
class _Rejections:
    """Reasons so far; the first one found stays."""

    reasons: Bytes
    details: dict[int, str] = field(default_factory=dict)

    def add(self, index: int, reason: Reason, detail: str) -> None:
        if self.reasons[index] == 0:
            self.reasons[index] = reason
            self.details[index] = detail


def decode(batch: Batch, policy: TypePolicy) -> Decoded:
    rejected = _Rejections(np.zeros(len(batch), np.uint8))
    content, buffer, starts = joined(_bodies(batch, policy, rejected))
    has_body = np.array([value is not None for value in batch.values], np.bool_) & (rejected.reasons == 0)
    located = locate(policy.layout, buffer, starts)
    _check_bytes(located, has_body, rejected)
    control = has_body & (rejected.reasons == 0) & (located.op == _MARKER)
    _check_operations(located, has_body & ~control, rejected)
    _check_sizes(batch, located, ~control, rejected)
    record_keys = _check_keys(batch, policy, located, buffer, has_body, control, rejected)
    going = ~has_body | (located.op == _DELETE)
    versions = has_version = None
    if policy.version_field >= 0:
        versions = integer_field(policy.layout, policy.version_field, buffer, located.fields)
        has_version = has_body & (located.fields[:, 0] >= 0)
    fields = located.fields
    if going.any():
        fields = fields.copy()
        fields[going] = -1
    return Decoded(
        batch=batch,
        reasons=rejected.reasons,
        details=rejected.details,
        control=control,
        record_keys=record_keys,
        content=content,
        buffer=buffer,
        fields=fields,
        before=located.before,
        after=located.after,
        ts_ms=np.where(has_body, located.ts_ms, batch.timestamps_ms),
        act=located.act,
        versions=versions,
        has_version=has_version,
    )


def _bodies(batch: Batch, policy: TypePolicy, rejected: _Rejections) -> list[bytes]:
    """The Avro bodies; empty for null and for what is not in the type's wire format."""
    size, expected = wire.HEADER_BYTES, wire.header(policy.writer_schema_id)
    bodies = [value[size:] if value is not None and value[:size] == expected else b"" for value in batch.values]
    for index in [index for index, body in enumerate(bodies) if not body]:
        value = batch.values[index]
        if value is None or value[:size] == expected:
            continue
        try:
            schema_id, _ = wire.unframe(value)
        except wire.WireError as error:
            rejected.add(index, Reason.NOT_WIRE_FORMAT, str(error))
        else:
            rejected.add(index, Reason.UNKNOWN_SCHEMA, f"schema id {schema_id} is not one of the type's")
    return bodies


def _check_bytes(located: Located, has_body: Flags, rejected: _Rejections) -> None:
    for index in np.flatnonzero(has_body & (located.reason != 0)).tolist():
        what = Fault(int(located.reason[index])).text
        rejected.add(index, Reason.NOT_DECODABLE, f"{what} at byte {int(located.place[index]) + wire.HEADER_BYTES}")


def _check_operations(located: Located, checked: Flags, rejected: _Rejections) -> None:
    """c, u and r carry `after`; d does not. Debezium's truncate is refused: it names no record."""
    has_after = located.after[:, 0] >= 0
    fits = np.where(has_after, np.isin(located.op, _OPERATIONS_WITH_IMAGE), located.op == _DELETE)
    for index in np.flatnonzero(checked & ~fits).tolist():
        if located.op[index] == _TRUNCATE:
            rejected.add(index, Reason.TRUNCATE, "op t (truncate) is not accepted: publish deletes")
        else:
            rejected.add(index, Reason.BAD_OPERATION, "op and images do not fit: c, u, r need `after`, d must not have it")


def _check_sizes(batch: Batch, located: Located, checked: Flags, rejected: _Rejections) -> None:
    """What goes into a delivery is bounded, so that every delivery fits one Kafka message."""
    largest = np.maximum(located.after[:, 1] - located.after[:, 0], located.before[:, 1] - located.before[:, 0])
    for index in np.flatnonzero(checked & (largest > MAX_IMAGE_BYTES)).tolist():
        rejected.add(index, Reason.TOO_LARGE, f"an image of {int(largest[index])} bytes; the limit is {MAX_IMAGE_BYTES}")
    beside = np.array([len(key or b"") for key in batch.keys], np.int64) + located.act[:, 1] - located.act[:, 0]
    for index in np.flatnonzero(checked & (beside > MAX_KEY_AND_ACT_BYTES)).tolist():
        rejected.add(index, Reason.TOO_LARGE, f"key and source.act of {int(beside[index])} bytes; the limit is {MAX_KEY_AND_ACT_BYTES}")


def _check_keys(
    batch: Batch,
    policy: TypePolicy,
    located: Located,
    buffer: Bytes,
    has_body: Flags,
    control: Flags,
    rejected: _Rejections,
) -> list[bytes]:
    """The record keys; the message key must be the subject of the record, and of this partition."""
    identified = has_body & (located.fields[:, 0] >= 0)
    bodies = _key_bodies(batch, policy, control, identified, rejected)
    _, body_buffer, body_starts = joined(bodies)
    subjects = join_fields(buffer, located.fields, policy.subject_fields)
    checked = ~control & (rejected.reasons == 0)
    for index in np.flatnonzero(checked & identified & ~same_ranges(body_buffer, body_starts, *subjects)).tolist():
        rejected.add(index, Reason.KEY_NOT_OF_RECORD, "the message key is not the record's subject")
    if not policy.subject_is_key:
        for index in np.flatnonzero(checked & ~identified).tolist():
            rejected.add(index, Reason.NO_RECORD_KEY, "a delete of this type needs `before`: its message key does not name one record")
    _, key_buffer, key_starts = joined([key or b"" for key in batch.keys])
    partitions = murmur2_partitions(key_buffer, key_starts, policy.manifest.partitions)
    for index in np.flatnonzero(checked & (partitions != batch.partitions)).tolist():
        rejected.add(index, Reason.WRONG_PARTITION, f"the key belongs to partition {int(partitions[index])} (murmur2)")
    return bodies if policy.subject_is_key else _split(*join_fields(buffer, located.fields, policy.key_fields))


def _key_bodies(batch: Batch, policy: TypePolicy, control: Flags, identified: Flags, rejected: _Rejections) -> list[bytes]:
    """The keys without their headers; empty where a key is missing or foreign, and of control messages."""
    size, expected = wire.HEADER_BYTES, wire.header(policy.manifest.subject_key_schema_id)
    fits = np.array([key is not None and key[:size] == expected for key in batch.keys], np.bool_) & ~control
    for index in np.flatnonzero(~fits & ~control).tolist():
        if batch.keys[index] is None:
            rejected.add(index, Reason.NULL_KEY, "the message has no key")
        else:
            rejected.add(index, Reason.FOREIGN_KEY_SCHEMA, "the key is not in wire format under the type's key schema")
    bodies = [key[size:] if fit and key is not None else b"" for key, fit in zip(batch.keys, fits.tolist(), strict=True)]
    unproven = np.flatnonzero(fits & ~identified).tolist()
    if unproven:  # a key beside an image is proven by equality with the image's fields; one alone is decoded
        alone = [bodies[index] for index in unproven]
        _, alone_buffer, alone_starts = joined(alone)
        _, faults = locate_images(policy.key_layout, alone_buffer, alone_starts)
        for index, body, fault in zip(unproven, alone, faults.tolist(), strict=True):
            if fault or not body:
                rejected.add(index, Reason.FOREIGN_KEY_SCHEMA, "the key does not decode under the type's key schema")
    return bodies


def _split(joined: Bytes, starts: Ints) -> list[bytes]:
    content, places = joined.tobytes(), starts.tolist()
    return [content[start:end] for start, end in pairwise(places)]
