"""Kernels of the treatments that need only the value's own bytes: masks, prefixes, ranges of whole numbers, months and years.

Enter the ranges of one field's encoded values (with their union branches); leave the treated values end to end. Null stays null, and
what has no bytes (an absent image) stays without. Cannot fail: the values were checked when they were located.
"""

from gongyu_hub.engine.arrays import Numbers, Octets
from gongyu_hub.engine.compiled import kernel
from gongyu_hub.engine.numerals import long_size, read_long, write_long
from gongyu_hub.engine.texts import copy_bytes

MASK, PREFIX, RANGE, MONTH, YEAR = 0, 1, 2, 3, 4  # up to PREFIX: of texts

_STAR = ord("*")
_DAYS_TO_1970 = 719_468  # from 0000-03-01
_DAYS_OF_ERA = 146_097  # 400 years


@kernel
def measure_treated(
    how: int, a: int, b: int, lowest: int, null_branch: int, buffer: Octets, begins: Numbers, ends: Numbers, starts: Numbers
) -> None:
    """Fills `starts` int64[n+1]: where each treated value begins."""
    for row in range(begins.size):
        size = 0
        start: int = begins[row]
        if start < ends[row]:
            if null_branch >= 0:
                size = 1
                start += 1
            if null_branch < 0 or buffer[start - 1] != 2 * null_branch:
                size += _treated_size(how, a, b, lowest, buffer, start, ends[row])
        starts[row + 1] = starts[row] + size


@kernel
def write_treated(
    how: int, a: int, b: int, lowest: int, null_branch: int, buffer: Octets, begins: Numbers, ends: Numbers, starts: Numbers, out: Octets
) -> None:
    """Writes the treated values to where `measure_treated` found their place."""
    for row in range(begins.size):
        start: int = begins[row]
        if start >= ends[row]:
            continue
        position: int = starts[row]
        if null_branch >= 0:
            out[position] = buffer[start]
            position += 1
            start += 1
        if null_branch < 0 or buffer[start - 1] != 2 * null_branch:
            _write(how, a, b, lowest, buffer, start, ends[row], out, position)


@kernel
def _treated_size(how: int, a: int, b: int, lowest: int, buffer: Octets, start: int, end: int) -> int:
    if how <= PREFIX:
        start = read_long(buffer, start, end)[1]
        first_end, last_start, hidden = _kept(how, a, b, buffer, start, end)
        size = first_end - start + hidden + end - last_start
        return long_size(size) + size
    return long_size(_lower(how, a, lowest, read_long(buffer, start, end)[0]))


@kernel
def _write(how: int, a: int, b: int, lowest: int, buffer: Octets, start: int, end: int, out: Octets, position: int) -> None:
    if how <= PREFIX:
        start = read_long(buffer, start, end)[1]
        first_end, last_start, hidden = _kept(how, a, b, buffer, start, end)
        position = write_long(out, position, first_end - start + hidden + end - last_start)
        position = copy_bytes(out, position, buffer, start, first_end)
        for index in range(hidden):
            out[position + index] = _STAR
        copy_bytes(out, position + hidden, buffer, last_start, end)
    else:
        write_long(out, position, _lower(how, a, lowest, read_long(buffer, start, end)[0]))


@kernel
def _kept(how: int, a: int, b: int, buffer: Octets, start: int, end: int) -> tuple[int, int, int]:
    """(end of the first characters kept, start of the last ones kept, characters hidden between them).

    A text of which a mask would hide nothing is hidden whole; of one no longer than a prefix all is kept.
    """
    if how == PREFIX:
        return _pass_characters(buffer, start, end, a), end, 0
    characters = 0
    for index in range(start, end):
        if buffer[index] & 0xC0 != 0x80:  # every byte of UTF-8 that begins a character
            characters += 1
    if characters <= a + b:
        return start, end, characters
    return _pass_characters(buffer, start, end, a), _pass_characters(buffer, start, end, characters - b), characters - a - b


@kernel
def _pass_characters(buffer: Octets, start: int, end: int, count: int) -> int:
    """The position behind `count` characters, or the end."""
    position = start
    while position < end:
        if buffer[position] & 0xC0 != 0x80:
            if count == 0:
                return position
            count -= 1
        position += 1
    return end


@kernel
def _lower(how: int, a: int, lowest: int, value: int) -> int:
    """The lower end of the value's range of `a`, not below what the type holds; or the begin of its month or year, `a` units a day."""
    if how == RANGE:
        above = value % a
        if value < 0 and value < lowest + above:
            return lowest
        return value - above
    day = value // a
    return a * (day - _day_of_period(how, day))


@kernel
def _day_of_period(how: int, day: int) -> int:
    """Days since the begin of the day's month or year, in the proleptic Gregorian calendar (Hinnant, "chrono-compatible low-level date
    algorithms", civil_from_days: years begin in March, so the leap day is the last).
    """
    shifted = day + _DAYS_TO_1970
    of_era = shifted % _DAYS_OF_ERA
    year = (of_era - of_era // 1460 + of_era // 36_524 - of_era // 146_096) // 365
    of_year = of_era - (365 * year + year // 4 - year // 100)
    month = (5 * of_year + 2) // 153  # 0 = March
    if how == MONTH:
        return of_year - (153 * month + 2) // 5
    if month >= 10:
        return of_year - 306  # January and February: 306 days after 1 March
    leap = (year % 4 == 0 and year % 100 != 0) or year % 400 == 0  # 1 March has 59 days of its year before it, or 60
    return of_year + (60 if leap else 59)


@kernel
def measure_views(picks: Numbers, fields: Numbers, starts: Numbers, borders: Numbers) -> int:
    """Fills `borders` int64[n, V+1] of n views end to end; gives the bytes of all. `picks` int64[V, 2]: see `write_views`."""
    position = 0
    for row in range(borders.shape[0]):
        if fields[row, 0] < 0:
            for index in range(borders.shape[1]):
                borders[row, index] = -1
            continue
        borders[row, 0] = position
        for index in range(picks.shape[0]):
            first: int = picks[index, 0]
            last: int = picks[index, 1]
            if first < 0:
                position += starts[last, row + 1] - starts[last, row]
            else:
                position += fields[row, last] - fields[row, first]
            borders[row, index + 1] = position
    return position


@kernel
def write_views(picks: Numbers, buffer: Octets, fields: Numbers, treated: Octets, starts: Numbers, borders: Numbers, out: Octets) -> None:
    """Writes n views. A pick is (first border, last border) of the image, or -1 and the row of `starts` int64[T, n+1] in `treated`."""
    for row in range(borders.shape[0]):
        if borders[row, 0] < 0:
            continue
        for index in range(picks.shape[0]):
            first: int = picks[index, 0]
            last: int = picks[index, 1]
            if first < 0:
                copy_bytes(out, borders[row, index], treated, starts[last, row], starts[last, row + 1])
            else:
                copy_bytes(out, borders[row, index], buffer, fields[row, first], fields[row, last])
