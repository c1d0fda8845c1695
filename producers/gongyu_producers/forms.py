"""How dates and numbers are written in a column that stays text: which forms, how often, and where first, but never a value itself.

Exports mix forms: two programs, or people, wrote one column. A column that is dates or numbers but for a few values is
text for its guess (`guess`), and its owner would find out only later why.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from gongyu_producers.values import BadValue, read_date

Test = Callable[[str], object]


def _is_date(text: str) -> bool:
    try:
        read_date(text)
    except BadValue:
        return False
    return True


def _like(pattern: str) -> Test:
    return re.compile(pattern).fullmatch


_CODES = "with leading zeros"
#: In the order in which they are tried and told; the first of each kind is the one that the publisher reads.
_DATES: Mapping[str, Test] = {
    "as YYYY-MM-DD": _is_date,
    "as YYYYMMDD": _like("(?:19|20)[0-9]{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12][0-9]|3[01])"),
    "with points or slashes": _like("[0-9]{4}[./] ?[0-9]{1,2}[./] ?[0-9]{1,2}[.]?"),
    "as YYYY-M-D": _like("[0-9]{4}-(?:[0-9]-[0-9]{1,2}|[0-9]{2}-[0-9])"),
    "with the year last": _like(r"[0-9]{1,2}([./-])[0-9]{1,2}\1[0-9]{4}"),
    "with 년, 월, 일": _like("[0-9]{4}년 ?[0-9]{1,2}월 ?[0-9]{1,2}일"),
}
_NUMBERS: Mapping[str, Test] = {
    "without separators": _like("[+-]?(?:0|[1-9][0-9]*)(?:[.][0-9]+)?"),
    "with separators": _like("[+-]?[0-9]{1,3}(?:,[0-9]{3})+(?:[.][0-9]+)?"),
    _CODES: _like("[+-]?0[0-9]+"),
}
_KINDS = (
    ("dates", _DATES, "export them as YYYY-MM-DD to have dates"),
    ("numbers", _NUMBERS, "export them without commas to have numbers"),
)
_MEND = "mend these, or say with --null which text means null"
_STARTS = frozenset("+-0123456789")
_LONGEST = 30
#: Of the values: where more are of no form, the column is text that happens to hold some dates or numbers.
_MOST_OTHERS = 0.1


@dataclass(slots=True)
class Written:
    """Values of one form: how many, and the line of the first."""

    values: int = 0
    first_line: int = 0

    def see(self, line: int) -> None:
        self.values += 1
        self.first_line = self.first_line or line


@dataclass(slots=True)
class Forms:
    """What was seen of a column: for dates and for numbers the values by form, and those of none."""

    values: int = 0
    found: dict[str, dict[str, Written]] = field(default_factory=lambda: {kind: {} for kind, _, _ in _KINDS})
    others: dict[str, Written] = field(default_factory=lambda: {kind: Written() for kind, _, _ in _KINDS})

    def see(self, text: str, line: int) -> None:
        self.values += 1
        may_be = len(text) <= _LONGEST and text[0] in _STARTS
        for kind, forms, _ in _KINDS:
            form = next((name for name, is_such in forms.items() if is_such(text)), None) if may_be else None
            (self.others[kind] if form is None else self.found[kind].setdefault(form, Written())).see(line)

    def only_odd(self) -> bool:
        """Whether all values are dates, or all numbers, of one form, and not of the one that is read."""
        return any(
            len(self.found[kind]) == 1 and not self.others[kind].values and next(iter(forms)) not in self.found[kind]
            for kind, forms, _ in _KINDS
        )

    def note(self) -> str | None:
        """Why a column that looks like dates or numbers is text; None where it does not look so, or holds codes."""
        for kind, forms, advice in _KINDS:
            found, others = self.found[kind], self.others[kind]
            if not found or _CODES in found or others.values > _MOST_OTHERS * self.values:
                continue
            if len(found) == 1 and not others.values:
                return f"{kind} {next(iter(found))} stay text; {advice}"
            told = [f"{found[form].values:,} {form} (first: line {found[form].first_line})" for form in forms if form in found]
            told += [f"{others.values:,} otherwise (first: line {others.first_line})"] if others.values else []
            return f"{kind} stay text, because not all are written alike: {', '.join(told)}; {advice if len(found) > 1 else _MEND}"
        return None
