"""Kernels for arrays and maps: the heads of their blocks, and keys that stand twice.

A block tells how many items it has and perhaps its length in bytes (Avro 1.12, "Arrays"), which then must be true. The work is
bounded by the message: each item has a byte, so a count beyond the rest of the message is a fault before the first item.

Keys of maps are remembered in a hash table of positions, large enough for all keys that fit the longest message. Entries that
lie before the message at hand count as empty, so that it is never cleaned.
"""

import numpy as np

from gongyu_hub.engine.arrays import Numbers, Octets
from gongyu_hub.engine.compiled import kernel
from gongyu_hub.engine.faults import BAD_LENGTH, BAD_UTF8, CROWDED_KEYS, KEY_TWICE, NONE, TRUNCATED
from gongyu_hub.engine.numerals import LOWEST, read_long
from gongyu_hub.engine.texts import bad_utf8, hash_bytes, same_bytes

COUNTERS = 3  # of an open array or map: items left in the block, where the block must end, where the map began
SEEN_COLUMNS = 4  # of a key in the hash table: where it starts and ends, where its map began, its hash
_MOST_PROBES = 1000  # a table that is at most half full needs some dozens; more means keys made to collide


def key_table(longest: int) -> Numbers:
    """An empty table for the keys of maps in messages of so many bytes at most: a key takes two or more, or is its map's only empty one.

    So the table is at most half full.
    """
    rows = 1 << max(longest, 1).bit_length()
    return np.full((rows, SEEN_COLUMNS), -1, dtype=np.int64)


@kernel
def open_block(step: int, counter: int, exit_step: int, buffer: Octets, position: int, end: int, counters: Numbers) -> tuple[int, int, int]:
    """The head of a block whose items have bytes: (next instruction, position, fault)."""
    count, size, behind, fault = _read_block(buffer, position, end)
    if fault != NONE:
        return step, position, fault
    if count == 0:
        return exit_step, behind, NONE
    if count > end - behind or size > end - behind:
        return step, position, TRUNCATED
    counters[COUNTERS * counter] = count
    counters[COUNTERS * counter + 1] = behind + size if size >= 0 else -1
    return step + 1, behind, NONE


@kernel
def pass_empty_blocks(buffer: Octets, position: int, end: int) -> tuple[int, int]:
    """All blocks of an array whose items have none: (position, fault)."""
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


@kernel
def check_key(buffer: Octets, begin: int, position: int, end: int, map_begin: int, seen: Numbers) -> tuple[int, int]:
    """A key of the map that began there: (position behind it, fault); `begin` is the start of the message."""
    length, start, fault = read_long(buffer, position, end)
    if fault != NONE:
        return position, fault
    if length < 0:
        return position, BAD_LENGTH
    if length > end - start:
        return position, TRUNCATED
    behind = start + length
    place = bad_utf8(buffer, start, behind)
    if place >= 0:
        return place, BAD_UTF8
    mark = hash_bytes(buffer, start, behind, map_begin)
    last = seen.shape[0] - 1
    slot = mark & last
    for _ in range(_MOST_PROBES):
        if seen[slot, 0] < begin:  # empty, or of an earlier message
            seen[slot, 0], seen[slot, 1], seen[slot, 2], seen[slot, 3] = start, behind, map_begin, mark
            return behind, NONE
        alike = seen[slot, 3] == mark and seen[slot, 2] == map_begin and seen[slot, 1] - seen[slot, 0] == length
        if alike and same_bytes(buffer, seen[slot, 0], buffer, start, length):
            return position, KEY_TWICE
        slot = (slot + 1) & last
    return position, CROWDED_KEYS
