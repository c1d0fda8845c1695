"""Memory of many stores: each open LMDB environment has a table of 2 MiB of which it uses little.

LMDB asks for it zeroed. Where the C library serves that from memory of its own that was used before, it writes the zeros, and
the whole table becomes resident: 1.6 GB for 800 partitions. Fresh memory of the kernel is zero already and costs nothing until
it is used. glibc decides by a size, which by itself grows to 32 MiB as arrays of batches come and go; so the size is
lowered while an environment is opened, and stands at its maximum otherwise, which is what batches want. Other C libraries
take large memory from the kernel anyway.
"""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from contextlib import contextmanager

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3
_FRESH_FROM_BYTES = 1024 * 1024
#: The most that glibc allows; and what it keeps of freed memory then by its own rule.
_MAX_BYTES = 32 * 1024 * 1024
_KEPT_BYTES = 2 * _MAX_BYTES
_mallopt = getattr(ctypes.CDLL(None), "mallopt", None)


@contextmanager
def fresh_memory() -> Iterator[None]:
    """What is asked for inside in large pieces comes from the kernel."""
    if _mallopt is None:
        yield
        return
    _mallopt(_M_MMAP_THRESHOLD, _FRESH_FROM_BYTES)
    try:
        yield
    finally:
        _mallopt(_M_MMAP_THRESHOLD, _MAX_BYTES)
        _mallopt(_M_TRIM_THRESHOLD, _KEPT_BYTES)
