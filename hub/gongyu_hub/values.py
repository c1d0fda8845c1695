"""The values that travel between the stages. All frozen; batches are arrays, their shapes stated here.

n: messages in a batch. m: applied changes among them. F: fields of the record. Byte offsets are absolute in the buffer
they belong to; -1 means absent.
"""

from __future__ import annotations

import enum
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
import numpy.typing as npt

Bytes = npt.NDArray[np.uint8]
Ints = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

#: m x 64-bit words: bit i says of something numbered i.
Words = npt.NDArray[np.uint64]

#: An owner topic and one of its partitions.
Place = tuple[str, int]

_NO_WORDS: Words = np.zeros((0, 0), np.uint64)


def pieces(content: Bytes, starts: Ints) -> list[bytes]:
    """The parts again, from what `joined` or `join_fields` gave."""
    whole = content.tobytes()
    return [whole[start:end] for start, end in pairwise(starts.tolist())]


def joined(parts: list[bytes]) -> tuple[bytes, Bytes, Ints]:
    """Parts side by side: the bytes, the same as an array, and where each begins ([len + 1], absolute)."""
    starts = np.zeros(len(parts) + 1, np.int64)
    np.cumsum(np.fromiter(map(len, parts), np.int64, len(parts)), out=starts[1:])
    content = b"".join(parts)
    return content, np.frombuffer(content, np.uint8), starts


class Outcome(enum.StrEnum):
    """What became of an input message: exactly one of these."""

    APPLIED = "applied"
    UNCHANGED = "unchanged"
    STALE = "stale"
    REJECTED = "rejected"
    CONTROL = "control"


class Reason(enum.IntEnum):
    """Why an input was rejected: a closed set, used in metrics and dead letters. 0 = not rejected."""

    NONE = 0
    NULL_KEY = 1
    NOT_WIRE_FORMAT = 2
    UNKNOWN_SCHEMA = 3
    FOREIGN_KEY_SCHEMA = 4
    NOT_DECODABLE = 5
    KEY_NOT_OF_RECORD = 6
    WRONG_PARTITION = 7
    BAD_OPERATION = 8
    TRUNCATE = 9
    TOO_LARGE = 10
    NO_RECORD_KEY = 11
    VERSION_CONFLICT = 12
    NOT_A_LIST_ENTRY = 13

    @property
    def label(self) -> str:
        return self.name.lower().replace("_", "-")


@dataclass(frozen=True, slots=True)
class Batch:
    """n messages of one owner topic; those of one partition stand together, in offset order."""

    topic: str
    partitions: Ints  # [n]
    offsets: Ints  # [n]
    timestamps_ms: Ints  # [n] of Kafka
    keys: list[bytes | None]
    values: list[bytes | None]

    def __len__(self) -> int:
        return len(self.keys)

    def parts(self, size: int) -> Iterator[Batch]:
        """The same messages in order, at most `size` at a time."""
        for first in range(0, len(self), size):
            part = slice(first, first + size)
            yield Batch(self.topic, self.partitions[part], self.offsets[part], self.timestamps_ms[part], self.keys[part], self.values[part])


@dataclass(frozen=True, slots=True)
class Decoded:
    """A batch with the place of everything in it. `reasons[i]` other than 0: a rejection, its row means nothing else."""

    batch: Batch
    reasons: npt.NDArray[np.uint8]  # [n] of Reason
    details: dict[int, str]  # index -> what is wrong and at which byte; never record content
    control: Flags  # [n]
    record_keys: list[bytes]  # [n] Avro body of the record key
    content: bytes  # the bodies, joined
    buffer: Bytes  # the same as an array
    fields: Ints  # [n, F + 1] boundaries of the fields of `after`; -1 where the record goes away
    before: Ints  # [n, 2] what the owner says it was; only compared
    after: Ints  # [n, 2]
    ts_ms: Ints  # [n] the owner's; of a null message Kafka's
    act: Ints  # [n, 2] bytes of the union `source.act`
    versions: Ints | None  # [n] where the type has a version field
    has_version: Flags | None  # [n] whether this message tells one


@dataclass(frozen=True, slots=True)
class Transitions:
    """m decided events of records: the image before and after, and the epoch under which *before* was decided.

    Of a change of a subject list the image is the same before and after; what differs are the lists that its subject is on.
    """

    partitions: Ints  # [m]
    offsets: Ints  # [m] of the input; of a list change -1 - its offset in the topic of subject lists
    ts_ms: Ints  # [m]
    record_keys: list[bytes]
    old_buffer: Bytes
    old_fields: Ints  # [m, F + 1]
    new_buffer: Bytes
    new_fields: Ints  # [m, F + 1]
    act: Ints  # [m, 2] in new_buffer
    then: Ints  # [m] epoch of the old image; 0 where there was none
    #: [m, W] the lists that the subjects of the images were and are on, by the policy's numbers; not read where it has no lists
    old_lists: Words = field(default_factory=lambda: _NO_WORDS)
    new_lists: Words = field(default_factory=lambda: _NO_WORDS)

    def __len__(self) -> int:
        return len(self.record_keys)


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A rejected message, whole, with its reason and position."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    reason: Reason
    detail: str


@dataclass(slots=True)
class Tally:
    """What happened to the inputs of one partition in one transaction; added to the metrics only after its commit."""

    outcomes: dict[Outcome, int] = field(default_factory=dict)
    rejections: dict[Reason, int] = field(default_factory=dict)
    before_mismatches: int = 0
    images: int = 0  # net change of the number of stored images
    decided: int = 0  # records decided: one for each applied change of a record, all records of the subject for one of a list

    def count(self, outcome: Outcome, number: int = 1) -> None:
        if number:
            self.outcomes[outcome] = self.outcomes.get(outcome, 0) + number

    def reject(self, reason: Reason) -> None:
        self.count(Outcome.REJECTED)
        self.rejections[reason] = self.rejections.get(reason, 0) + 1


@dataclass(frozen=True, slots=True)
class Diffed:
    """A batch after comparison: what goes on, and what is rejected."""

    transitions: Transitions
    dead_letters: list[DeadLetter]


@dataclass(frozen=True, slots=True)
class Decision:
    """One grant's decision on m transitions: `rows[k]` get a delivery with op `ops[k]`; the others are counted."""

    grant: int  # index into the policy's grants
    rows: Ints  # [k]
    ops: npt.NDArray[np.uint8]  # [k] ASCII c, u, d
    withheld: int
    unchanged: int


@dataclass(frozen=True, slots=True)
class Deliveries:
    """k messages for one grant topic."""

    grant: int
    content: bytes
    starts: list[int]  # [k + 1]
    keys: list[bytes]  # [k]
    partitions: list[int]  # [k] of the grant topic
    ops: npt.NDArray[np.uint8]
