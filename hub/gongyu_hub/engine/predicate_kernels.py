"""The machine that runs predicate programs; see `predicates` for the instructions.

Enters a program with its constants and located images; leaves a truth value for each image. Reads only bytes of the
fields that the program names.
"""

import numpy as np
from numpy.typing import NDArray

from gongyu_hub.engine.arrays import Numbers, Octets
from gongyu_hub.engine.compiled import kernel
from gongyu_hub.engine.numerals import compare_integers, float_order, read_long
from gongyu_hub.engine.texts import compare_bytes, same_bytes

FALSE, TRUE, NULL = 0, 1, 2

NOT, AND, OR, UNLESS_TRUE, UNLESS_FALSE = 0, 1, 2, 3, 4
IS_NULL = 5  # from here on: one field
NUMBER, NUMBER_IN = 6, 7
TEXT, TEXT_IN, PREFIX, DECIMAL, DECIMAL_IN = 8, 9, 10, 11, 12  # from TEXT on: a length and bytes

READ_LONG, READ_BYTE, READ_FIXED, READ_FLOAT, READ_DOUBLE = 0, 1, 2, 4, 8  # fixed: no length; float and double: their width


@kernel
def evaluate_all(
    code: Numbers,
    numbers: Numbers,
    constants: Octets,
    borders: Numbers,
    reads: Numbers,
    null_branches: Numbers,
    buffer: Octets,
    fields: Numbers,
    stack: NDArray[np.uint8],
    out: NDArray[np.uint8],
) -> None:
    """Writes the truth of each image to `out`."""
    for row in range(out.size):
        if fields[row, 0] < 0:
            out[row] = FALSE
            continue
        step = 0
        top = -1
        while step < code.shape[0]:
            operation: int = code[step, 0]
            field: int = code[step, 1]
            a: int = code[step, 2]
            b: int = code[step, 3]
            step += 1
            if operation >= IS_NULL:
                top += 1
                start: int = fields[row, field]
                end: int = fields[row, field + 1]
                stack[top] = _test(operation, a, b, numbers, constants, borders, reads[field], null_branches[field], buffer, start, end)
            elif operation == NOT:
                stack[top] = _opposite(stack[top])
            elif operation in (UNLESS_TRUE, UNLESS_FALSE):
                if stack[top] == (TRUE if operation == UNLESS_TRUE else FALSE):
                    step = a
            else:
                top -= 1
                stack[top] = _join(operation, stack[top], stack[top + 1])
        out[row] = stack[0]


@kernel
def _opposite(truth: int) -> int:
    return NULL if truth == NULL else TRUE - truth


@kernel
def _join(operation: int, one: int, two: int) -> int:
    decisive = FALSE if operation == AND else TRUE
    if decisive in (one, two):
        return decisive
    if NULL in (one, two):
        return NULL
    return TRUE - decisive


@kernel
def _test(
    operation: int,
    a: int,
    b: int,
    numbers: Numbers,
    constants: Octets,
    borders: Numbers,
    read: int,
    null_branch: int,
    buffer: Octets,
    start: int,
    end: int,
) -> int:
    """The truth of one instruction on one field; a field without bytes lies in a record that is null."""
    if start == end:
        return TRUE if operation == IS_NULL else NULL
    if null_branch >= 0:
        is_null = buffer[start] == 2 * null_branch  # a branch is one zigzag byte
        if operation == IS_NULL:
            return TRUE if is_null else FALSE
        if is_null:
            return NULL
        start += 1
    if operation == IS_NULL:
        return FALSE
    if operation < TEXT:
        return _test_number(operation, a, b, numbers, _read_number(read, buffer, start, end))
    if read != READ_FIXED:
        start = read_long(buffer, start, end)[1]
    return _test_bytes(operation, a, b, constants, borders, buffer, start, end)


@kernel
def _read_number(read: int, buffer: Octets, start: int, end: int) -> int:
    if read == READ_LONG:
        return read_long(buffer, start, end)[0]
    if read == READ_BYTE:
        return int(buffer[start])
    return float_order(buffer, start, read)


@kernel
def _test_number(operation: int, a: int, b: int, numbers: Numbers, value: int) -> int:
    if operation == NUMBER:
        return _accept(-1 if value < a else 1 if value > a else 0, b)
    low, high = a, b
    while low < high:
        middle = (low + high) // 2
        if numbers[middle] < value:
            low = middle + 1
        else:
            high = middle
    return TRUE if low < b and numbers[low] == value else FALSE


@kernel
def _test_bytes(operation: int, a: int, b: int, constants: Octets, borders: Numbers, buffer: Octets, start: int, end: int) -> int:
    if operation == PREFIX:
        length = borders[a + 1] - borders[a]
        starts_so = length <= end - start and same_bytes(buffer, start, constants, borders[a], length)
        return TRUE if starts_so else FALSE
    if operation in (TEXT, DECIMAL):
        return _accept(_compare(operation == DECIMAL, buffer, start, end, constants, borders[a], borders[a + 1]), b)
    low, high = a, b
    while low < high:
        middle = (low + high) // 2
        outcome = _compare(operation == DECIMAL_IN, buffer, start, end, constants, borders[middle], borders[middle + 1])
        if outcome == 0:
            return TRUE
        if outcome > 0:
            low = middle + 1
        else:
            high = middle
    return FALSE


@kernel
def _compare(as_integers: bool, one: Octets, one_start: int, one_end: int, two: Octets, two_start: int, two_end: int) -> int:
    if as_integers:
        return compare_integers(one, one_start, one_end, two, two_start, two_end)
    return compare_bytes(one, one_start, one_end, two, two_start, two_end)


@kernel
def _accept(outcome: int, accepted: int) -> int:
    """`accepted` holds 1, 2, 4 for less, equal, greater."""
    return (accepted >> (outcome + 1)) & 1
