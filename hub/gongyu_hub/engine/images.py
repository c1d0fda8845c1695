"""Where the fields of records lie in a buffer of messages.

Enters a layout and n message bodies end to end (without the 5 bytes of the wire header); leaves a `Located`: for
each body the byte ranges of its record's fields, or the fault and its place. Bad bytes are a value, never an error,
and nothing outside a body is read for it.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gongyu_hub.engine.arrays import Buffer, Numbers, Octets, octets, ranges
from gongyu_hub.engine.blocks import key_table
from gongyu_hub.engine.compiled import kernel
from gongyu_hub.engine.faults import NONE, TRAILING
from gongyu_hub.engine.layout import Layout
from gongyu_hub.engine.numerals import read_long
from gongyu_hub.engine.program import run


@dataclass(frozen=True, slots=True, eq=False)
class Located:
    """Located messages; offsets are absolute in the buffer.

    `reason` uint8[n]: a code of `Fault`, 0 if the message is good; where it is not, all below is as if the message were empty.
    `place` int64[n]: the byte of the body (0 = its first) at which the fault was met.
    `op` uint8[n]: the ASCII code of a one-character op, else 0. `ts_ms` int64[n]: 0 where it is null.
    `before`, `after` int64[n, 2]: the record's bytes without its union branch, -1 where it is null.
    `act` int64[n, 2]: the bytes of the union `source.act` with its branch, -1 where the schema has none.
    `fields` int64[n, F+1]: borders of the fields (with their union branches) of `after`, or of `before` where `after` is
    null; -1 where both are. What lies in a nested record that is null has no bytes.
    """

    reason: NDArray[np.uint8]
    place: Numbers
    op: NDArray[np.uint8]
    ts_ms: Numbers
    before: Numbers
    after: Numbers
    act: Numbers
    fields: Numbers


def locate(layout: Layout, buffer: Buffer, starts: ArrayLike) -> Located:
    """Finds the fields in n bodies; body i is buffer[starts[i]:starts[i+1]]. Raises ValueError if `starts` leaves the buffer."""
    content = octets(buffer)
    borders = ranges(starts, content)
    count = borders.size - 1
    found = Located(
        reason=np.zeros(count, dtype=np.uint8),
        place=np.zeros(count, dtype=np.int64),
        op=np.zeros(count, dtype=np.uint8),
        ts_ms=np.zeros(count, dtype=np.int64),
        before=np.full((count, 2), -1, dtype=np.int64),
        after=np.full((count, 2), -1, dtype=np.int64),
        act=np.full((count, 2), -1, dtype=np.int64),
        fields=np.full((count, len(layout.fields) + 1), -1, dtype=np.int64),
    )
    program, (marks, counters, seen) = layout.program, _scratch(layout, borders)
    _locate(
        program.code,
        program.constants,
        program.borders,
        content,
        borders,
        marks,
        counters,
        seen,
        found.reason,
        found.place,
        found.op,
        found.ts_ms,
        found.before,
        found.after,
        found.act,
        found.fields,
    )
    return found


def locate_images(layout: Layout, buffer: Buffer, starts: ArrayLike) -> tuple[Numbers, NDArray[np.uint8]]:
    """(fields int64[n, F+1], reason uint8[n]) of n bare record bodies; an empty body is an absent image: borders -1, reason 0."""
    content = octets(buffer)
    borders = ranges(starts, content)
    reason = np.zeros(borders.size - 1, dtype=np.uint8)
    fields = np.full((borders.size - 1, len(layout.fields) + 1), -1, dtype=np.int64)
    program, (marks, counters, seen) = layout.program, _scratch(layout, borders)
    _locate_images(program.code, program.constants, program.borders, layout.image, content, borders, marks, counters, seen, reason, fields)
    return fields, reason


def _scratch(layout: Layout, borders: Numbers) -> tuple[Numbers, Numbers, Numbers]:
    longest = int((borders[1:] - borders[:-1]).max()) if layout.program.has_maps and borders.size > 1 else 0
    marks, counters = np.empty(layout.marks.count, dtype=np.int64), np.zeros(layout.program.counters, dtype=np.int64)
    return marks, counters, key_table(longest)


@kernel
def _locate(
    code: Numbers,
    constants: Octets,
    constant_borders: Numbers,
    buffer: Octets,
    starts: Numbers,
    marks: Numbers,
    counters: Numbers,
    seen: Numbers,
    reason: NDArray[np.uint8],
    place: Numbers,
    op: NDArray[np.uint8],
    ts_ms: Numbers,
    before: Numbers,
    after: Numbers,
    act: Numbers,
    fields: Numbers,
) -> None:
    count = fields.shape[1] - 1
    before_mark = count + 1  # the marks lie as `Marks.of` says
    op_mark = 2 * before_mark
    for row in range(starts.size - 1):
        start: int = starts[row]
        end: int = starts[row + 1]
        for index in range(marks.size):
            marks[index] = -1
        position, fault = run(code, constants, constant_borders, 0, buffer, start, end, marks, counters, seen)
        if fault == NONE and position != end:
            fault = TRAILING
        if fault != NONE:
            reason[row] = fault
            place[row] = position - start
            continue
        after[row, 0], after[row, 1] = marks[0], marks[count]
        before[row, 0], before[row, 1] = marks[before_mark], marks[before_mark + count]
        act[row, 0], act[row, 1] = marks[op_mark + 2], marks[op_mark + 3]
        image = 0 if marks[0] >= 0 else before_mark
        for index in range(count + 1):
            fields[row, index] = marks[image + index]
        if buffer[marks[op_mark]] == 2:  # the encoded length 1
            op[row] = buffer[marks[op_mark] + 1]
        if marks[op_mark + 1] >= 0:
            ts_ms[row] = read_long(buffer, marks[op_mark + 1], end)[0]


@kernel
def _locate_images(
    code: Numbers,
    constants: Octets,
    constant_borders: Numbers,
    first: int,
    buffer: Octets,
    starts: Numbers,
    marks: Numbers,
    counters: Numbers,
    seen: Numbers,
    reason: NDArray[np.uint8],
    fields: Numbers,
) -> None:
    for row in range(starts.size - 1):
        end: int = starts[row + 1]
        if starts[row] == end:
            continue
        position, fault = run(code, constants, constant_borders, first, buffer, starts[row], end, marks, counters, seen)
        if fault == NONE and position != end:
            fault = TRAILING
        if fault != NONE:
            reason[row] = fault
            continue
        for index in range(fields.shape[1]):
            fields[row, index] = marks[index]
