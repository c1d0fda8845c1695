"""Kernels over ranges of bytes: checking UTF-8 and UUIDs, comparing, copying.

Ranges enter as (buffer, start, end) with start <= end inside the buffer; nothing outside them is read or written. Loops
over whole ranges count in unsigned numbers and do not stop early: so the compiler takes many bytes at a time.
"""

import numpy as np

from gongyu_hub.engine.arrays import Octets
from gongyu_hub.engine.compiled import inlined_kernel, kernel

UUID_LENGTH = 36  # 32 hexadecimal digits and 4 hyphens


@inlined_kernel
def bad_utf8(buffer: Octets, start: int, end: int) -> int:
    """The first byte of the first sequence that is not well-formed UTF-8 (Unicode, table 3-7), or -1."""
    seen = np.uint8(0)
    for index in range(np.uint64(start), np.uint64(end)):
        seen |= buffer[index]
    if seen < 0x80:
        return -1
    position = start
    while position < end:
        lead: int = buffer[position]
        if lead < 0x80:
            position += 1
            continue
        if lead < 0xC2 or lead > 0xF4:
            return position
        size = 2 if lead < 0xE0 else 3 if lead < 0xF0 else 4
        if size > end - position:
            return position
        second: int = buffer[position + 1]
        lowest = 0xA0 if lead == 0xE0 else 0x90 if lead == 0xF0 else 0x80  # no overlong forms
        highest = 0x9F if lead == 0xED else 0x8F if lead == 0xF4 else 0xBF  # no surrogates, nothing above U+10FFFF
        if second < lowest or second > highest:
            return position
        for index in range(2, size):
            if buffer[position + index] & 0xC0 != 0x80:
                return position
        position += size
    return -1


@kernel
def bad_uuid(buffer: Octets, start: int, end: int) -> int:
    """The first byte that does not fit the canonical form of RFC 9562 in lower case, or -1; a wrong length is met at the start."""
    if end - start != UUID_LENGTH:
        return start
    for index in range(UUID_LENGTH):
        octet: int = buffer[start + index]
        hyphen = index in (8, 13, 18, 23)
        digit = 0x30 <= octet <= 0x39 or 0x61 <= octet <= 0x66
        if (octet != 0x2D) if hyphen else not digit:
            return start + index
    return -1


@kernel
def same_bytes(one: Octets, one_start: int, two: Octets, two_start: int, length: int) -> bool:
    """Whether two ranges of one length hold the same bytes."""
    one_first, two_first = np.uint64(one_start), np.uint64(two_start)
    difference = np.uint8(0)
    for index in range(np.uint64(length)):
        difference |= one[one_first + index] ^ two[two_first + index]
    return bool(difference == 0)


@kernel
def compare_bytes(one: Octets, one_start: int, one_end: int, two: Octets, two_start: int, two_end: int) -> int:
    """-1, 0 or 1: order of unsigned bytes; for UTF-8 this is the order of code points."""
    one_length = one_end - one_start
    two_length = two_end - two_start
    for index in range(min(one_length, two_length)):
        left: int = one[one_start + index]
        right: int = two[two_start + index]
        if left != right:
            return -1 if left < right else 1
    if one_length == two_length:
        return 0
    return -1 if one_length < two_length else 1


@kernel
def copy_bytes(out: Octets, position: int, buffer: Octets, start: int, end: int) -> int:
    """Copies a range to `out`; gives the position behind it."""
    length = end - start
    to, first = np.uint64(position), np.uint64(start)
    for index in range(np.uint64(length)):
        out[to + index] = buffer[first + index]
    return position + length


@kernel
def hash_bytes(buffer: Octets, start: int, end: int, seed: int) -> int:
    """A number of 63 bits (FNV-1a, then the last mixing step of MurmurHash 3); what it is for needs no more than an even spread."""
    state = np.uint64(0xCBF29CE484222325) ^ np.uint64(seed)
    for index in range(start, end):
        state = (state ^ np.uint64(buffer[index])) * np.uint64(0x100000001B3)
    state = (state ^ (state >> np.uint64(33))) * np.uint64(0xFF51AFD7ED558CCD)
    state = (state ^ (state >> np.uint64(33))) * np.uint64(0xC4CEB9FE1A85EC53)
    return np.int64((state ^ (state >> np.uint64(33))) >> np.uint64(1))  # type: ignore[return-value] # a number of the machine's own
