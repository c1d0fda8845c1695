"""Deliveries: the permitted bytes of a view, as finished messages.

Enter the located old and new images of a batch and which rows of it go to one grant with which op; leave complete
view messages (wire header, view envelope) end to end. A view is the granted fields' bytes, copied, never decoded:
no byte of another field is read. An image that an op needs but that is absent is written as null. Cannot fail.

The envelope is `before, after, op, ts_ms, source{partition, offset, reason, act}, copy`; its unions are all of null
(first) and one type.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from gongyu_hub.engine.arrays import Buffer, Numbers, Octets, field_borders, numbers, octets
from gongyu_hub.engine.compiled import kernel
from gongyu_hub.engine.keys import chosen_fields
from gongyu_hub.engine.numerals import long_size, write_long
from gongyu_hub.engine.texts import copy_bytes

HEADER_LENGTH = 5  # Confluent wire format: a zero byte and the schema id
_NULL, _VALUE = 0, 2  # branches 0 and 1 of a union, encoded
_CREATE, _DELETE, _READ, _UPDATE = ord("c"), ord("d"), ord("r"), ord("u")


class _Batch(NamedTuple):
    """The images and envelope data of a whole batch, as the kernels take them."""

    old: Octets
    old_fields: Numbers
    new: Octets
    new_fields: Numbers
    ts_ms: Numbers
    partition: Numbers
    offset: Numbers
    act_buffer: Octets
    act: Numbers


def build_deliveries(
    rows: ArrayLike,
    ops: ArrayLike,
    header: Buffer,
    granted: ArrayLike,
    old_buffer: Buffer,
    old_fields: ArrayLike,
    new_buffer: Buffer,
    new_fields: ArrayLike,
    ts_ms: ArrayLike,
    partition: ArrayLike,
    offset: ArrayLike,
    act_buffer: Buffer,
    act: ArrayLike,
    left: bytes = b"left",
) -> tuple[Octets, Numbers]:
    """(out uint8[], starts int64[k+1]): message i is for row rows[i] of the batch with the op ops[i].

    `rows` int64[k], `ops` uint8[k] (c and r: only `after`; d: only `before`; u: both), `header` the 5 bytes of the wire
    format, `granted` indices of the fields in view order, `ts_ms`, `partition`, `offset` int64[n], `act` int64[n, 2] as
    `locate` gave it, `left` the reason that a `d` carries (empty: none). Raises ValueError if the arrays do not fit.
    """
    old, new, acts, head = octets(old_buffer), octets(new_buffer), octets(act_buffer), octets(header)
    count = np.asarray(new_fields).shape[1] - 1
    batch = _Batch(
        old=old,
        old_fields=field_borders(old_fields, old, count),
        new=new,
        new_fields=field_borders(new_fields, new, count),
        ts_ms=numbers(ts_ms),
        partition=numbers(partition),
        offset=numbers(offset),
        act_buffer=acts,
        act=field_borders(act, acts, 1),
    )
    chosen, codes = numbers(rows), numbers(ops)
    _check_shapes(batch, chosen, codes, head)
    runs, reason = _runs(chosen_fields(granted, count)), octets(left)
    starts = np.zeros(chosen.size + 1, dtype=np.int64)
    _measure(chosen, codes, runs, batch, reason, starts)
    out = np.empty(int(starts[-1]), dtype=np.uint8)
    _build(chosen, codes, head, runs, batch, reason, starts, out)
    return out, starts


def _check_shapes(batch: _Batch, rows: Numbers, ops: Numbers, header: Octets) -> None:
    count = batch.old_fields.shape[0]
    if any(array.shape[0] != count for array in (batch.new_fields, batch.ts_ms, batch.partition, batch.offset, batch.act)):
        raise ValueError(f"all arrays of the batch must have {count} rows")
    if rows.size != ops.size or header.size != HEADER_LENGTH:
        raise ValueError(f"as many ops as rows and a header of {HEADER_LENGTH} bytes expected")
    if rows.size and (int(rows.min()) < 0 or int(rows.max()) >= count):
        raise ValueError(f"the rows must lie between 0 and {count - 1}")


def _runs(granted: Numbers) -> Numbers:
    """int64[:, 2]: neighbouring granted fields joined, as (first border, last border): one copy for each."""
    runs: list[list[int]] = []
    for index in granted.tolist():
        if runs and runs[-1][1] == index:
            runs[-1][1] = index + 1
        else:
            runs.append([index, index + 1])
    return numbers(np.array(runs, dtype=np.int64).reshape(len(runs), 2), 2)


@kernel
def _measure(rows: Numbers, ops: Numbers, runs: Numbers, batch: _Batch, reason: Octets, starts: Numbers) -> None:
    reason_size = 1 + long_size(reason.size) + reason.size if reason.size else 1
    for index in range(rows.size):
        row: int = rows[index]
        op: int = ops[index]
        size = HEADER_LENGTH + 1 + 1 + 2 + 1  # before, after, op, copy
        if _shows_old(op, batch.old_fields, row):
            size += _view_size(batch.old_fields, row, runs)
        if _shows_new(op, batch.new_fields, row):
            size += _view_size(batch.new_fields, row, runs)
        size += long_size(batch.ts_ms[row]) + long_size(batch.partition[row]) + long_size(batch.offset[row])
        size += reason_size if op == _DELETE else 1
        size += max(1, batch.act[row, 1] - batch.act[row, 0])
        starts[index + 1] = starts[index] + size


@kernel
def _build(rows: Numbers, ops: Numbers, header: Octets, runs: Numbers, batch: _Batch, reason: Octets, starts: Numbers, out: Octets) -> None:
    for index in range(rows.size):
        row: int = rows[index]
        op: int = ops[index]
        position = copy_bytes(out, starts[index], header, 0, HEADER_LENGTH)
        position = _write_view(out, position, _shows_old(op, batch.old_fields, row), batch.old, batch.old_fields, row, runs)
        position = _write_view(out, position, _shows_new(op, batch.new_fields, row), batch.new, batch.new_fields, row, runs)
        out[position] = 2  # the length 1
        out[position + 1] = op
        position = write_long(out, position + 2, batch.ts_ms[row])
        position = write_long(out, position, batch.partition[row])
        position = write_long(out, position, batch.offset[row])
        if op == _DELETE and reason.size > 0:
            out[position] = _VALUE
            position = write_long(out, position + 1, reason.size)
            position = copy_bytes(out, position, reason, 0, reason.size)
        else:
            out[position] = _NULL
            position += 1
        if batch.act[row, 0] >= 0:
            position = copy_bytes(out, position, batch.act_buffer, batch.act[row, 0], batch.act[row, 1])
        else:
            out[position] = _NULL
            position += 1
        out[position] = _NULL  # copy


@kernel
def _shows_old(op: int, fields: Numbers, row: int) -> bool:
    return (op in (_DELETE, _UPDATE)) and fields[row, 0] >= 0


@kernel
def _shows_new(op: int, fields: Numbers, row: int) -> bool:
    return (op in (_CREATE, _READ, _UPDATE)) and fields[row, 0] >= 0


@kernel
def _view_size(fields: Numbers, row: int, runs: Numbers) -> int:
    size = 0
    for index in range(runs.shape[0]):
        size += fields[row, runs[index, 1]] - fields[row, runs[index, 0]]
    return size


@kernel
def _write_view(out: Octets, position: int, shown: bool, buffer: Octets, fields: Numbers, row: int, runs: Numbers) -> int:
    out[position] = _VALUE if shown else _NULL
    position += 1
    if shown:
        for index in range(runs.shape[0]):
            position = copy_bytes(out, position, buffer, fields[row, runs[index, 0]], fields[row, runs[index, 1]])
    return position
