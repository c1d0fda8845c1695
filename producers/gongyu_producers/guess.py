"""The texts of a column -> the Avro type that says all of them, as the publisher would read them (`values`).

Each text rules kinds out; the narrowest one left is the guess, text where none is. Careful where a mistake would cost most:
digits with a leading zero are a code, not a number; dates and numbers in a form that the publisher does not read, or in
several, stay text, with a note that says where (`forms`).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from gongyu_producers.forms import Forms
from gongyu_producers.values import (
    BadValue,
    read_boolean,
    read_date,
    read_integer,
    read_local_timestamp_micros,
    read_text,
    read_time_micros,
    read_timestamp_micros,
    read_uuid,
)
from gongyu_schemas.fields import Schema

#: Texts that exports write where there is no value; taken so only where the column would be no text without them.
NULL_LIKE = frozenset({"-", "--", ".", "NULL", "null", "(null)", "\\N", "N/A", "n/a", "NA", "None", "none", "없음", "해당없음"})

_CODE = re.compile(r"[+-]?0[0-9]")
_DECIMAL = re.compile(r"[+-]?([0-9]+)(?:\.([0-9]+))?")
_MOST_DIGITS = 30


def _read_boolean(text: str) -> Any:
    """0 and 1 are numbers here: what they count may be 2 tomorrow."""
    if text.isdigit():
        raise BadValue("a number")
    return read_boolean(text)


def _read_long(text: str) -> Any:
    if _CODE.match(text):
        raise BadValue("a code")
    return read_integer(text, 64)


def _read_decimal(text: str) -> Any:
    found = _DECIMAL.fullmatch(text)
    if found is None or _CODE.match(text) or len(text) > _MOST_DIGITS:
        raise BadValue("no decimal")
    return found


#: The narrowest first.
_KINDS: dict[str, tuple[Callable[[str], Any], Schema]] = {
    "boolean": (_read_boolean, "boolean"),
    "long": (_read_long, "long"),
    "decimal": (_read_decimal, None),
    "date": (read_date, {"type": "int", "logicalType": "date"}),
    "timestamp": (read_timestamp_micros, {"type": "long", "logicalType": "timestamp-micros"}),
    "local timestamp": (read_local_timestamp_micros, {"type": "long", "logicalType": "local-timestamp-micros"}),
    "time": (read_time_micros, {"type": "long", "logicalType": "time-micros"}),
    "uuid": (read_uuid, {"type": "string", "logicalType": "uuid"}),
    "string": (read_text, "string"),
}


@dataclass(slots=True)
class Guess:
    """What the texts of one column allow so far."""

    kinds: list[str] = field(default_factory=lambda: list(_KINDS))
    #: Texts that mean null, as the owner said.
    nulls: frozenset[str] = frozenset()
    values: int = 0
    empty: int = 0
    first_empty: int = 0
    null_like: set[str] = field(default_factory=set)
    digits: list[int] = field(default_factory=lambda: [1, 0])  # of a decimal, before and after the point
    forms: Forms = field(default_factory=Forms)

    def see(self, text: str, line: int) -> None:
        if not text or text in self.nulls:
            self.empty += 1
            self.first_empty = self.first_empty or line
        elif text in NULL_LIKE:
            self.null_like.add(text)
        else:
            self.values += 1
            self.forms.see(text, line)
            self._narrow(text)

    @property
    def kind(self) -> str:
        """The narrowest kind; text where dates or numbers are written in a form that is not read."""
        return "string" if not self.values or self.forms.only_odd() else self.kinds[0]

    @property
    def null_texts(self) -> set[str]:
        """Texts that mean null if the guess is right."""
        return self.null_like if self.kind != "string" else set()

    def schema(self) -> Schema:
        if self.kind != "decimal":
            return _KINDS[self.kind][1]
        before, after = self.digits
        return {"type": "bytes", "logicalType": "decimal", "precision": max(18, before + after), "scale": after}

    def note(self) -> str | None:
        """Why the guess may not be what its owner expects."""
        if not self.values:
            return "no values; text until there are some"
        return self.forms.note() if self.kind == "string" else None

    def _narrow(self, text: str) -> None:
        if len(self.kinds) > 1:
            self.kinds = [kind for kind in self.kinds if _allows(kind, text)]
        if "decimal" in self.kinds:
            found = _read_decimal(text)
            self.digits = [max(self.digits[0], len(found[1])), max(self.digits[1], len(found[2] or ""))]


def _allows(kind: str, text: str) -> bool:
    try:
        _KINDS[kind][0](text)
    except BadValue:
        return False
    return True
