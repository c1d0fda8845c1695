"""The layout program: a writer schema as a list of instructions, and the machine that runs it over one message.

What enters is a program, the bytes of a message and a row of marks; what leaves is the position behind the last
value, or a fault and its byte. The work is bounded by the length of the message: every loop of the machine reads at
least a byte, and items that have no bytes are never walked.

An instruction is a row of four numbers: code, mark, a, b. Where `mark` is not -1, the position at which the
instruction starts is written to that place of the marks: so the borders of the fields are found while the values
are checked.

| code | reads | a, b |
|---|---|---|
| END | nothing; the program is done | |
| PASS | nothing; there for its mark | |
| INTEGER | a varint | lowest and highest value |
| ENUM | a varint | number of symbols |
| BOOLEAN | one byte, 0 or 1 | |
| FIXED | bytes that are taken as they are: float, double, fixed | how many |
| OCTETS | a length and as many bytes | |
| STRING | a length and as many bytes of UTF-8 | |
| UUID | a length and a uuid in canonical form | |
| DECIMAL | a length and a number in two's complement | index of the lowest value in the constants (the highest follows) |
| NULLABLE | the branch of a union of null and one type | branch of null; instruction to go on with if null |
| UNION | the branch of any other union | number of branches; the next rows are as many JUMPs |
| JUMP | nothing | instruction to go on with |
| BLOCK | the head of a block of an array or map | its counter; instruction to go on with after the last block |
| ITEM | nothing; an item of a block ends | its counter; first instruction of an item |
| EMPTY_BLOCKS | all blocks of an array whose items have no bytes | |
| MAP | nothing; a map begins here | its counter |
| KEY | a key of a map, which has it for the first time | the map's counter |
| FIXED_DECIMAL | a number in two's complement without a length | as DECIMAL; how many bytes |

Blocks may be split in any way and may carry their length in bytes (Avro 1.12, "Arrays"), which then must be true.
All else has one encoding only: bytes that a reader would write back differently are faults. Keys of a map may stand in any
order, but none twice: which of two values holds would be the reader's choice.
"""

from dataclasses import dataclass

import numpy as np

from gongyu_hub.engine.arrays import Numbers, Octets
from gongyu_hub.engine.blocks import COUNTERS, check_key, open_block, pass_empty_blocks
from gongyu_hub.engine.compiled import inlined_kernel, kernel
from gongyu_hub.engine.faults import (
    BAD_BOOLEAN,
    BAD_BRANCH,
    BAD_ENUM,
    BAD_LENGTH,
    BAD_UTF8,
    BAD_UUID,
    NONE,
    OUT_OF_RANGE,
    TRUNCATED,
)
from gongyu_hub.engine.numerals import compare_integers, read_long
from gongyu_hub.engine.texts import bad_utf8, bad_uuid

CODE, MARK, A, B = 0, 1, 2, 3
COLUMNS = 4

END, PASS, JUMP, NULLABLE, UNION, BLOCK, ITEM, EMPTY_BLOCKS = 0, 1, 2, 3, 4, 5, 6, 7
MAP, KEY, FIXED_DECIMAL = 8, 9, 10
INTEGER, ENUM, BOOLEAN, FIXED = 11, 12, 13, 14  # from INTEGER on: one value without a length
OCTETS, STRING, UUID, DECIMAL = 15, 16, 17, 18  # from OCTETS on: a length and bytes


@dataclass(frozen=True, slots=True, eq=False)
class Program:
    """`code` int64[instructions, 4]; `constants` uint8[:] with `borders` int64[:] between its strings.

    `marks` and `counters` are the sizes of the two scratch rows of a run; `has_maps` says that it needs a table for keys.
    """

    code: Numbers
    constants: Octets
    borders: Numbers
    marks: int
    counters: int
    has_maps: bool


@kernel
def run(
    code: Numbers,
    constants: Octets,
    borders: Numbers,
    first: int,
    buffer: Octets,
    position: int,
    end: int,
    marks: Numbers,
    counters: Numbers,
    seen: Numbers,
) -> tuple[int, int]:
    """(position behind the last value or of the fault, fault) of one message.

    `counters` is scratch, COUNTERS for each open array; `seen` int64[a power of 2, SEEN_COLUMNS] holds keys of maps.
    """
    step = first
    begin = position
    while True:
        operation: int = code[step, CODE]
        mark: int = code[step, MARK]
        if mark >= 0:
            marks[mark] = position
        if operation >= INTEGER:
            if operation >= OCTETS:
                position, fault = _check_octets(operation, code[step, A], constants, borders, buffer, position, end)
            else:
                position, fault = _check_number(operation, code[step, A], code[step, B], buffer, position, end)
            step += 1
        elif operation == NULLABLE:
            branch, position, fault = _read_branch(buffer, position, end, 2)
            step = code[step, B] if branch == code[step, A] else step + 1
        elif operation == END:
            return position, NONE
        else:
            step, position, fault = _turn(code, constants, borders, step, buffer, begin, position, end, counters, seen)
        if fault != NONE:
            return position, fault


