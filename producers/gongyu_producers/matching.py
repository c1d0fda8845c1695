"""Names in a file x fields of a type -> how each name was understood, and what is missing: `match_header` for people.

Where publishing would refuse a name, the field that it probably means is suggested: the same letters and digits
regardless of case, spaces and punctuation, or nearly the same.
"""

from __future__ import annotations

import difflib
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from gongyu_producers.columns import Naming
from gongyu_schemas.granted import covers
from gongyu_schemas.information_type import InformationType

_SIMILAR = 0.8


class How(StrEnum):
    """How a name found its field, or why not."""

    NAME = "by name"
    MAPPING = "by mapping"
    SUGGESTED = "suggested"
    OPERATION = "operation"
    IGNORED = "ignored"
    UNKNOWN = "unknown"
    DOUBLE = "double"
    RECORD = "a record"


_MISFITS = (How.SUGGESTED, How.UNKNOWN, How.DOUBLE, How.RECORD)


@dataclass(frozen=True, slots=True)
class Match:
    """A name of the file; `field` is the one it fills, or would fill."""

    column: str
    field: str | None
    how: How


@dataclass(frozen=True, slots=True)
class Matches:
    """Of all names in order. `missing` fields have no name in the file, not even a suggested one."""

    columns: tuple[Match, ...]
    missing: tuple[str, ...]

    @property
    def fit(self) -> bool:
        """Whether publishing takes the file's names as they are."""
        return not self.missing and all(each.how not in _MISFITS for each in self.columns)

    @property
    def suggested(self) -> dict[str, str]:
        return {each.column: each.field for each in self.columns if each.how is How.SUGGESTED and each.field is not None}

    @property
    def unknown(self) -> tuple[str, ...]:
        return tuple(each.column for each in self.columns if each.how is How.UNKNOWN)

    def index(self) -> dict[str, int]:
        """Which column fills each field, suggestions taken as accepted."""
        filling = (How.NAME, How.MAPPING, How.SUGGESTED)
        return {each.field: at for at, each in enumerate(self.columns) if each.field is not None and each.how in filling}


def match_names(names: Sequence[str], naming: Naming, information_type: InformationType, *, objects: bool) -> Matches:
    """`objects`: of JSON lines, where a name may be a whole record, and what is absent is the row's own matter."""
    found = [_match(at, name, names, naming) for at, name in enumerate(names)]
    if not objects:
        found = [Match(each.column, each.field, How.RECORD) if each.field in naming.records else each for each in found]
    taken: set[str] = set()
    for at, each in enumerate(found):
        if each.field in taken:
            found[at] = Match(each.column, each.field, How.DOUBLE)
        elif each.field is not None:
            taken.add(each.field)
    leaves = [field for field in information_type.fields if field.is_leaf and not any(covers(name, field.name) for name in taken)]
    free = {field.name: _spellings(information_type, field.name, field.doc) for field in leaves}
    for similar in (False, True):  # what is surely meant is given away first
        for at, each in enumerate(found):
            if each.how is How.UNKNOWN and (field := _suggest(each.column, free, similar=similar)) is not None:
                found[at] = Match(each.column, field, How.SUGGESTED)
                del free[field]
    return Matches(tuple(found), () if objects else tuple(free))


def _match(at: int, name: str, names: Sequence[str], naming: Naming) -> Match:
    if names.index(name) != at:
        return Match(name, None, How.DOUBLE)
    if name == naming.op:
        return Match(name, None, How.OPERATION)
    if name in naming.ignored:
        return Match(name, None, How.IGNORED)
    field = naming.field_of(name)
    if field is None:
        return Match(name, None, How.UNKNOWN)
    return Match(name, field, How.NAME if field == name else How.MAPPING)


def _spellings(information_type: InformationType, field: str, doc: str) -> frozenset[str]:
    headers = (header for header, name in information_type.publishing.columns.items() if name == field)
    title = information_type.titles.get(field)
    titles = () if title is None else (title.ko, title.en)
    return frozenset(filter(None, map(_plain, (field, doc, *titles, *headers))))


def _suggest(name: str, free: dict[str, frozenset[str]], *, similar: bool) -> str | None:
    plain = _plain(name)
    if not similar:
        return next((field for field, spellings in free.items() if plain in spellings), None)
    known = {spelling: field for field, spellings in free.items() for spelling in spellings}
    close = difflib.get_close_matches(plain, known, n=1, cutoff=_SIMILAR)
    return known[close[0]] if close else None


def _plain(text: str) -> str:
    """Letters and digits alone: width, case, spaces and punctuation of a header mean nothing."""
    return "".join(_letters(unicodedata.normalize("NFKC", text).casefold()))


def _letters(text: str) -> Iterable[str]:
    return (letter for letter in text if letter.isalnum())
