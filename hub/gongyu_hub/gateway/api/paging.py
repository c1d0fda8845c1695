"""Lists a page at a time: `limit`, and the opaque `cursor` that a page ends with.

A cursor holds the last item's place in the list's order, which is that of an unchanging key: what is added or removed meanwhile moves no
other item to another page. It grants nothing: each page is read under the caller's rule.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable, Sequence
from typing import Annotated, Generic, TypeVar

from fastapi import Query
from pydantic import BaseModel

from gongyu_hub.gateway.api.problems import not_valid

LIMIT_MAX = 200
_LIMIT = 50
_CURSOR_CHARS_MAX = 200

T = TypeVar("T", bound=BaseModel)
R = TypeVar("R")

Limit = Annotated[int, Query(ge=1, le=LIMIT_MAX, description="Items of a page at most.")]
Cursor = Annotated[str | None, Query(max_length=_CURSOR_CHARS_MAX, pattern="^[A-Za-z0-9_-]+$", description="`next` of the page before.")]
DEFAULT_LIMIT = _LIMIT


class Page(BaseModel, Generic[T]):
    """`next`: the cursor of the next page; null at the end."""

    items: list[T]
    next: str | None


def after_text(cursor: str | None) -> str | None:
    """Raises Problem 422 for what is no cursor of such a list."""
    return None if cursor is None else _read(cursor, str)


def after_number(cursor: str | None) -> int | None:
    number = None if cursor is None else _read(cursor, int)
    if number is not None and not 0 <= number < 2**31:
        raise _foreign()
    return number


def cut(rows: Sequence[R], limit: int, place: Callable[[R], str | int]) -> tuple[Sequence[R], str | None]:
    """The page and the next one's cursor, of one row more than the page holds."""
    if len(rows) <= limit:
        return rows, None
    text = json.dumps(place(rows[limit - 1])).encode()
    return rows[:limit], base64.urlsafe_b64encode(text).decode().rstrip("=")


def _read(cursor: str, kind: type[R]) -> R:
    try:
        place = json.loads(base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True))
    except (binascii.Error, ValueError):
        raise _foreign() from None
    if type(place) is not kind or (isinstance(place, str) and not place.isprintable()):
        raise _foreign()
    return place


def _foreign() -> Exception:
    return not_valid("cursor", "is no cursor of this list; begin without one")
