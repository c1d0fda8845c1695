"""Confluent's wire format: byte 0 is zero, bytes 1 to 4 are the schema id (big-endian), the rest is Avro binary."""

from __future__ import annotations

import struct

_HEADER = struct.Struct(">BI")
HEADER_BYTES = _HEADER.size


class WireError(ValueError):
    """A message that is not in this wire format."""


def header(schema_id: int) -> bytes:
    return _HEADER.pack(0, schema_id)


def frame(schema_id: int, body: bytes) -> bytes:
    return _HEADER.pack(0, schema_id) + body


def unframe(message: bytes) -> tuple[int, bytes]:
    """(schema id, body). Raises WireError, also for the newer form with a GUID (first byte 1)."""
    if len(message) < HEADER_BYTES:
        raise WireError(f"{len(message)} bytes are too short for the wire format (5 bytes and a body)")
    magic, schema_id = _HEADER.unpack_from(message)
    if magic == 1:
        raise WireError("schema ids as GUIDs are not supported; configure the serializer to use schema ids")
    if magic != 0:
        raise WireError(f"first byte is {magic}, not 0: not in the wire format")
    return schema_id, message[HEADER_BYTES:]
