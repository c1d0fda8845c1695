"""Treated fields: the bytes that a view shows instead of a field's own.

Enter located images and, for each field of a view, the field's index or its `Treated`; leave the views end to end with their borders:
images again, which `projection` and `keys` take like any others. Nothing is computed for an absent image. Cannot fail.

Masks, prefixes, ranges of whole numbers, months and years are kernels; the others go value by value through a `Memo`, which
computes equal values of a batch once and is shared by the grants that treat a field alike.
Decision: HMAC by the library `cryptography`, because its copy of a keyed state takes a fifth of the time of the standard library's
`hmac.digest` (0.5 us against 2.3 us a value, measured), and no cryptography is written here.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from itertools import pairwise

import numpy as np
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.hmac import HMAC
from numpy.typing import ArrayLike

from gongyu_hub.engine import treatment_kernels as kernels
from gongyu_hub.engine.arrays import Buffer, Numbers, Octets, field_borders, numbers, octets
from gongyu_hub.engine.keys import join_fields, same_ranges
from gongyu_hub.engine.program import twos_complement


class How(IntEnum):
    """What is done; the first five by kernels."""

    MASK = kernels.MASK  # a, b: characters kept at the begin and at the end
    PREFIX = kernels.PREFIX  # a: characters kept
    RANGE = kernels.RANGE  # a: width of the ranges, lowest: of the type
    MONTH = kernels.MONTH  # a: units of a day
    YEAR = kernels.YEAR  # a: as for a month
    DECIMAL_RANGE = 5  # a: width in units of the last place, b: digits
    FLOAT_RANGE = 6  # a: width, b: bytes of the float
    PSEUDONYM = 7  # a: version of the key, b: 1 where the value has its length before it, which does not count
    CONSTANT = 8


#: Different values may become equal: whether a view differs is decided on the treated values.
_BLURS = frozenset(How) - {How.PSEUDONYM, How.CONSTANT}
_PSEUDONYM_BYTES = 16  # 128 bits
_FLOAT_BYTES = 4

#: Encoded value without branch -> treated one.
Compute = Callable[[bytes], bytes]


@dataclass(frozen=True, slots=True)
class Treated:
    """One field's treatment, ready: `null_branch` is that of the record's field (-1: never null), `a` and `b` as `How` says.

    `constant` is the whole value with its branch, `secret` the key of a pseudonym.
    """

    how: How
    index: int  # of the field in the record
    null_branch: int
    a: int = 0
    b: int = 0
    lowest: int = 0
    constant: bytes = b""
    secret: bytes = field(default=b"", repr=False)

    @property
    def blurs(self) -> bool:
        return self.how in _BLURS


class Memo(dict[bytes, bytes]):
    """Encoded value -> treated value, of one treatment that no kernel does; equal values are computed once."""

    def __init__(self, treated: Treated) -> None:
        super().__init__({b"": b""})  # an absent image has no bytes
        self._compute = _COMPUTE[treated.how](treated)
        self._branch = 0 if treated.null_branch < 0 else 1  # bytes of a union's branch
        if self._branch:
            null = bytes([2 * treated.null_branch])
            self[null] = null

    def __missing__(self, value: bytes) -> bytes:
        branch = self._branch
        new = self._compute(value[branch:])
        self[value] = new = value[:branch] + new if branch else new
        return new


#: A batch's memos, by treatment.
Memos = dict[Treated, Memo]


@dataclass(frozen=True, slots=True, eq=False)
class Shown:
    """The fields of a grant's view in their order: `picks` int64[V, 2] are the borders (first, last) of a clear one in the image, or -1
    and the index of its `treated`.
    """

    picks: Numbers
    treated: tuple[Treated, ...]


def show(fields: list[int], treated: dict[int, Treated]) -> Shown:
    """`fields`: indices in view order; `treated`: by field index."""
    ordered = tuple(treated[index] for index in fields if index in treated)
    picks = [(-1, ordered.index(treated[index])) if index in treated else (index, index + 1) for index in fields]
    return Shown(numbers(np.array(picks, dtype=np.int64).reshape(len(picks), 2), 2), ordered)


def treat_views(shown: Shown, buffer: Buffer, fields: ArrayLike, memos: Memos) -> tuple[Octets, Numbers]:
    """(views end to end uint8[], borders int64[n, V+1] of their fields; -1 for an absent image)."""
    content = octets(buffer)
    images = field_borders(fields, content, np.asarray(fields).shape[1] - 1)
    columns = [_treat(each, content, images, memos) for each in shown.treated]
    offsets = np.cumsum([0] + [column.size for column, _ in columns])
    starts = np.empty((len(columns), images.shape[0] + 1), dtype=np.int64)
    for index, (_, places) in enumerate(columns):
        starts[index] = places + offsets[index]
    treated = octets(np.concatenate([np.empty(0, np.uint8), *(column for column, _ in columns)]))
    borders = np.empty((images.shape[0], shown.picks.shape[0] + 1), dtype=np.int64)
    places = numbers(starts, 2)
    size = kernels.measure_views(shown.picks, images, places, borders)
    out = np.empty(int(size), dtype=np.uint8)
    kernels.write_views(shown.picks, content, images, treated, places, numbers(borders, 2), out)
    return out, borders


def treated_differ(
    treated: Treated, old_buffer: Buffer, old_fields: ArrayLike, new_buffer: Buffer, new_fields: ArrayLike, memos: Memos
) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """bool[n]: whether the treated field of image i of one buffer differs from that of image i of the other. For those that blur."""
    old = _column(treated, old_buffer, old_fields, memos)
    new = _column(treated, new_buffer, new_fields, memos)
    return ~same_ranges(*old, *new)


def _column(treated: Treated, buffer: Buffer, fields: ArrayLike, memos: Memos) -> tuple[Octets, Numbers]:
    content = octets(buffer)
    return _treat(treated, content, field_borders(fields, content, np.asarray(fields).shape[1] - 1), memos)


def _treat(treated: Treated, buffer: Octets, fields: Numbers, memos: Memos) -> tuple[Octets, Numbers]:
    """(treated values end to end, starts int64[n+1])."""
    begins, ends = numbers(fields[:, treated.index]), numbers(fields[:, treated.index + 1])
    if treated.how is How.CONSTANT:
        lengths = np.where(begins < ends, len(treated.constant), 0)
        places = numbers(np.concatenate([[0], np.cumsum(lengths)]))
        return octets(treated.constant * int(np.count_nonzero(lengths))), places
    if treated.how > How.YEAR:
        if treated not in memos:
            memos[treated] = Memo(treated)
        return _treat_one_by_one(memos[treated], treated.index, buffer, fields)
    starts = np.zeros(begins.size + 1, dtype=np.int64)
    how = (int(treated.how), treated.a, treated.b, treated.lowest, treated.null_branch, buffer, begins, ends)
    kernels.measure_treated(*how, starts)
    out = np.empty(int(starts[-1]), dtype=np.uint8)
    kernels.write_treated(*how, numbers(starts), out)
    return octets(out), numbers(starts)


def _treat_one_by_one(memo: Memo, index: int, buffer: Octets, fields: Numbers) -> tuple[Octets, Numbers]:
    joined, starts = join_fields(buffer, fields, [index])
    content = joined.tobytes()
    values = [memo[content[start:end]] for start, end in pairwise(starts.tolist())]
    places = np.zeros(len(values) + 1, dtype=np.int64)
    np.cumsum([len(value) for value in values], out=places[1:])
    return octets(b"".join(values)), numbers(places)


def _compute_pseudonym(treated: Treated) -> Compute:
    keyed, label, has_length = HMAC(treated.secret, SHA256()), b"p%d." % treated.a, bool(treated.b)
    prefix = bytes([2 * (len(label) + 2 * _PSEUDONYM_BYTES)]) + label  # the text's length as a varint: below 64

    def compute(value: bytes) -> bytes:
        mac = keyed.copy()
        mac.update(value[_length_bytes(value) :] if has_length else value)
        return prefix + mac.finalize()[:_PSEUDONYM_BYTES].hex().encode()

    return compute


def _compute_decimal(treated: Treated) -> Compute:
    width, lowest = treated.a, 1 - 10**treated.b

    def compute(value: bytes) -> bytes:
        unscaled = int.from_bytes(value[_length_bytes(value) :], "big", signed=True)
        lower = twos_complement(max(unscaled - unscaled % width, lowest))
        length, raw = b"", 2 * len(lower)
        while raw > 0x7F:
            length += bytes([raw & 0x7F | 0x80])
            raw >>= 7
        return length + bytes([raw]) + lower

    return compute


def _compute_float(treated: Treated) -> Compute:
    """Exactly, then the nearest float. Infinities stay, NaN is one value."""
    form, width = struct.Struct("<f" if treated.b == _FLOAT_BYTES else "<d"), treated.a

    def compute(value: bytes) -> bytes:
        [number] = form.unpack(value)
        if math.isfinite(number):
            numerator, denominator = number.as_integer_ratio()
            number = float(numerator // (denominator * width) * width)
        return form.pack(math.nan if math.isnan(number) else number)

    return compute


_COMPUTE: Mapping[How, Callable[[Treated], Compute]] = {
    How.DECIMAL_RANGE: _compute_decimal,
    How.FLOAT_RANGE: _compute_float,
    How.PSEUDONYM: _compute_pseudonym,
}


def _length_bytes(value: bytes) -> int:
    """How many bytes the length before a value takes."""
    count = 1
    while value[count - 1] >= 0x80:
        count += 1
    return count