@inlined_kernel
def _check_number(operation: int, a: int, b: int, buffer: Octets, position: int, end: int) -> tuple[int, int]:
    if operation == FIXED:
        if a > end - position:
            return position, TRUNCATED
        return position + a, NONE
    if operation == BOOLEAN:
        if position >= end:
            return position, TRUNCATED
        if buffer[position] > 1:
            return position, BAD_BOOLEAN
        return position + 1, NONE
    value, behind, fault = read_long(buffer, position, end)
    if fault != NONE:
        return position, fault
    if operation == ENUM:
        if value < 0 or value >= a:
            return position, BAD_ENUM
    elif value < a or value > b:
        return position, OUT_OF_RANGE
    return behind, NONE


@inlined_kernel
def _check_octets(operation: int, a: int, constants: Octets, borders: Numbers, buffer: Octets, position: int, end: int) -> tuple[int, int]:
    length, start, fault = read_long(buffer, position, end)
    if fault != NONE:
        return position, fault
    if length < 0:
        return position, BAD_LENGTH
    if length > end - start:
        return position, TRUNCATED
    behind = start + length
    if operation == STRING:
        place = bad_utf8(buffer, start, behind)
        if place >= 0:
            return place, BAD_UTF8
    elif operation == UUID:
        place = bad_uuid(buffer, start, behind)
        if place >= 0:
            return place, BAD_UUID
    elif operation == DECIMAL:
        if length == 0:
            return position, BAD_LENGTH
        if compare_integers(buffer, start, behind, constants, borders[a], borders[a + 1]) < 0:
            return start, OUT_OF_RANGE
        if compare_integers(buffer, start, behind, constants, borders[a + 1], borders[a + 2]) > 0:
            return start, OUT_OF_RANGE
    return behind, NONE


@inlined_kernel
def _read_branch(buffer: Octets, position: int, end: int, branches: int) -> tuple[int, int, int]:
    branch, behind, fault = read_long(buffer, position, end)
    if fault != NONE:
        return 0, position, fault
    if branch < 0 or branch >= branches:
        return 0, position, BAD_BRANCH
    return branch, behind, NONE


@kernel
def _turn(
    code: Numbers,
    constants: Octets,
    borders: Numbers,
    step: int,
    buffer: Octets,
    begin: int,
    position: int,
    end: int,
    counters: Numbers,
    seen: Numbers,
) -> tuple[int, int, int]:
    """The rarer instructions: (next instruction, position, fault)."""
    operation: int = code[step, CODE]
    a: int = code[step, A]
    b: int = code[step, B]
    if operation == JUMP:
        return a, position, NONE
    if operation == UNION:
        branch, position, fault = _read_branch(buffer, position, end, a)
        return step + 1 + branch, position, fault
    if operation == BLOCK:
        return open_block(step, a, b, buffer, position, end, counters)
    if operation == ITEM:
        counters[COUNTERS * a] -= 1
        if counters[COUNTERS * a] > 0:
            return b, position, NONE
        due: int = counters[COUNTERS * a + 1]
        return b - 1, position, NONE if due < 0 or due == position else BAD_LENGTH
    fault = NONE
    if operation == EMPTY_BLOCKS:
        position, fault = pass_empty_blocks(buffer, position, end)
    elif operation == MAP:
        counters[COUNTERS * a + 2] = position
    elif operation == KEY:
        position, fault = check_key(buffer, begin, position, end, counters[COUNTERS * a + 2], seen)
    elif operation == FIXED_DECIMAL:
        position, fault = _check_fixed_decimal(a, b, constants, borders, buffer, position, end)
    return step + 1, position, fault


@kernel
def _check_fixed_decimal(
    a: int, size: int, constants: Octets, borders: Numbers, buffer: Octets, position: int, end: int
) -> tuple[int, int]:
    if size > end - position:
        return position, TRUNCATED
    behind = position + size
    if compare_integers(buffer, position, behind, constants, borders[a], borders[a + 1]) < 0:
        return position, OUT_OF_RANGE
    if compare_integers(buffer, position, behind, constants, borders[a + 1], borders[a + 2]) > 0:
        return position, OUT_OF_RANGE
    return behind, NONE


def constant_pool(strings: list[bytes]) -> tuple[Octets, Numbers]:
    """Byte strings end to end, and the borders between them."""
    joined = b"".join(strings)
    borders = np.zeros(len(strings) + 1, dtype=np.int64)
    np.cumsum([len(string) for string in strings], out=borders[1:])
    return np.frombuffer(joined, dtype=np.uint8), borders


def twos_complement(number: int) -> bytes:
    """The shortest big-endian two's complement form, at least one byte."""
    return number.to_bytes(((number if number >= 0 else ~number).bit_length() + 8) // 8, "big", signed=True)
