"""The records of `hub.state.<type>`: stored images, memberships of subject lists, and one progress record per partition.

Key: a kind byte, for images followed by the Avro body of the record key. An image's value: a fixed header, then the
record's Avro bytes; a null value (or, where the type has a version field, a header marked as deleted) = no image.
A membership: under the subject's Avro body the names of all lists that it is on, a line each; none = null.
Where the subject is not the record key, an index says which records a subject has. Decision: the index is state like the rest instead
of being made from the images when they are read back, because a subject is found in an image only by a schema, and recovery needs
none; it costs a small record when a record appears or disappears, nothing when it changes.
"""

from __future__ import annotations

import json
import struct
from typing import NamedTuple

from pydantic import BaseModel, ConfigDict

from gongyu_schemas.errors import FatalError

PROGRESS_KEY = b"\x01"
IMAGE_KIND = b"\x02"
MEMBER_KIND = b"\x03"
INDEX_KIND = b"\x04"
INDEXED = b"\x01"
#: Of everything in a state topic: the progress record is read before anything there is used. 2: counts rejections, has the place
#: in the subject lists.
PROGRESS_FORMAT = 2

#: first byte of a stored image: there is one, or there was one (of a type with versions)
LIVE, _DELETED = 1, 2
#: state of the record, writer schema id, stamp (epoch), version, offset of the input
_HEADER = struct.Struct(">BIQqq")
HEADER_BYTES = _HEADER.size
_STAMP, _STAMP_PLACE = struct.Struct(">Q"), struct.calcsize(">BI")
#: Upper key of the last segment.
END = "~"
#: Stored where the type has no version field, or the change told none.
NO_VERSION = -(2**63)


class StoredHeader(NamedTuple):
    """What is stored beside an image's bytes."""

    live: bool
    schema_id: int
    stamp: int
    version: int
    offset: int


def pack_image(body: bytes, schema_id: int, stamp: int, version: int, offset: int) -> bytes:
    return _HEADER.pack(LIVE, schema_id, stamp, version, offset) + body


def pack_deleted(schema_id: int, stamp: int, version: int, offset: int) -> bytes:
    """What a deleted record of a versioned type leaves: its last version, so that a replay does not bring it back."""
    return _HEADER.pack(_DELETED, schema_id, stamp, version, offset)


def unpack_header(stored: bytes) -> StoredHeader:
    state, schema_id, stamp, version, offset = _HEADER.unpack_from(stored)
    return StoredHeader(state == LIVE, schema_id, stamp, version, offset)


def read_stamp(stored: bytes) -> int:
    """The epoch alone: quicker than the whole header."""
    stamp: int = _STAMP.unpack_from(stored, _STAMP_PLACE)[0]
    return stamp


def is_live(stored: bytes) -> bool:
    return stored[0] == LIVE


def with_stamp(stored: bytes, epoch: int) -> bytes:
    """The image as it was, decided under another epoch."""
    return stored[:_STAMP_PLACE] + _STAMP.pack(epoch) + stored[_STAMP_PLACE + _STAMP.size :]


def pack_lists(lists: frozenset[str]) -> bytes | None:
    return "\n".join(sorted(lists)).encode() or None


def unpack_lists(stored: bytes | None) -> frozenset[str]:
    return frozenset(stored.decode().split("\n")) if stored else frozenset()


def index_prefix(subject: bytes) -> bytes:
    """What the index keys of a subject begin with; the record keys follow. No prefix is another's beginning."""
    return INDEX_KIND + len(subject).to_bytes(4, "big") + subject


class Progress(BaseModel):
    """How far a partition is. One record, rewritten by every transaction that touches the partition.

    `adopted`: the epoch in effect here (0: none). `segments`: (upper record key as hex, or "~" for the end, epoch): up to
    which epoch the images were brought, in key order. `rejected`: rejections in a row. `paused`: the owner offset at
    which reading was paused for them. `rejections`: all there ever were since this was counted. `cursor`, `subjects`: the
    offsets to read next in the owner topic and in the topic of subject lists, equal to the committed ones.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    format: int = PROGRESS_FORMAT
    adopted: int = 0
    segments: tuple[tuple[str, int], ...] = ((END, 0),)
    rejected: int = 0
    paused: int | None = None
    rejections: int = 0
    cursor: int = 0
    subjects: int = 0

    def adopt(self, epoch: int, resume: int) -> Progress:
        """With an epoch in effect under which every image here counts as decided; `resume`: the offset up to which a pause ends."""
        moved = self.model_copy(update={"adopted": epoch, "segments": ((END, epoch),)})
        if self.paused is None or self.paused > resume:
            return moved
        return moved.model_copy(update={"paused": None, "rejected": 0})

    def encode(self) -> bytes:
        return self.model_dump_json().encode()

    @staticmethod
    def decode(stored: bytes) -> Progress:
        """Of this format or an older one, as this one. Raises FatalError for a newer one, whatever else is in it."""
        try:
            content = json.loads(stored)
            found = content.get("format", 1)
            if found > PROGRESS_FORMAT:
                raise FatalError(f"the state was written by a newer version (format {found}); start that version")
            return Progress.model_validate({**content, "format": PROGRESS_FORMAT})
        except (ValueError, AttributeError, TypeError) as error:
            raise FatalError("the state topic holds a progress record that is none: restore the topic from a copy") from error
