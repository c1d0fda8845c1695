"""Days as numbers (days since 1970-01-01, as in Avro) and their texts; years, months, days of a month.

`NO_DAY` stands for null. Moments are milliseconds since 1970-01-01T00:00 in Korea (UTC+9, no summer time).
"""

from __future__ import annotations

import datetime as dt
import functools
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Days: TypeAlias = NDArray[np.int32]
Texts: TypeAlias = NDArray[np.object_]

EPOCH = dt.date(1970, 1, 1)
DAY_MS = 86_400_000
_FIRST = dt.date(1900, 1, 1)
_LAST = dt.date(2099, 12, 31)
NO_DAY = (_FIRST - EPOCH).days - 1


def day_number(day: dt.date) -> int:
    return (day - EPOCH).days


def day_of(number: int) -> dt.date:
    return EPOCH + dt.timedelta(days=number)


def day_texts(numbers: NDArray[Any]) -> Texts:
    """YYYY-MM-DD; the empty text for NO_DAY."""
    return np.take(_texts(), numbers - NO_DAY)


def months_of(numbers: NDArray[Any]) -> NDArray[np.int64]:
    """1 to 12."""
    return np.take(_parts()[1], numbers - NO_DAY)


def years_of(numbers: NDArray[Any]) -> NDArray[np.int64]:
    return np.take(_parts()[0], numbers - NO_DAY)


def month_ends(numbers: NDArray[Any]) -> NDArray[np.int64]:
    """The last day of each day's month."""
    return np.take(_parts()[2], numbers - NO_DAY)


def every_day() -> list[dt.date]:
    """All days that have a text, in order; the first one's number is NO_DAY + 1."""
    return [_FIRST + dt.timedelta(days=days) for days in range((_LAST - _FIRST).days + 1)]


@functools.cache
def _texts() -> Texts:
    return np.array(["", *(day.isoformat() for day in every_day())], dtype=object)


@functools.cache
def _parts() -> NDArray[np.int64]:
    """Year, month and last day of the month of each day; NO_DAY has those of the day after it."""
    numbers = np.arange(NO_DAY + 1, day_number(_LAST) + 1)
    dates = numbers.astype("datetime64[D]")
    months = dates.astype("datetime64[M]")
    ends = ((months + 1).astype("datetime64[D]")).astype(np.int64) - 1
    parts = np.stack([dates.astype("datetime64[Y]").astype(np.int64) + 1970, months.astype(np.int64) % 12 + 1, ends])
    return np.concatenate([parts[:, :1], parts], axis=1)
