"""List changes: subjects added to and removed from subject lists. Reads the store; writes only the open transaction's overlay.

Enters a batch of `hub.subjects.<type>`; leaves what `diff` leaves for record changes: the transitions of every record of the
subjects that moved, and dead letters. Both go the same way from there: what is delivered is decided by `entitle` alone.

An entry that is already so is *unchanged*. An applied one decides all grants on all records of the subject, each from the epoch it was
last decided in, and stamps them. Messages are taken in order, each seeing what the one before left. Rejections pause nothing: the
control plane writes this topic. Without an adopted epoch there are no images, and only the memberships are kept.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np

from gongyu_hub.engine.images import locate_images
from gongyu_hub.engine.keys import murmur2_partitions
from gongyu_hub.policy.compiled import Listed, TypePolicy
from gongyu_hub.state.pending import Pending
from gongyu_hub.state.records import HEADER_BYTES, IMAGE_KIND, is_live, read_stamp, with_stamp
from gongyu_hub.state.subjects import numbered
from gongyu_hub.values import Batch, DeadLetter, Diffed, Outcome, Reason, Transitions, joined
from gongyu_schemas import wire
from gongyu_schemas.subject_lists import ADDED, split_entry_key

_NO_FIELDS = np.full((0, 1), -1, np.int64)


@dataclass(frozen=True, slots=True)
class _Entry:
    """A readable message: the list, the subject's Avro body."""

    name: str
    subject: bytes
    added: bool


@dataclass(slots=True)
class _Moved:
    """Columns of the transitions so far; `rows`: of the batch."""

    rows: list[int] = field(default_factory=list)
    keys: list[bytes] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    then: list[int] = field(default_factory=list)
    was: list[frozenset[str]] = field(default_factory=list)
    now: list[frozenset[str]] = field(default_factory=list)


def list_changes(batch: Batch, pendings: Mapping[int, Pending], listed: Listed, policy: TypePolicy | None) -> Diffed:
    """`pendings`: by partition, for every partition in the batch; `policy`: the adopted one, or None."""
    entries, faults = _read(batch, listed)
    moved = _Moved()
    edges = [0, *(np.flatnonzero(np.diff(batch.partitions)) + 1).tolist(), len(batch)]
    for first, last in pairwise(edges):
        if first < last:
            _take_partition(batch, range(first, last), entries, faults, pendings[int(batch.partitions[first])], policy, moved)
    letters = [_dead_letter(batch, row, *fault) for row, fault in sorted(faults.items())]
    return Diffed(_transitions(batch, moved, policy), letters)


def _read(batch: Batch, listed: Listed) -> tuple[dict[int, _Entry], dict[int, tuple[Reason, str]]]:
    """By row, its entry or what is wrong with it."""
    header = wire.header(listed.announced.subject_key_schema_id)
    entries: dict[int, _Entry] = {}
    faults: dict[int, tuple[Reason, str]] = {}
    for row, (key, value) in enumerate(zip(batch.keys, batch.values, strict=True)):
        if key is None:
            faults[row] = Reason.NULL_KEY, "the message has no key"
            continue
        try:
            name, subject_key = split_entry_key(key)
        except ValueError as error:
            faults[row] = Reason.NOT_A_LIST_ENTRY, str(error)
            continue
        if value is not None and value != ADDED:
            faults[row] = Reason.NOT_A_LIST_ENTRY, f"the value is neither {ADDED.decode()!r} nor null"
        elif subject_key[: wire.HEADER_BYTES] != header or len(subject_key) == wire.HEADER_BYTES:
            faults[row] = Reason.FOREIGN_KEY_SCHEMA, "the subject is not in wire format under the type's key schema"
        else:
            entries[row] = _Entry(name, subject_key[wire.HEADER_BYTES :], value is not None)
    _check_subjects(batch, listed, header, entries, faults)
    return entries, faults


