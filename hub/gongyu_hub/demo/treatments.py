"""What a grant does to a value before it is shown, said as plainly as possible: the reference's own treatments.

Enters what the policy file says of one field; leaves a `Treated`: the field as the view shows it, and a function from plain value to
plain value. NULL stays NULL under all but `constant`. Raises LiteralError, KeyError or TypeError for what the hub does not accept.
Decision: HKDF is written out from RFC 5869 with the standard library, because the hub uses another one.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import hmac
import math
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

from gongyu_hub.demo.literals import Spelling, cast
from gongyu_hub.demo.plain import Codec, comparable
from gongyu_schemas.errors import ConfigError
from gongyu_schemas.fields import Field, Kind

Show = Callable[[Any], Any]

_EPOCH_ORDINAL = dt.date(1970, 1, 1).toordinal()
_LOWEST = {Kind.INT: -(2**31), Kind.LONG: -(2**63)}
_UNITS_OF_DAY = {"date": 1, "millis": 86_400_000, "micros": 86_400_000_000}
_SPELLINGS = {bool: Spelling.WORD, int: Spelling.NUMBER, float: Spelling.NUMBER, str: Spelling.TEXT}
_WHOLE = Codec("long")


@dataclass(frozen=True, slots=True)
class Treated:
    """`content` is what the view's schema says of it."""

    field: Field
    content: Mapping[str, Any]
    show: Show


@dataclass(frozen=True, slots=True)
class Whose:
    """For whom: a pseudonym is one subscriber's. `master` is needed only when one is made."""

    subscriber: str
    information_type: str
    master: bytes | None


def read_key(file: Path) -> bytes | None:
    """The pseudonym key of a hub, None where it has none. Raises ConfigError."""
    try:
        return bytes.fromhex(file.read_text(encoding="ascii").split()[1])
    except FileNotFoundError:
        return None
    except (OSError, ValueError, IndexError) as error:
        raise ConfigError(f"pseudonym key {file} cannot be read: {type(error).__name__}") from None


def read_treatment(field: Field, said: Mapping[Any, Any], whose: Whose) -> Treated:
    """What the policy says of one field."""
    [(how, of)] = said.items()
    if how in (None, "null"):  # YAML reads an unquoted null as none
        shown = field if field.null_branch >= 0 else replace(field, null_branch=0)
        return Treated(shown, {"null": True}, lambda _value: None)
    if how == "constant":
        written = of.isoformat() if isinstance(of, dt.date) else of
        constant = _constant(field, written)
        return Treated(field, {"constant": written}, lambda _value: constant)
    if how == "mask":
        kept = {"keep_first": 0, "keep_last": 0, **({} if of == "all" else of)}
        return Treated(field, {"mask": kept}, _unless_null(lambda text: _mask(text, kept["keep_first"], kept["keep_last"])))
    if how == "generalise":
        return Treated(field, {"generalise": dict(of)}, _unless_null(_generalise(field, of)))
    token = Field(field.name, Kind.STRING, field.null_branch, doc=field.doc, within=field.within)
    show = _unless_null(lambda value: _pseudonym(whose, field.name, of["key_version"], value))
    return Treated(token, {"pseudonymise": dict(of)}, show)


def _unless_null(show: Show) -> Show:
    return lambda value: None if value is None else show(value)


def _constant(field: Field, written: Any) -> Any:
    if field.kind in (Kind.STRING, Kind.ENUM):
        return written
    if field.kind is Kind.FLOAT:
        return comparable(_nearest(Kind.FLOAT, written))
    spelling = Spelling.NUMBER if field.kind is Kind.DECIMAL else _SPELLINGS[type(written)]
    value = cast(field, spelling, str(written).upper() if isinstance(written, bool) else str(written))
    return int(value) if isinstance(value, Fraction) else value


def _mask(text: str, first: int, last: int) -> str:
    hidden = len(text) - first - last
    return text[:first] + "*" * hidden + text[len(text) - last :] if hidden > 0 else "*" * len(text)


def _generalise(field: Field, of: Mapping[str, Any]) -> Show:
    if "prefix" in of:
        return lambda text: text[: of["prefix"]]
    if "to" in of:
        unit = _UNITS_OF_DAY[field.kind.value.rpartition("-")[2]]
        return lambda value: unit * _begin(value // unit, of["to"])
    width = of["range"]
    if field.kind is Kind.DECIMAL:
        return lambda value: max(_lower(value, width * 10**field.scale), -(10**field.precision) + 1)
    if field.kind in (Kind.FLOAT, Kind.DOUBLE):
        return lambda value: _lower_float(field.kind, value, width)
    return lambda value: max(_lower(value, width), _LOWEST[field.kind])


def _begin(day: int, period: str) -> int:
    """The first day of the day's month or year, both counted from 1970-01-01."""
    calendar_day = dt.date.fromordinal(day + _EPOCH_ORDINAL).replace(day=1)
    begin = calendar_day if period == "month" else calendar_day.replace(month=1)
    return begin.toordinal() - _EPOCH_ORDINAL


def _lower(value: int, width: int) -> int:
    return value // width * width


def _lower_float(kind: Kind, value: tuple[bool, float], width: int) -> tuple[bool, float]:
    is_nan, number = value
    if is_nan or math.isinf(number):
        return value
    return comparable(_nearest(kind, float(Fraction(number) // width * width)))


def _nearest(kind: Kind, number: float) -> float:
    """As a field of this kind holds it."""
    form = "<f" if kind is Kind.FLOAT else "<d"
    nearest: float = struct.unpack(form, struct.pack(form, number))[0]
    return nearest


def _pseudonym(whose: Whose, name: str, version: int, value: str | int) -> str:
    if whose.master is None:
        raise ConfigError("the policy has pseudonyms: give the hub's pseudonym key with --pseudonym-key")
    info = "\0".join(("gongyu pseudonym", whose.subscriber, whose.information_type, name, str(version)))
    extracted = hmac.new(bytes(32), whose.master, hashlib.sha256).digest()
    key = hmac.new(extracted, info.encode() + b"\x01", hashlib.sha256).digest()
    message = value.encode() if isinstance(value, str) else _WHOLE.encode(value)
    return f"p{version}." + hmac.new(key, message, hashlib.sha256).hexdigest()[:32]
