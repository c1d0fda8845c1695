"""Diff: compares each change with the record's last image. Reads the store; writes only the open transaction's overlay.

Messages are taken in order, each seeing what the one before left, so two changes of a record in one batch give two
transitions. *Before* is the hub's own last image, what was sent; the owner's `before` is only compared and a
difference counted. Leaves Transitions for the applied changes, and dead letters for the rejected ones.

Rules of outcomes: equal to the last image = unchanged (and does not stamp); where the type has a version field, older =
stale, equal with other content = rejected, and a deleted record keeps its version so that a replay does not bring it
back; a null message or `d` deletes if an image exists. A run of rejections pauses the partition: what stands behind
it in the batch is left unread; up to the offset that the operator gave when resuming it, none does.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise

import numpy as np

from gongyu_hub.engine.equality import changed_fields
from gongyu_hub.engine.images import locate_images
from gongyu_hub.policy.compiled import TypePolicy
from gongyu_hub.state.pending import Pending
from gongyu_hub.state.records import (
    HEADER_BYTES,
    IMAGE_KIND,
    LIVE,
    NO_VERSION,
    StoredHeader,
    pack_deleted,
    pack_image,
    read_stamp,
    unpack_header,
)
from gongyu_hub.state.subjects import with_lists
from gongyu_hub.values import Bytes, DeadLetter, Decoded, Diffed, Ints, Outcome, Reason, Transitions, joined


def diff(decoded: Decoded, pendings: Mapping[int, Pending], policy: TypePolicy, max_rejections: int) -> Diffed:
    """`pendings`: by partition, for every partition in the batch; overlay, progress and tally are moved."""
    comparison = _Comparison(decoded, policy)
    letters: list[DeadLetter] = []
    partitions = decoded.batch.partitions
    edges = [0, *(np.flatnonzero(np.diff(partitions)) + 1).tolist(), len(partitions)]
    for first, last in pairwise(edges):
        if first < last:
            letters += comparison.walk(range(first, last), pendings[int(partitions[first])], max_rejections)
    return Diffed(with_lists(comparison.transitions(), pendings, policy), letters)


class _Comparison:
    """A decoded batch as columns of plain lists (quicker to walk than arrays), and the applied changes so far."""

    def __init__(self, decoded: Decoded, policy: TypePolicy) -> None:
        self._decoded = decoded
        self._policy = policy
        self._reasons: list[int] = decoded.reasons.tolist()
        self._control: list[bool] = decoded.control.tolist()
        self._after = _columns(decoded.after)
        self._before = _columns(decoded.before)
        self._versions: list[int | None] = _versions(decoded)
        self._offsets: list[int] = decoded.batch.offsets.tolist()
        self._keys = [IMAGE_KIND + key for key in decoded.record_keys]
        self._rows: list[int] = []
        self._old_bodies: list[bytes] = []  # b"" = no image
        self._then: list[int] = []
        self._brought = 0  # up to which epoch the images of the partition at hand were brought, whatever their stamps

    def walk(self, rows: range, pending: Pending, max_rejections: int) -> list[DeadLetter]:
        """Decide the outcome of each message of one partition, in order; applied ones are kept. The letters of the rejected ones.

        One loop with its columns at hand: it is taken for every message.
        """
        content, keys, reasons, control = self._decoded.content, self._keys, self._reasons, self._control
        (after_begins, after_ends), (before_begins, before_ends) = self._after, self._before
        overlay, stored = pending.overlay, pending.last_images(keys[rows.start : rows.stop])
        letters: list[DeadLetter] = []
        controls, unchanged, stale, mismatches, applied = 0, 0, 0, 0, len(self._rows)
        progress, paused, row = pending.progress, None, rows.start
        in_a_row, self._brought = progress.rejected, progress.segments[-1][1]
        resumed = self._policy.manifest.resume.get(pending.partition.number, -1)
        for row in rows:
            reason = reasons[row]
            if control[row] and not reason:
                controls += 1
            elif not reason:
                key, begin, owners = keys[row], after_begins[row], before_begins[row]
                last = overlay[key] if key in overlay else stored.get(key)
                old = last[HEADER_BYTES:] if last is not None and last[0] == LIVE else None
                new = None if begin < 0 else content[begin : after_ends[row]]
                mismatches += owners >= 0 and content[owners : before_ends[row]] != old
                if new == old or self._equal(new, old):
                    unchanged += 1
                else:
                    outcome, version = self._judge_version(row, last, new is None)
                    if outcome is Outcome.APPLIED:
                        self._apply(row, pending, last, old, new, version)
                    elif outcome is Outcome.STALE:
                        stale += 1
                    else:
                        reason = Reason.VERSION_CONFLICT
            if not reason:
                in_a_row = 0
                continue
            letters.append(self._dead_letter(row, Reason(reason)))
            in_a_row += 1
            if in_a_row >= max_rejections and self._offsets[row] > resumed:
                paused = self._offsets[row]
                break
        rejections = progress.rejections + len(letters)
        moved = {"cursor": self._offsets[row] + 1, "rejected": in_a_row, "paused": paused, "rejections": rejections}
        pending.progress = progress.model_copy(update=moved)
        tally = pending.tally
        tally.before_mismatches += mismatches
        tally.count(Outcome.CONTROL, controls)
        tally.count(Outcome.UNCHANGED, unchanged)
        tally.count(Outcome.STALE, stale)
        tally.count(Outcome.APPLIED, len(self._rows) - applied)
        for letter in letters:
            tally.reject(letter.reason)
        return letters

    def transitions(self) -> Transitions:
        """The applied changes, with the fields of their old images found."""
        decoded, rows = self._decoded, np.array(self._rows, np.int64)
        _, old_buffer, old_starts = joined(self._old_bodies)
        old_fields, _ = locate_images(self._policy.layout, old_buffer, old_starts)
        keys = decoded.record_keys
        return Transitions(
            partitions=decoded.batch.partitions[rows],
            offsets=decoded.batch.offsets[rows],
            ts_ms=decoded.ts_ms[rows],
            record_keys=[keys[row] for row in self._rows],
            old_buffer=old_buffer,
            old_fields=old_fields,
            new_buffer=decoded.buffer,
            new_fields=decoded.fields[rows],
            act=decoded.act[rows],
            then=np.array(self._then, np.int64),
        )

    def _apply(self, row: int, pending: Pending, last: bytes | None, old: bytes | None, new: bytes | None, version: int) -> None:
        policy, key = self._policy, self._keys[row]
        if new is not None:
            stored: bytes | None = pack_image(new, policy.writer_schema_id, policy.epoch, version, self._offsets[row])
        elif version != NO_VERSION:
            stored = pack_deleted(policy.writer_schema_id, policy.epoch, version, self._offsets[row])
        else:
            stored = None
        pending.put(key, stored)
        pending.tally.images += (new is not None) - (old is not None)
        pending.tally.decided += 1
        self._rows.append(row)
        self._old_bodies.append(old or b"")
        self._then.append(0 if last is None or old is None else max(read_stamp(last), self._brought))

    def _judge_version(self, row: int, last: bytes | None, deletes: bool) -> tuple[Outcome, int]:
        """Whether a change applies beside the last state of its record, and the version to keep."""
        if self._policy.version_field < 0:
            return Outcome.APPLIED, NO_VERSION
        return _judge_version(self._versions[row], None if last is None else unpack_header(last), deletes)

    def _dead_letter(self, row: int, reason: Reason) -> DeadLetter:
        batch = self._decoded.batch
        detail = self._decoded.details.get(row, "the version is the last image's, its content is not")
        return DeadLetter(batch.topic, int(batch.partitions[row]), self._offsets[row], batch.keys[row], batch.values[row], reason, detail)

    def _equal(self, new: bytes | None, old: bytes | None) -> bool:
        """Whether different bytes are one value: floats and decimals have several encodings of one."""
        layout = self._policy.layout
        if not layout.loose or new is None or old is None:
            return False
        (new_buffer, new_fields), (old_buffer, old_fields) = self._single(new), self._single(old)
        return not changed_fields(layout, old_buffer, old_fields, new_buffer, new_fields).any()

    def _single(self, body: bytes) -> tuple[Bytes, Ints]:
        _, buffer, starts = joined([body])
        fields, _ = locate_images(self._policy.layout, buffer, starts)
        return buffer, fields


def _columns(ranges: Ints) -> tuple[list[int], list[int]]:
    """Begins and ends as two lists: much quicker to make and to walk than a list of pairs."""
    return ranges[:, 0].tolist(), ranges[:, 1].tolist()


def _versions(decoded: Decoded) -> list[int | None]:
    """Per row the version the message tells: of its `after`, or of the `before` of a delete."""
    if decoded.versions is None or decoded.has_version is None:
        return []
    return [version if has else None for version, has in zip(decoded.versions.tolist(), decoded.has_version.tolist(), strict=True)]


def _judge_version(told: int | None, last: StoredHeader | None, deletes: bool) -> tuple[Outcome, int]:
    """Whether a change applies beside the last state of its record, and the version to keep."""
    known = NO_VERSION if last is None else last.version
    if told is None or last is None:
        return Outcome.APPLIED, known if told is None else told
    if told < known or (told == known and not last.live):
        return Outcome.STALE, known
    if told == known and not deletes:
        return Outcome.REJECTED, known
    return Outcome.APPLIED, told