def _check_subjects(batch: Batch, listed: Listed, header: bytes, entries: dict[int, _Entry], faults: dict[int, tuple[Reason, str]]) -> None:
    """A subject must decode as the owner topic's key, and lie in the partition of its records."""
    rows = list(entries)
    _, bodies, starts = joined([entries[row].subject for row in rows])
    _, reasons = locate_images(listed.key_layout, bodies, starts)
    _, keys, starts = joined([header + entries[row].subject for row in rows])
    partitions = murmur2_partitions(keys, starts, listed.announced.partitions)
    for row, reason, partition in zip(rows, reasons.tolist(), partitions.tolist(), strict=True):
        if reason:
            faults[row] = Reason.FOREIGN_KEY_SCHEMA, "the subject does not decode under the type's key schema"
        elif partition != batch.partitions[row]:
            faults[row] = Reason.WRONG_PARTITION, f"the subject belongs to partition {partition} (murmur2)"
        else:
            continue
        del entries[row]


def _take_partition(
    batch: Batch,
    rows: range,
    entries: Mapping[int, _Entry],
    faults: Mapping[int, tuple[Reason, str]],
    pending: Pending,
    policy: TypePolicy | None,
    moved: _Moved,
) -> None:
    tally = pending.list_tally
    known = pending.lists_of({entries[row].subject for row in rows if row in entries})
    effective: list[tuple[int, bytes, frozenset[str], frozenset[str]]] = []
    for row in rows:
        if row in faults:
            tally.reject(faults[row][0])
            continue
        entry = entries[row]
        was = known[entry.subject]
        now = was | {entry.name} if entry.added else was - {entry.name}
        if now == was:
            tally.count(Outcome.UNCHANGED)
            continue
        tally.count(Outcome.APPLIED)
        known[entry.subject] = now
        pending.put_lists(entry.subject, now)
        effective.append((row, entry.subject, was, now))
    if policy is not None and effective:
        images = _Images(pending, policy, {subject for _, subject, _, _ in effective})
        for row, subject, was, now in effective:
            for key, stored in images.of(subject):
                moved.rows.append(row)
                moved.keys.append(key)
                moved.bodies.append(stored[HEADER_BYTES:])
                moved.then.append(max(read_stamp(stored), pending.progress.segments[-1][1]))
                moved.was.append(was)
                moved.now.append(now)
                tally.decided += 1
    pending.progress = pending.progress.model_copy(update={"subjects": int(batch.offsets[rows.stop - 1]) + 1})


class _Images:
    """The live images of some subjects; `of` stamps what it gives."""

    def __init__(self, pending: Pending, policy: TypePolicy, subjects: set[bytes]) -> None:
        self._pending = pending
        self._epoch = policy.epoch
        self._records = {each: [each] for each in subjects} if policy.subject_is_key else pending.records_of(subjects)
        self._stored = pending.last_images(IMAGE_KIND + key for keys in self._records.values() for key in keys)

    def of(self, subject: bytes) -> Iterator[tuple[bytes, bytes]]:
        """(record key, stored value as it was)."""
        overlay = self._pending.overlay
        for key in self._records[subject]:
            place = IMAGE_KIND + key
            stored = overlay[place] if place in overlay else self._stored.get(place)
            if stored is None or not is_live(stored):
                continue
            yield key, stored
            if read_stamp(stored) != self._epoch:
                self._pending.put(place, with_stamp(stored, self._epoch))


def _transitions(batch: Batch, moved: _Moved, policy: TypePolicy | None) -> Transitions:
    rows = np.array(moved.rows, np.int64)
    _, buffer, starts = joined(moved.bodies)
    fields = _NO_FIELDS if policy is None else locate_images(policy.layout, buffer, starts)[0]
    lists = () if policy is None else (numbered(moved.was, policy), numbered(moved.now, policy))
    return Transitions(
        batch.partitions[rows],
        -1 - batch.offsets[rows],
        batch.timestamps_ms[rows],
        moved.keys,
        buffer,
        fields,
        buffer,
        fields,
        np.full((len(rows), 2), -1, np.int64),
        np.array(moved.then, np.int64),
        *lists,
    )


def _dead_letter(batch: Batch, row: int, reason: Reason, detail: str) -> DeadLetter:
    return DeadLetter(batch.topic, int(batch.partitions[row]), int(batch.offsets[row]), batch.keys[row], batch.values[row], reason, detail)
