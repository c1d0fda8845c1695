"""Which fields differ between two images, by value.

Enter the located fields of n old and n new images of one layout; leaves a set of fields per image as bits.
Encodings are canonical, so equal bytes are equal values; only for float, double and decimal may other bytes be
equal too: 0.0 = -0.0, every NaN equals every NaN, and sign bytes that a decimal does not need count for nothing. Arrays
may be cut into blocks in many ways and maps have no order: where their bytes differ, they are decoded (`exact_values`).
Cannot fail.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gongyu_hub.engine.arrays import Buffer, Numbers, Octets, field_borders, octets
from gongyu_hub.engine.compiled import kernel
from gongyu_hub.engine.exact_values import read_value
from gongyu_hub.engine.layout import Layout
from gongyu_hub.engine.numerals import compare_integers, float_order, read_long
from gongyu_hub.engine.texts import same_bytes
from gongyu_schemas.fields import Field, Kind

_BYTES, _FLOAT, _DOUBLE, _DECIMAL = 0, 4, 8, 1  # float and double: their width
_HOW = {Kind.FLOAT: _FLOAT, Kind.DOUBLE: _DOUBLE, Kind.DECIMAL: _DECIMAL}
_WORD = 64  # bits


def changed_fields(
    layout: Layout, old_buffer: Buffer, old_fields: ArrayLike, new_buffer: Buffer, new_fields: ArrayLike
) -> NDArray[np.uint64]:
    """uint64[n, ceil(F/64)]: bit i % 64 of word i // 64 says that field i differs; all F bits where either image is absent.

    Raises ValueError if the arrays do not fit together.
    """
    count = len(layout.fields)
    old, new = octets(old_buffer), octets(new_buffer)
    old_borders, new_borders = field_borders(old_fields, old, count), field_borders(new_fields, new, count)
    if old_borders.shape != new_borders.shape:
        raise ValueError(f"{old_borders.shape[0]} old images cannot be compared with {new_borders.shape[0]} new ones")
    changed = np.zeros((old_borders.shape[0], -(-count // _WORD)), dtype=np.uint64)
    how = np.array([_BYTES if field.size else _HOW.get(field.kind, _BYTES) for field in layout.fields], dtype=np.int64)
    _changed_fields(how, layout.null_branches, old, old_borders, new, new_borders, changed)
    for index in layout.compound:
        _spare_equal(layout.fields[index], index, old, old_borders, new, new_borders, changed)
    return changed


def _spare_equal(
    field: Field, index: int, old: Octets, old_fields: Numbers, new: Octets, new_fields: Numbers, changed: NDArray[np.uint64]
) -> None:
    """Takes back the bit of a compound field where the values are equal under other bytes."""
    word, bit = index // _WORD, np.uint64(1) << np.uint64(index % _WORD)
    both = (old_fields[:, 0] >= 0) & (new_fields[:, 0] >= 0)
    for row in np.flatnonzero(both & ((changed[:, word] & bit) != 0)).tolist():
        ranges = old_fields[row, index : index + 2].tolist(), new_fields[row, index : index + 2].tolist()
        if any(start == end for start, end in ranges):  # the record around it is null on one side only
            continue
        one, two = (buffer[start:end].tobytes() for buffer, (start, end) in zip((old, new), ranges, strict=True))
        if read_value(field, one) == read_value(field, two):
            changed[row, word] &= ~bit


@kernel
def _changed_fields(
    how: Numbers, null_branches: Numbers, old: Octets, old_fields: Numbers, new: Octets, new_fields: Numbers, changed: NDArray[np.uint64]
) -> None:
    for row in range(old_fields.shape[0]):
        absent = old_fields[row, 0] < 0 or new_fields[row, 0] < 0
        for index in range(how.size):
            if absent or not _same(
                how[index],
                null_branches[index],
                old,
                old_fields[row, index],
                old_fields[row, index + 1],
                new,
                new_fields[row, index],
                new_fields[row, index + 1],
            ):
                changed[row, index >> 6] |= np.uint64(1) << np.uint64(index & 63)


@kernel
def _same(how: int, null_branch: int, old: Octets, old_start: int, old_end: int, new: Octets, new_start: int, new_end: int) -> bool:
    length = old_end - old_start
    if length == new_end - new_start and same_bytes(old, old_start, new, new_start, length):
        return True
    if how == _BYTES or length == 0 or new_start == new_end:  # no bytes: a record around it is null
        return False
    if null_branch >= 0:
        if old[old_start] == 2 * null_branch or new[new_start] == 2 * null_branch:  # a branch is one zigzag byte
            return False
        old_start += 1
        new_start += 1
    if how == _DECIMAL:
        old_start = read_long(old, old_start, old_end)[1]
        new_start = read_long(new, new_start, new_end)[1]
        return compare_integers(old, old_start, old_end, new, new_start, new_end) == 0
    return float_order(old, old_start, how) == float_order(new, new_start, how)
