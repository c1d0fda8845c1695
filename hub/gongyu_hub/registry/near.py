"""Advice for a name that is not known: the one that was probably meant, or those that are known."""

from __future__ import annotations

import difflib
from collections.abc import Collection

#: Of names that are told: a line that a person reads.
_TOLD_MAX = 20


def near(name: str, known: Collection[str]) -> str:
    close = difflib.get_close_matches(name, known, n=1)
    if close:
        return f"did you mean {close[0]!r}?"
    return listed(known) if known else "there is none"


def listed(known: Collection[str]) -> str:
    """`known are a, b, c`; of many, the first."""
    names = sorted(known)
    more = f" and {len(names) - _TOLD_MAX:,} more" if len(names) > _TOLD_MAX else ""
    return f"known are {', '.join(names[:_TOLD_MAX])}{more}" if names else "none is known"
