"""Columns of numbers -> the texts of one field, in a form that makes rows fast.

A `Cell` is a %-format and one array for each of its places; a row's line is one format over the parts of all its cells, so
most values never become a text of their own.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from gongyu_producers.generate.calendar_days import DAY_MS, day_texts
from gongyu_producers.generate.dice import Mask

_BOOLEANS = np.array(["false", "true"], dtype=object)


class Cell(NamedTuple):
    """A field of some rows. The texts hold no tab, quote or line end."""

    form: str
    parts: tuple[NDArray[Any], ...]


def day_cell(days: NDArray[Any]) -> Cell:
    """NO_DAY is null."""
    return Cell("%s", (day_texts(days),))


def moment_cell(moments_ms: NDArray[Any]) -> Cell:
    """A timestamp in Korean time."""
    days, rest = np.divmod(moments_ms, DAY_MS)
    seconds, millis = np.divmod(rest, 1000)
    minutes, seconds = np.divmod(seconds, 60)
    hours, minutes = np.divmod(minutes, 60)
    return Cell("%sT%02d:%02d:%02d.%03d+09:00", (day_texts(days), hours, minutes, seconds, millis))


def choice_cell(codes: NDArray[Any], symbols: Sequence[str]) -> Cell:
    """Each code's symbol; an empty symbol is null."""
    return Cell("%s", (np.array(list(symbols), dtype=object)[codes],))


def boolean_cell(values: Mask) -> Cell:
    return Cell("%s", (_BOOLEANS[values.astype(np.int64)],))


def text_cell(texts: NDArray[np.object_]) -> Cell:
    return Cell("%s", (texts,))


def number_cell(numbers: NDArray[Any], absent: Mask | None = None) -> Cell:
    """Whole numbers; null where `absent`."""
    whole = Cell("%d", (numbers,))
    return whole if absent is None else unless(absent, whole)


def hundredths_cell(hundredths: NDArray[Any], absent: Mask | None = None) -> Cell:
    """Decimals with two digits behind the point, none of them negative."""
    fixed = Cell("%d.%02d", tuple(np.divmod(hundredths, 100)))
    return fixed if absent is None else unless(absent, fixed)


def unless(absent: Mask, cell: Cell) -> Cell:
    """The cell, but null where `absent`."""
    texts = np.empty(len(absent), dtype=object)
    there = np.flatnonzero(~absent)
    texts.fill("")
    rows = zip(*(part[there].tolist() for part in cell.parts), strict=True)
    texts[there] = list(map(cell.form.__mod__, rows))
    return Cell("%s", (texts,))
