"""Keys: chosen fields end to end, their partition, their equality, numbers in fields.

Enter located fields; leave key bodies (an Avro record of the chosen fields is just their bytes end to end),
partitions and numbers. Cannot fail.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gongyu_hub.engine.arrays import Buffer, Numbers, Octets, field_borders, numbers, octets, ranges
from gongyu_hub.engine.compiled import kernel
from gongyu_hub.engine.layout import Layout
from gongyu_hub.engine.numerals import read_long
from gongyu_hub.engine.texts import copy_bytes, same_bytes

_WORD = 0xFFFFFFFF
_MULTIPLIER = 0x5BD1E995
_SEED = 0x9747B28C


def join_fields(buffer: Buffer, fields: ArrayLike, which: ArrayLike) -> tuple[Octets, Numbers]:
    """(out uint8[], starts int64[n+1]): the bytes of the fields `which` of each image, in that order; none for an absent image."""
    content = octets(buffer)
    borders = field_borders(fields, content, np.asarray(fields).shape[1] - 1)
    chosen = chosen_fields(which, borders.shape[1] - 1)
    starts = np.zeros(borders.shape[0] + 1, dtype=np.int64)
    if chosen.size:
        np.cumsum((borders[:, chosen + 1] - borders[:, chosen]).sum(axis=1), out=starts[1:])
    out = np.empty(int(starts[-1]), dtype=np.uint8)
    _join_fields(content, borders, chosen, out)
    return out, starts


def chosen_fields(which: ArrayLike, count: int) -> Numbers:
    """int64[:] indices of fields, checked. Raises ValueError."""
    chosen = numbers(which)
    if chosen.size and (int(chosen.min()) < 0 or int(chosen.max()) >= count):
        raise ValueError(f"field indices must lie between 0 and {count - 1}")
    return chosen


def murmur2_partitions(key_buffer: Buffer, key_starts: ArrayLike, partitions: int) -> NDArray[np.int32]:
    """int32[n]: the partition that Kafka's Java client gives each key (librdkafka: murmur2_random)."""
    content = octets(key_buffer)
    starts = ranges(key_starts, content)
    out = np.empty(starts.size - 1, dtype=np.int32)
    _murmur2_partitions(content, starts, partitions, out)
    return out


def same_ranges(a_buffer: Buffer, a_starts: ArrayLike, b_buffer: Buffer, b_starts: ArrayLike) -> NDArray[np.bool_]:
    """bool[n]: whether range i of one buffer holds the same bytes as range i of the other."""
    one, two = octets(a_buffer), octets(b_buffer)
    one_starts, two_starts = ranges(a_starts, one), ranges(b_starts, two)
    if one_starts.size != two_starts.size:
        raise ValueError(f"{one_starts.size - 1} ranges cannot be compared with {two_starts.size - 1}")
    out = np.empty(one_starts.size - 1, dtype=np.bool_)
    _same_ranges(one, one_starts, two, two_starts, out)
    return out


def integer_field(layout: Layout, index: int, buffer: Buffer, fields: ArrayLike) -> Numbers:
    """int64[n]: the number in field `index` (int, long, a date or time kind; an enum's index); 0 for null and for an absent image."""
    content = octets(buffer)
    borders = field_borders(fields, content, len(layout.fields))
    out = np.zeros(borders.shape[0], dtype=np.int64)
    _integer_field(content, borders, index, layout.fields[index].null_branch, out)
    return out


@kernel
def _join_fields(buffer: Octets, fields: Numbers, which: Numbers, out: Octets) -> None:
    position = 0
    for row in range(fields.shape[0]):
        for each in range(which.size):
            position = copy_bytes(out, position, buffer, fields[row, which[each]], fields[row, which[each] + 1])


@kernel
def _same_ranges(one: Octets, one_starts: Numbers, two: Octets, two_starts: Numbers, out: NDArray[np.bool_]) -> None:
    for row in range(out.size):
        length = one_starts[row + 1] - one_starts[row]
        same_length = length == two_starts[row + 1] - two_starts[row]
        out[row] = same_length and same_bytes(one, one_starts[row], two, two_starts[row], length)


@kernel
def _integer_field(buffer: Octets, fields: Numbers, index: int, null_branch: int, out: Numbers) -> None:
    for row in range(out.size):
        position: int = fields[row, index]
        if position < 0:
            continue
        if null_branch >= 0:
            if buffer[position] == 2 * null_branch:
                continue
            position += 1
        out[row] = read_long(buffer, position, fields[row, index + 1])[0]


@kernel
def _murmur2_partitions(buffer: Octets, starts: Numbers, partitions: int, out: NDArray[np.int32]) -> None:
    for row in range(out.size):
        out[row] = (_murmur2(buffer, starts[row], starts[row + 1]) & 0x7FFFFFFF) % partitions


@kernel
def _murmur2(buffer: Octets, start: int, end: int) -> int:
    """MurmurHash 2 with Kafka's seed, in 32 bits."""
    length = end - start
    state = (_SEED ^ length) & _WORD
    whole = start + (length & ~3)
    for position in range(start, whole, 4):
        state = ((state * _MULTIPLIER) & _WORD) ^ _mix(_word(buffer, position, 4))
    if whole < end:
        state = ((state ^ _word(buffer, whole, end - whole)) * _MULTIPLIER) & _WORD
    state ^= state >> 13
    state = (state * _MULTIPLIER) & _WORD
    return state ^ (state >> 15)


@kernel
def _word(buffer: Octets, position: int, size: int) -> int:
    word = 0
    for index in range(size):
        octet: int = buffer[position + index]
        word |= octet << (8 * index)
    return word


@kernel
def _mix(word: int) -> int:
    word = (word * _MULTIPLIER) & _WORD
    word ^= word >> 24
    return (word * _MULTIPLIER) & _WORD
