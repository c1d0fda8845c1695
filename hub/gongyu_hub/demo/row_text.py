"""The reference's own reading of a grant's row text: a hand-written tokenizer and recursive descent into closures.

Enters the text and the fields of the record; leaves a predicate over an image (field name -> plain value) that answers
True, False or None (NULL), as PostgreSQL would in collation "C". Shares nothing with the hub's grammar, so that a
mistake in one of the two shows. Raises RowTextError with the place.
Plain values: see `plain.py`. Literals are cast to the field's logical type when the text is read, never later.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any

from gongyu_hub.demo.literals import LiteralError, Spelling, cast
from gongyu_schemas.fields import Field, Kind

Image = Mapping[str, Any]
Truth = bool | None
Predicate = Callable[[Image], Truth]

_COMPARISONS: Mapping[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq,
    "<>": operator.ne,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_ASKED_FOR_NULL_ONLY = frozenset({Kind.ARRAY, Kind.MAP, Kind.UNION, Kind.RECORD, Kind.BYTES, Kind.FIXED})
_WORDS = frozenset({"AND", "OR", "NOT", "IN", "BETWEEN", "LIKE", "IS", "NULL", "TRUE", "FALSE"})
_SIGNS = ("<=", ">=", "<>", "!=", "<", ">", "=", "(", ")", ",")


class RowTextError(ValueError):
    """The text is not a row predicate on these fields; `at` is the offset of the place in it."""

    def __init__(self, at: int, why: str) -> None:
        super().__init__(f"at {at}: {why}")
        self.at = at


@dataclass(frozen=True, slots=True)
class Token:
    """`kind` is word, name, text, number, a sign itself, or end; `value` is without quotes; words are upper case."""

    kind: str
    value: str
    at: int


def compile_rows(text: str, fields: Sequence[Field]) -> Predicate:
    """The predicate of the text. Raises RowTextError."""
    return _Reader(tuple(read_tokens(text)), {field.name: field for field in fields}).whole()


def read_tokens(text: str) -> Iterable[Token]:
    """The tokens of the text and an end token. Raises RowTextError at a character that starts none."""
    at = 0
    while at < len(text):
        if text[at].isspace():
            at += 1
            continue
        token, at = _read_token(text, at)
        yield token
    yield Token("end", "", len(text))


def _read_token(text: str, at: int) -> tuple[Token, int]:
    first = text[at]
    if first == "'":
        return _read_quoted(text, at)
    if first == '"' or (first.isascii() and (first.isalpha() or first == "_")):
        name, end = _read_part(text, at)
        if first != '"' and name.upper() in _WORDS:
            return Token("word", name.upper(), at), end
        while text.startswith(".", end):
            part, end = _read_part(text, end + 1)
            name = f"{name}.{part}"
        return Token("name", name, at), end
    for sign in _SIGNS:
        if text.startswith(sign, at):
            return Token(sign, sign, at), at + len(sign)
    if first in "+-.0123456789":
        return _read_number(text, at)
    raise RowTextError(at, f"{first!r} is not part of the row grammar")


def _read_part(text: str, at: int) -> tuple[str, int]:
    """One name of a dotted path, perhaps in double quotes."""
    if text.startswith('"', at):
        end = text.find('"', at + 1)
        if end < 0:
            raise RowTextError(at, "the name has no closing quote")
        return text[at + 1 : end], end + 1
    end = _run(text, at, lambda c: c.isascii() and (c.isalnum() or c == "_"))
    if end == at:
        raise RowTextError(at, "a name is missing behind the dot")
    return text[at:end], end


def _read_quoted(text: str, at: int) -> tuple[Token, int]:
    parts, end = [], at + 1
    while True:
        close = text.find("'", end)
        if close < 0:
            raise RowTextError(at, "the text has no closing quote")
        parts.append(text[end:close])
        if not text.startswith("''", close):
            return Token("text", "'".join(parts), at), close + 1
        end = close + 2


def _read_number(text: str, at: int) -> tuple[Token, int]:
    end = _run(text, at + 1, lambda c: c in "0123456789.")
    if text[end : end + 1] in ("e", "E"):
        digits = end + 2 if text[end + 1 : end + 2] in ("+", "-") else end + 1
        end = _run(text, digits, lambda c: c in "0123456789")
    return Token("number", text[at:end], at), end


def _run(text: str, at: int, belongs: Callable[[str], bool]) -> int:
    while at < len(text) and belongs(text[at]):
        at += 1
    return at


def negate(truth: Truth) -> Truth:
    """NOT of three-valued logic."""
    return None if truth is None else not truth


def both(left: Truth, right: Truth) -> Truth:
    """AND of three-valued logic: FALSE wins over NULL."""
    if left is False or right is False:
        return False
    return None if left is None or right is None else True


def either(left: Truth, right: Truth) -> Truth:
    """OR of three-valued logic: TRUE wins over NULL."""
    return negate(both(negate(left), negate(right)))


class _Reader:
    """Recursive descent; each method reads one rule of the grammar and returns its closure."""

    def __init__(self, tokens: tuple[Token, ...], fields: Mapping[str, Field]) -> None:
        self._tokens = tokens
        self._fields = fields
        self._next = 0

    def whole(self) -> Predicate:
        predicate = self._alternatives()
        self._expect("end")
        return predicate

    def _alternatives(self) -> Predicate:
        left = self._conjunction()
        while self._take_word("OR"):
            left = _join(either, left, self._conjunction())
        return left

    def _conjunction(self) -> Predicate:
        left = self._negation()
        while self._take_word("AND"):
            left = _join(both, left, self._negation())
        return left

    def _negation(self) -> Predicate:
        if self._take_word("NOT"):
            return _opposite(self._negation())
        if self._peek().kind == "(":
            self._expect("(")
            inside = self._alternatives()
            self._expect(")")
            return inside
        return self._test()

    def _test(self) -> Predicate:
        field = self._field()
        token = self._peek()
        if field.kind in _ASKED_FOR_NULL_ONLY and token != Token("word", "IS", token.at):
            raise RowTextError(token.at, f"{field.name!r} is {field.kind.value}: only IS NULL can be asked of it")
        if token.kind in _COMPARISONS:
            self._next += 1
            return _compare(field, _COMPARISONS[token.kind], self._literal(field))
        if self._take_word("IS"):
            return self._null_test(field)
        inverted = self._take_word("NOT")
        if self._take_word("IN"):
            test = self._membership(field)
        elif self._take_word("BETWEEN"):
            test = self._range(field)
        elif self._take_word("LIKE"):
            test = self._prefix(field)
        else:
            raise RowTextError(self._peek().at, f"expected a comparison of {field.name!r}")
        return _opposite(test) if inverted else test

    def _null_test(self, field: Field) -> Predicate:
        inverted = self._take_word("NOT")
        self._expect("word", "NULL")
        name = field.name
        return (lambda image: image[name] is not None) if inverted else (lambda image: image[name] is None)

    def _membership(self, field: Field) -> Predicate:
        self._expect("(")
        literals = [self._literal(field)]
        while self._peek().kind == ",":
            self._next += 1
            literals.append(self._literal(field))
        self._expect(")")
        return _any_of([_compare(field, operator.eq, literal) for literal in literals])

    def _range(self, field: Field) -> Predicate:
        low = self._literal(field)
        self._expect("word", "AND")
        high = self._literal(field)
        return _join(both, _compare(field, operator.ge, low), _compare(field, operator.le, high))

    def _prefix(self, field: Field) -> Predicate:
        token = self._expect("text")
        prefix = token.value[:-1]
        if field.kind is not Kind.STRING:
            raise RowTextError(token.at, f"LIKE needs a string field; {field.name!r} is {field.kind.value}")
        if not token.value.endswith("%") or any(special in prefix for special in "%_\\"):
            raise RowTextError(token.at, "LIKE takes a plain prefix and one % at its end")
        name = field.name
        return lambda image: None if image[name] is None else image[name].startswith(prefix)

    def _field(self) -> Field:
        token = self._expect("name")
        if token.value not in self._fields:
            raise RowTextError(token.at, f"{token.value!r} is not a field of the record")
        return self._fields[token.value]

    def _literal(self, field: Field) -> Any:
        token = self._peek()
        self._next += 1
        if token.kind == "word" and token.value == "NULL":
            return None
        if token.kind not in ("text", "number") and not (token.kind == "word" and token.value in ("TRUE", "FALSE")):
            raise RowTextError(token.at, "expected a literal")
        try:
            return cast(field, Spelling(token.kind), token.value)
        except LiteralError as error:
            raise RowTextError(token.at, str(error)) from error

    def _peek(self) -> Token:
        return self._tokens[self._next]

    def _take_word(self, word: str) -> bool:
        token = self._peek()
        found = token.kind == "word" and token.value == word
        self._next += found
        return found

    def _expect(self, kind: str, value: str | None = None) -> Token:
        token = self._peek()
        if token.kind != kind or (value is not None and token.value != value):
            raise RowTextError(token.at, f"expected {value or kind}, found {token.value or token.kind!r}")
        self._next += 1
        return token


def _compare(field: Field, holds: Callable[[Any, Any], bool], literal: Any) -> Predicate:
    """An enum is ordered as its symbols are declared; its literal is already a rank."""
    name, symbols = field.name, field.symbols
    if literal is None:
        return lambda _image: None

    def compare(image: Image) -> Truth:
        value = image[name]
        return None if value is None else holds(value, literal)

    def compare_symbol(image: Image) -> Truth:
        value = image[name]
        return None if value is None else holds(symbols.index(value), literal)

    return compare_symbol if field.kind is Kind.ENUM else compare


def _join(combine: Callable[[Truth, Truth], Truth], left: Predicate, right: Predicate) -> Predicate:
    return lambda image: combine(left(image), right(image))


def _opposite(predicate: Predicate) -> Predicate:
    return lambda image: negate(predicate(image))


def _any_of(predicates: Sequence[Predicate]) -> Predicate:
    return lambda image: reduce(either, (predicate(image) for predicate in predicates))
