"""The shapes in which the kernels take their input.

Any buffer or array enters; a contiguous read-only view of the one accepted element type leaves, without a copy
where the input already is one. So each kernel is compiled for a single signature. A wrong shape, or offsets outside
their buffer, is a ValueError: a fault of the caller, never of data.
"""

from typing import TypeAlias, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

Octets: TypeAlias = NDArray[np.uint8]
Numbers: TypeAlias = NDArray[np.int64]
Buffer: TypeAlias = bytes | bytearray | memoryview | Octets
_Array = TypeVar("_Array", Octets, Numbers)


def octets(buffer: Buffer) -> Octets:
    """uint8[:], read-only, contiguous."""
    array = buffer if isinstance(buffer, np.ndarray) else np.frombuffer(buffer, dtype=np.uint8)
    if array.dtype != np.uint8 or array.ndim != 1:
        raise ValueError(f"a buffer must be uint8[:], not {array.dtype}[{array.ndim} dimensions]")
    return _sealed(array)


def numbers(values: ArrayLike, dimensions: int = 1) -> Numbers:
    """int64[:] or int64[:, :], read-only, contiguous."""
    array = np.asarray(values, dtype=np.int64)
    if array.ndim != dimensions:
        raise ValueError(f"{dimensions} dimensions expected, not {array.ndim}")
    return _sealed(array)


def ranges(starts: ArrayLike, buffer: Octets) -> Numbers:
    """int64[n+1] borders of n neighbouring ranges, checked to lie in the buffer and not to fall."""
    borders = numbers(starts)
    if borders.size == 0 or borders[0] < 0 or borders[-1] > buffer.size or bool((borders[1:] < borders[:-1]).any()):
        raise ValueError("the borders of the ranges must rise and lie in the buffer")
    return borders


def field_borders(fields: ArrayLike, buffer: Octets, count: int) -> Numbers:
    """int64[n, count+1] borders of the fields of n images, as `locate` gave them for this very buffer (absent image: -1)."""
    borders = numbers(fields, 2)
    if borders.shape[1] != count + 1:
        raise ValueError(f"{count + 1} borders for {count} fields expected, not {borders.shape[1]}")
    if borders.size and int(borders[:, -1].max()) > buffer.size:
        raise ValueError("the borders of the fields lie outside the buffer: they belong to another one")
    return borders


def _sealed(array: _Array) -> _Array:
    view = np.ascontiguousarray(array).view()
    view.flags.writeable = False
    return view
