"""Row text against a record: every name a field, every literal a value of that field.

Enters the tree of a row text and the fields of a record; leaves a `TypedRows` in the few forms that the engine
evaluates. An unknown field, a literal that does not fit, a comparison that the field's kind does not have:
RowsError with the exact place. A typed row text cannot fail on any record.

Meaning: PostgreSQL's three-valued logic; strings in the order of code points (collation "C"); NaN equals NaN and is
greater than every other number; decimals are compared exactly, also with literals of more digits than they hold.
Boolean, enum and uuid have = <> and IN only; LIKE is for strings. Of arrays, maps, unions, bytes and nullable records only IS NULL
can be asked. A field inside a record that is null is NULL.
"""

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import TypeAlias

from gongyu_hub.policy.row_literals import cast_literal, cast_text, refusal
from gongyu_hub.policy.row_tree import (
    Absence,
    AllOf,
    AnyOf,
    Comparison,
    Interval,
    Literal,
    Membership,
    Name,
    Negation,
    Node,
    Prefix,
    Rows,
    RowsError,
)
from gongyu_schemas.fields import COMPARABLE, Field, Kind
from gongyu_schemas.granted import record_names

LESS, EQUAL, GREATER = 1, 2, 4  # of a comparison's three outcomes, those that make it TRUE
_ACCEPTED = {"<": LESS, "<=": LESS | EQUAL, "=": EQUAL, ">=": GREATER | EQUAL, ">": GREATER, "<>": LESS | GREATER, "!=": LESS | GREATER}
_WITHOUT_ORDER = frozenset({Kind.BOOLEAN, Kind.ENUM, Kind.UUID})


@dataclass(frozen=True, slots=True)
class Compared:
    """TRUE if comparing field `index` with `value` (int, or bytes for strings and uuids) ends in one of the `accepted` outcomes."""

    index: int
    value: int | bytes
    accepted: int


@dataclass(frozen=True, slots=True)
class OneOf:
    """TRUE if field `index` equals one of `values`, which rise and are distinct; all are int or all are bytes."""

    index: int
    values: tuple[int, ...] | tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class StartsWith:
    index: int
    prefix: bytes


@dataclass(frozen=True, slots=True)
class IsNull:
    index: int


@dataclass(frozen=True, slots=True)
class Not:
    term: "Typed"


@dataclass(frozen=True, slots=True)
class All:
    terms: tuple["Typed", ...]


@dataclass(frozen=True, slots=True)
class Any:
    terms: tuple["Typed", ...]


Typed: TypeAlias = Compared | OneOf | StartsWith | IsNull | Not | All | Any


@dataclass(frozen=True, slots=True)
class TypedRows:
    """A row text for records of these fields."""

    fields: tuple[Field, ...]
    root: Typed


def type_rows(rows: Rows, fields: tuple[Field, ...]) -> TypedRows:
    """The row text with fields and values. Raises RowsError."""
    return TypedRows(fields, _Typing(fields).type(rows.root))


class _Typing:
    def __init__(self, fields: tuple[Field, ...]) -> None:
        self._fields = fields
        self._indices = {field.name: index for index, field in enumerate(fields)}

    def type(self, node: Node) -> Typed:
        match node:
            case Negation(term):
                return Not(self.type(term))
            case AllOf(terms):
                return All(tuple(self.type(term) for term in terms))
            case AnyOf(terms):
                return Any(tuple(self.type(term) for term in terms))
            case Comparison(name, sign, literal):
                return self._compare(self._comparable(name), sign, literal)
            case Interval(name, low, high):
                index = self._comparable(name)
                return All((self._compare(index, ">=", low), self._compare(index, "<=", high)))
            case Membership(name, literals):
                return self._one_of(self._comparable(name), literals)
            case Prefix(name, pattern):
                return self._starts_with(self._comparable(name), pattern)
            case Absence(name):
                return IsNull(self._find(name))

    def _comparable(self, name: Name) -> int:
        index = self._find(name)
        kind = self._fields[index].kind
        if kind not in COMPARABLE:
            raise RowsError(*name.place, f"{name.text!r} is {kind.value}: only IS NULL and IS NOT NULL can be asked of it")
        return index

    def _find(self, name: Name) -> int:
        if name.text in self._indices:
            return self._indices[name.text]
        if name.text in record_names(self._fields):
            raise RowsError(*name.place, f"{name.text!r} is a record that is never null: name one of its fields, as in {name.text}.x")
        raise RowsError(*name.place, f"there is no field {name.text!r}; the fields are {', '.join(self._indices)}")

    def _compare(self, index: int, sign: str, literal: Literal) -> Typed:
        field, accepted = self._fields[index], _ACCEPTED[sign]
        if field.kind in _WITHOUT_ORDER and accepted not in (EQUAL, LESS | GREATER):
            raise refusal(literal, f"{field.name!r} is {field.kind.value}: it has no order; use =, <> or IN")
        value = cast_literal(field, literal)
        if isinstance(value, Fraction):
            return _compare_fraction(index, value, accepted)
        return Compared(index, value, accepted)

    def _one_of(self, index: int, literals: tuple[Literal, ...]) -> Typed:
        field = self._fields[index]
        numbers: set[int] = set()
        texts: set[bytes] = set()
        for literal in literals:
            value = cast_literal(field, literal)
            if isinstance(value, bytes):
                texts.add(value)
            elif value == math.floor(value):  # a fraction of the last decimal place equals no decimal
                numbers.add(int(value))
        return OneOf(index, tuple(sorted(texts)) if texts else tuple(sorted(numbers)))

    def _starts_with(self, index: int, pattern: Literal) -> Typed:
        field = self._fields[index]
        if field.kind is not Kind.STRING:
            raise refusal(pattern, f"{field.name!r} is {field.kind.value}: LIKE is for strings")
        body = pattern.text.removesuffix("%")
        for offset, character in enumerate(body):
            if character in "%_\\":
                raise _refuse_at(pattern, offset, f"{character!r} is not allowed here: LIKE takes a plain prefix and one % at its end")
        if body == pattern.text:
            raise refusal(pattern, "LIKE takes a prefix with one % at its end; without it, use =")
        return StartsWith(index, cast_text(pattern._replace(text=body)))


def _compare_fraction(index: int, value: Fraction, accepted: int) -> Compared:
    """A number between two decimals is compared as the lower one, which then counts as less than it."""
    below = math.floor(value)
    if below == value:
        return Compared(index, below, accepted)
    return Compared(index, below, (LESS | EQUAL if accepted & LESS else 0) | (accepted & GREATER))


def _refuse_at(literal: Literal, offset: int, what: str) -> RowsError:
    """The error at a character of a text: behind the opening quote, quotes before it written twice, lines counted."""
    before = literal.text[:offset].replace("'", "''")
    line, column = literal.place
    if "\n" in before:
        return RowsError(line + before.count("\n"), len(before) - before.rindex("\n"), what)
    return RowsError(line, column + 1 + len(before), what)
