"""Kernels that read numbers: Avro's variable-length integers, IEEE floats as sortable integers, two's complement of any length.

Positions enter as offsets into a buffer and an end that is never passed. Integers that are cut, padded or wider
than 64 bits are faults.
"""

from gongyu_hub.engine.arrays import Octets
from gongyu_hub.engine.compiled import inlined_kernel, kernel
from gongyu_hub.engine.faults import NONE, OUT_OF_RANGE, OVER_LONG, TRUNCATED

LOWEST = -(2**63)
HIGHEST = 2**63 - 1
_LONGEST_VARINT = 10  # ceil(64 / 7) bytes


@inlined_kernel
def read_long(buffer: Octets, position: int, end: int) -> tuple[int, int, int]:
    """(value, position behind it, fault) of a zigzag varint (Avro: binary encoding of int and long); a fault leaves the position."""
    if position >= end:
        return 0, position, TRUNCATED
    octet: int = buffer[position]
    if octet < 0x80:
        return (octet >> 1) ^ -(octet & 1), position + 1, NONE
    raw = octet & 0x7F
    for index in range(1, _LONGEST_VARINT):
        if position + index >= end:
            return 0, position, TRUNCATED
        octet = buffer[position + index]
        if index == _LONGEST_VARINT - 1 and octet > 1:
            return 0, position, OUT_OF_RANGE if octet < 0x80 else OVER_LONG
        raw |= (octet & 0x7F) << (7 * index)
        if octet < 0x80:
            if octet == 0:
                return 0, position, OVER_LONG
            return ((raw >> 1) & HIGHEST) ^ -(raw & 1), position + index + 1, NONE
    return 0, position, OVER_LONG


@kernel
def long_size(value: int) -> int:
    """How many bytes `write_long` needs."""
    raw = (value << 1) ^ (value >> 63)
    size = 1
    while raw & ~0x7F:
        raw = (raw >> 7) & (HIGHEST >> 6)
        size += 1
    return size


@kernel
def write_long(out: Octets, position: int, value: int) -> int:
    """Writes a zigzag varint; gives the position behind it. The caller made room with `long_size`."""
    raw = (value << 1) ^ (value >> 63)
    while raw & ~0x7F:
        out[position] = (raw & 0x7F) | 0x80
        position += 1
        raw = (raw >> 7) & (HIGHEST >> 6)
    out[position] = raw
    return position + 1


@kernel
def float_order(buffer: Octets, position: int, width: int) -> int:
    """A little-endian IEEE float of 4 or 8 bytes as an integer in the same order.

    -0.0 and 0.0 are one value, NaN is one value above all others.
    """
    bits = 0
    for index in range(width):
        octet: int = buffer[position + index]
        bits |= octet << (8 * index)
    if width == 4:
        negative, magnitude, infinity = bits >> 31 != 0, bits & 0x7FFFFFFF, 0x7F800000
    else:
        negative, magnitude, infinity = bits < 0, bits & HIGHEST, 0x7FF0000000000000
    if magnitude > infinity:
        return HIGHEST
    return -magnitude if negative else magnitude


@kernel
def compare_integers(one: Octets, one_start: int, one_end: int, two: Octets, two_start: int, two_end: int) -> int:
    """-1, 0 or 1: big-endian two's complement integers of any length, redundant sign bytes allowed, no byte at all means 0."""
    one_sign = 0xFF if one_start < one_end and one[one_start] >= 0x80 else 0
    two_sign = 0xFF if two_start < two_end and two[two_start] >= 0x80 else 0
    if one_sign != two_sign:
        return -1 if one_sign else 1
    while one_start < one_end and one[one_start] == one_sign:
        one_start += 1
    while two_start < two_end and two[two_start] == two_sign:
        two_start += 1
    length = one_end - one_start
    longer = length - (two_end - two_start)
    if longer != 0:
        return 1 if (longer > 0) == (one_sign == 0) else -1
    for index in range(length):
        left: int = one[one_start + index]
        right: int = two[two_start + index]
        if left != right:
            return -1 if left < right else 1
    return 0
