"""How dates and numbers are written in a column that stays text: which forms, how often, and where first, but never a value itself.

Exports mix forms: two programs, or people, wrote one column. A column that is dates or numbers but for a few values is
text for its guess (`guess`), and its owner would find out only later why.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from gongyu_producers.values import BadValue, read_date

#: The first of each kind is the one that the publisher reads. Digits may be a date and a number; a leading zero makes a code of them.
_ISO, _COMPACT, _PLAIN, _CODE = "as YYYY-MM-DD", "as YYYYMMDD", "without separators", "with leading zeros"
_PATTERNS = {
    _ISO: "[0-9]{4}-[0-9]{2}-[0-9]{2}",
    _COMPACT: "(?:19|20)[0-9]{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12][0-9]|3[01])",
    _PLAIN: "[+-]?(?:0|[1-9][0-9]*)(?:[.][0-9]+)?",
    _CODE: "[+-]?0[0-9]+",
    "with separators": "[+-]?[0-9]{1,3}(?:,[0-9]{3})+(?:[.][0-9]+)?",
    "with points or slashes": "[0-9]{4}[./] ?[0-9]{1,2}[./] ?[0-9]{1,2}[.]?",
    "as YYYY-M-D": "[0-9]{4}-(?:[0-9]-[0-9]{1,2}|[0-9]{2}-[0-9])",
    "with the year last": "[0-9]{1,2}(?:[.][0-9]{1,2}[.]|/[0-9]{1,2}/|-[0-9]{1,2}-)[0-9]{4}",
    "with 년, 월, 일": "[0-9]{4}년 ?[0-9]{1,2}월 ?[0-9]{1,2}일",
}
_DATES = (_ISO, _COMPACT, "with points or slashes", "as YYYY-M-D", "with the year last", "with 년, 월, 일")
_NUMBERS = (_PLAIN, "with separators", _CODE, _COMPACT)
_KINDS = (
    ("dates", _DATES, "export them as YYYY-MM-DD to have dates"),
    ("numbers", _NUMBERS, "export them without commas to have numbers"),
)
_MEND = "mend these, or say with --null which text means null"
_NAMES = tuple(_PATTERNS)
_FORM = re.compile("|".join(f"({pattern})" for pattern in _PATTERNS.values()))
_STARTS = frozenset("+-0123456789")
#: Of the values: where more are of no form, the column is text that happens to hold some dates or numbers.
_MOST_OTHERS = 0.1


@dataclass(slots=True)
class Written:
    """Values of one form: how many, and the line of the first."""

    values: int
    first_line: int


@dataclass(slots=True)
class Forms:
    """What was seen of a column, by form; None is the form of what is neither a date nor a number."""

    found: dict[str | None, Written] = field(default_factory=dict)

    def see(self, text: str, line: int) -> None:
        form = _form_of(text)
        written = self.found.get(form)
        if written is None:
            self.found[form] = Written(1, line)
        else:
            written.values += 1

    def only_odd(self) -> bool:
        """Whether all values are dates, or all numbers, of one form, and not of the one that is read."""
        return len(self.found) == 1 and not self.found.keys() & {None, _ISO, _PLAIN}

    def note(self) -> str | None:
        """Why a column that looks like dates or numbers is text; None where it does not look so, or holds codes."""
        for kind, forms, advice in _KINDS:
            found = {form: self.found[form] for form in forms if form in self.found}
            others = _together(written for form, written in self.found.items() if form not in found)
            values = others.values + sum(written.values for written in found.values())
            if not found or (kind == "numbers" and _CODE in found) or others.values > _MOST_OTHERS * values:
                continue
            if len(found) == 1 and not others.values:
                return f"{kind} {next(iter(found))} stay text; {advice}"
            told = [f"{written.values:,} {form} (first: line {written.first_line})" for form, written in found.items()]
            told += [f"{others.values:,} otherwise (first: line {others.first_line})"] if others.values else []
            return f"{kind} stay text, because not all are written alike: {', '.join(told)}; {advice if len(found) > 1 else _MEND}"
        return None


def _form_of(text: str) -> str | None:
    found = _FORM.fullmatch(text) if text[0] in _STARTS else None
    form = None if found is None or found.lastindex is None else _NAMES[found.lastindex - 1]
    if form is _ISO:
        try:
            read_date(text)
        except BadValue:
            return None
    return form


def _together(several: Iterable[Written]) -> Written:
    found = list(several)
    return Written(sum(each.values for each in found), min((each.first_line for each in found), default=0))
