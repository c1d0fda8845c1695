"""Random row texts with an independent meaning: a text, the same for PostgreSQL, and a function over plain values.

The functions know nothing of the engine: they compare Python values (fractions, dates, strings) and join the results by
the rules of three-valued logic. PostgreSQL gets every literal with an explicit cast.
"""

import datetime as dt
import math
import struct
import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Any

from hypothesis import strategies as st

from gongyu_schemas.fields import Kind
from tests.hub.engine.flat_records import SCALE, SYMBOLS

Truth = bool | None
Record = dict[str, Any]

_SIGNS: dict[str, Callable[[Any, Any], bool]] = {
    "=": lambda a, b: a == b,
    "<>": lambda a, b: a != b,
    "!=": lambda a, b: a != b,
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
}
SQL_TYPES = {
    Kind.BOOLEAN: "boolean",
    Kind.INT: "integer",
    Kind.LONG: "bigint",
    Kind.FLOAT: "real",
    Kind.DOUBLE: "double precision",
    Kind.STRING: "text",
    Kind.ENUM: "text",
    Kind.DATE: "date",
    Kind.TIME_MILLIS: "time(3)",
    Kind.TIME_MICROS: "time",
    Kind.TIMESTAMP_MILLIS: "timestamptz(3)",
    Kind.TIMESTAMP_MICROS: "timestamptz",
    Kind.LOCAL_TIMESTAMP_MILLIS: "timestamp(3)",
    Kind.LOCAL_TIMESTAMP_MICROS: "timestamp",
    Kind.DECIMAL: "numeric",
    Kind.UUID: "uuid",
}


@dataclass(frozen=True)
class RowText:
    """`text` as a grant has it, `sql` for PostgreSQL, `meaning` of a record."""

    text: str
    sql: str
    meaning: Callable[[Record], Truth]


def both(truths: Iterable[Truth]) -> Truth:
    found = list(truths)
    return False if False in found else None if None in found else True


def either(truths: Iterable[Truth]) -> Truth:
    found = list(truths)
    return True if True in found else None if None in found else False


def opposite(truth: Truth) -> Truth:
    return None if truth is None else not truth


class FloatOrder:
    """A float in PostgreSQL's order: NaN equals NaN and is greater than all else."""

    def __init__(self, number: float) -> None:
        self.rank = (1, 0.0) if math.isnan(number) else (0, number)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, FloatOrder) and self.rank == other.rank

    def __lt__(self, other: "FloatOrder") -> bool:
        return self.rank < other.rank

    def __le__(self, other: "FloatOrder") -> bool:
        return self.rank <= other.rank

    def __gt__(self, other: "FloatOrder") -> bool:
        return self.rank > other.rank

    def __ge__(self, other: "FloatOrder") -> bool:
        return self.rank >= other.rank

    __hash__ = None  # type: ignore[assignment]


def plain(kind: Kind, value: Any) -> Any:
    """A record's value as one that Python compares as PostgreSQL does."""
    if kind in (Kind.FLOAT, Kind.DOUBLE) and value is not None:
        return FloatOrder(value)
    return Fraction(value) if kind is Kind.DECIMAL and value is not None else value


def quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


@st.composite
def literals(draw: st.DrawFn, kind: Kind, values: st.SearchStrategy[Any]) -> tuple[str, str, Any]:
    """(as written in a row text, as in SQL, plain value) of a literal for a field of this kind."""
    text, value = draw(_LITERALS[kind](values.filter(lambda each: each is not None)))
    return text, f"CAST({text} AS {SQL_TYPES[kind]})", plain(kind, value)


def _numbers(values: st.SearchStrategy[Any]) -> st.SearchStrategy[tuple[str, Any]]:
    return values.map(lambda number: (str(number), number))


def _decimals(values: st.SearchStrategy[Any]) -> st.SearchStrategy[tuple[str, Any]]:
    finer = st.tuples(values, st.integers(-999, 999)).map(lambda pair: pair[0] + Decimal(pair[1]).scaleb(-SCALE - 3))
    huge = st.sampled_from([Decimal(10) ** 30, Decimal(-10) ** 31, Decimal("1e-30"), Decimal("-1e-30"), Decimal("0.0005")])
    return (values | finer | huge).map(lambda number: (f"{number:f}", number))


def _floats(width: int) -> Callable[[st.SearchStrategy[Any]], st.SearchStrategy[tuple[str, Any]]]:
    def written(number: float) -> tuple[str, Any]:
        if math.isnan(number) or math.isinf(number):
            return ("'NaN'" if math.isnan(number) else f"'{'-' if number < 0 else ''}Infinity'"), number
        return repr(number), struct.unpack("<f", struct.pack("<f", number))[0] if width == 4 else number

    return lambda values: values.map(written)


def _times(form: Callable[[Any], str]) -> Callable[[st.SearchStrategy[Any]], st.SearchStrategy[tuple[str, Any]]]:
    return lambda values: values.map(lambda value: (quoted(form(value)), value))


