"""Compile a function to machine code; the only place that imports numba.

What enters is a function over numbers and arrays, what leaves is the same function compiled at its first call (GIL
released, no fast-math, one thread). The compiled code is kept on disk: below NUMBA_CACHE_DIR when that is set, else
beside this package, else where numba finds room.

Decision: kernels allocate nothing; their results go to arrays that the caller made. So numba's reference counting can
be left out (`_nrt`), which makes the layout program four times as fast: counts are atomic, and each call of a function
with arrays moves several.

Decision: the folder's name carries a digest of all engine sources, because numba looks only at the file that defines a
function and would go on using old code of a function that it calls in another file.
"""

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar, cast

import numba

Function = TypeVar("Function", bound=Callable[..., object])

# Its attributes are made at run time, from the environment: no type checker sees them.
_settings: Any = numba.config
_OPTIONS: dict[str, Any] = {"cache": True, "nogil": True, "error_model": "numpy", "_nrt": False}


def _cache_folder() -> str:
    here = Path(__file__).parent
    digest = hashlib.sha256(bytes([bool(_settings.BOUNDSCHECK)]))
    for source in sorted(here.glob("*.py")):
        digest.update(source.read_bytes())
    return str(Path(_settings.CACHE_DIR or here / "__pycache__") / f"kernels-{digest.hexdigest()[:16]}")


_CACHE_FOLDER = _cache_folder()


def kernel(function: Function) -> Function:
    """The compiled form of a function that uses numbers, tuples and the arrays it is given."""
    return _compile(function, forceinline=False)


def inlined_kernel(function: Function) -> Function:
    """As `kernel`, and copied into every compiled function that calls it: for the small ones on every value's path."""
    return _compile(function, forceinline=True)


def _compile(function: Function, *, forceinline: bool) -> Function:
    chosen = _settings.CACHE_DIR
    _settings.CACHE_DIR = _CACHE_FOLDER
    try:
        return cast(Function, numba.njit(**_OPTIONS, forceinline=forceinline)(function))
    finally:
        _settings.CACHE_DIR = chosen
