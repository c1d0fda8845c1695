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

Blocks may be split in any way and may carry their length in bytes (Avro 1.12, "Arrays"), which then must be true.
All else has one encoding only: bytes that a reader would write back differently are faults.
"""

from dataclasses import dataclass

import numpy as np

from gongyu_hub.engine.arrays import Numbers, Octets
from gongyu_hub.engine.compiled import inlined_kernel, kernel
from gongyu_hub.engine.faults import BAD_BOOLEAN, BAD_BRANCH, BAD_ENUM, BAD_LENGTH, BAD_UTF8, BAD_UUID, NONE, OUT_OF_RANGE, TRUNCATED
from gongyu_hub.engine.numerals import LOWEST, compare_integers, read_long
from gongyu_hub.engine.texts import bad_utf8, bad_uuid

CODE, MARK, A, B = 0, 1, 2, 3
COLUMNS = 4

END, PASS, JUMP, NULLABLE, UNION, BLOCK, ITEM, EMPTY_BLOCKS = 0, 1, 2, 3, 4, 5, 6, 7
INTEGER, ENUM, BOOLEAN, FIXED = 8, 9, 10, 11  # from INTEGER on: one value without a length
OCTETS, STRING, UUID, DECIMAL = 12, 13, 14, 15  # from OCTETS on: a length and bytes


@dataclass(frozen=True, slots=True, eq=False)
class Program:
    """`code` int64[instructions, 4]; `constants` uint8[:] with `borders` int64[:] between its strings.

    `marks` and `counters` are the sizes of the two scratch rows of a run.
    """

    code: Numbers
    constants: Octets
    borders: Numbers
    marks: int
    counters: int


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
) -> tuple[int, int]:
    """(position behind the last value or of the fault, fault) of one message. `counters` is scratch, two for each open array."""
    step = first
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
            step, position, fault = _turn(code, step, buffer, position, end, counters)
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
def _turn(code: Numbers, step: int, buffer: Octets, position: int, end: int, counters: Numbers) -> tuple[int, int, int]:
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
        return _open_block(step, a, b, buffer, position, end, counters)
    if operation == ITEM:
        counters[2 * a] -= 1
        if counters[2 * a] > 0:
            return b, position, NONE
        due: int = counters[2 * a + 1]
        return b - 1, position, NONE if due < 0 or due == position else BAD_LENGTH
    if operation == EMPTY_BLOCKS:
        position, fault = _pass_empty_blocks(buffer, position, end)
        return step + 1, position, fault
    return step + 1, position, NONE


@kernel
def _open_block(
    step: int, counter: int, exit_step: int, buffer: Octets, position: int, end: int, counters: Numbers
) -> tuple[int, int, int]:
    """Reads a count, and a length in bytes if it is negative.

    Every item has at least a byte, so a count beyond the rest of the message is a truncation: known before the first item.
    """
    count, size, behind, fault = _read_block(buffer, position, end)
    if fault != NONE:
        return step, position, fault
    if count == 0:
        return exit_step, behind, NONE
    if count > end - behind or size > end - behind:
        return step, position, TRUNCATED
    counters[2 * counter] = count
    counters[2 * counter + 1] = behind + size if size >= 0 else -1
    return step + 1, behind, NONE


@kernel
def _pass_empty_blocks(buffer: Octets, position: int, end: int) -> tuple[int, int]:
    while True:
        count, size, behind, fault = _read_block(buffer, position, end)
        if fault != NONE:
            return position, fault
        if size > 0:
            return position, BAD_LENGTH
        position = behind
        if count == 0:
            return position, NONE


@kernel
def _read_block(buffer: Octets, position: int, end: int) -> tuple[int, int, int, int]:
    """(number of items, length in bytes or -1 if not given, position behind, fault)."""
    count, behind, fault = read_long(buffer, position, end)
    if fault != NONE or count >= 0:
        return count, -1, behind, fault
    if count == LOWEST:
        return 0, -1, position, BAD_LENGTH
    size, behind, fault = read_long(buffer, behind, end)
    if fault == NONE and size < 0:
        fault = BAD_LENGTH
    return -count, size, behind, fault


def constant_pool(strings: list[bytes]) -> tuple[Octets, Numbers]:
    """Byte strings end to end, and the borders between them."""
    joined = b"".join(strings)
    borders = np.zeros(len(strings) + 1, dtype=np.int64)
    np.cumsum([len(string) for string in strings], out=borders[1:])
    return np.frombuffer(joined, dtype=np.uint8), borders


def twos_complement(number: int) -> bytes:
    """The shortest big-endian two's complement form, at least one byte."""
    return number.to_bytes(((number if number >= 0 else ~number).bit_length() + 8) // 8, "big", signed=True)