def _instants(values: st.SearchStrategy[Any]) -> st.SearchStrategy[tuple[str, Any]]:
    """Instants written in UTC and in other zones."""
    zones = st.integers(-15 * 60, 15 * 60)

    def written(pair: tuple[dt.datetime, int]) -> tuple[str, Any]:
        moment, minutes = pair
        if minutes == 0 or not 2 < moment.year < 9998:
            return quoted(moment.replace(tzinfo=None).isoformat() + "Z"), moment
        return quoted(moment.astimezone(dt.timezone(dt.timedelta(minutes=minutes))).isoformat(" ")), moment

    return st.tuples(values, zones).map(written)


_LITERALS: dict[Kind, Callable[[st.SearchStrategy[Any]], st.SearchStrategy[tuple[str, Any]]]] = {
    Kind.BOOLEAN: lambda _: st.sampled_from([("TRUE", True), ("false", False)]),
    Kind.INT: _numbers,
    Kind.LONG: _numbers,
    Kind.FLOAT: _floats(4),
    Kind.DOUBLE: _floats(8),
    Kind.STRING: lambda values: values.map(lambda text: (quoted(text), text)),
    Kind.ENUM: lambda _: st.sampled_from(SYMBOLS).map(lambda symbol: (quoted(symbol), symbol)),
    Kind.DATE: _times(lambda day: day.isoformat()),
    Kind.TIME_MILLIS: _times(lambda time: time.isoformat()),
    Kind.TIME_MICROS: _times(lambda time: time.isoformat()),
    Kind.TIMESTAMP_MILLIS: _instants,
    Kind.TIMESTAMP_MICROS: _instants,
    Kind.LOCAL_TIMESTAMP_MILLIS: _times(lambda moment: moment.isoformat()),
    Kind.LOCAL_TIMESTAMP_MICROS: _times(lambda moment: moment.isoformat(" ")),
    Kind.DECIMAL: _decimals,
    Kind.UUID: lambda values: values.map(lambda value: (quoted(str(value).upper()), uuid.UUID(str(value)))),
}


def row_texts(fields: list[tuple[str, Kind, st.SearchStrategy[Any]]], depth: int = 2) -> st.SearchStrategy[RowText]:
    """Row texts over fields given as (name, kind, strategy of values that are worth comparing with)."""
    tests = st.sampled_from(fields).flatmap(lambda field: _tests(*field))
    if depth == 0:
        return tests
    inner = row_texts(fields, depth - 1)
    joined = st.tuples(st.sampled_from(["AND", "or"]), st.lists(inner, min_size=2, max_size=3)).map(_join)
    return tests | joined | inner.map(_negate)


def _negate(term: RowText) -> RowText:
    return RowText(f"NOT ({term.text})", f"NOT ({term.sql})", lambda record: opposite(term.meaning(record)))


def _join(parts: tuple[str, list[RowText]]) -> RowText:
    word, terms = parts
    rule = both if word.upper() == "AND" else either
    text, sql = (f" {word} ".join(f"({getattr(term, side)})" for term in terms) for side in ("text", "sql"))
    return RowText(text, sql, lambda record: rule(term.meaning(record) for term in terms))


@st.composite
def _tests(draw: st.DrawFn, name: str, kind: Kind, values: st.SearchStrategy[Any]) -> RowText:
    forms = ["compare", "in", "null"]
    if kind not in (Kind.BOOLEAN, Kind.ENUM, Kind.UUID):
        forms.append("between")
    if kind is Kind.STRING:
        forms.append("like")
    form = draw(st.sampled_from(forms))
    word, negated = draw(st.sampled_from([("", False), ("NOT ", True)]))
    if form == "null":
        text = f"{name} IS {word}NULL"
        return RowText(text, text, lambda record: (record[name] is None) is not negated)
    if form == "compare":
        signs = list(_SIGNS) if "between" in forms else ["=", "<>", "!="]
        sign = draw(st.sampled_from(signs))
        text, sql, value = draw(literals(kind, values))
        return RowText(f"{name} {sign} {text}", f"{name} {sign} {sql}", _over(name, kind, lambda each: _SIGNS[sign](each, value)))
    if form == "like":
        prefix = draw(st.sampled_from(["", "a", "ab", "가", "'"]))
        text = f"{name} {word}LIKE {quoted(prefix + '%')}"
        return RowText(text, text, _over(name, kind, lambda each: each.startswith(prefix) is not negated))
    count = (2, 2) if form == "between" else (1, 4)
    drawn = draw(st.lists(literals(kind, values), min_size=count[0], max_size=count[1]))
    if form == "between":
        low, high = drawn
        return RowText(
            f"{name} {word}BETWEEN {low[0]} AND {high[0]}",
            f"{name} {word}BETWEEN {low[1]} AND {high[1]}",
            _over(name, kind, lambda each: (low[2] <= each <= high[2]) is not negated),
        )
    text, sql = (f"{name} {word}IN ({', '.join(each[side] for each in drawn)})" for side in (0, 1))
    return RowText(text, sql, _over(name, kind, lambda each: any(each == value for _, _, value in drawn) is not negated))


def _over(name: str, kind: Kind, holds: Callable[[Any], bool]) -> Callable[[Record], Truth]:
    return lambda record: None if record[name] is None else holds(plain(kind, record[name]))
