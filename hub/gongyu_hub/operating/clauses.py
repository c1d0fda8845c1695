"""Row text judged clause by clause on one image, with the engine that decides: what each part says there, and which parts settle it.

Pure. Enters a row text, a layout and a located image; leaves the parts in the order of the text, each below the one it
belongs to.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from gongyu_hub.engine.layout import Layout
from gongyu_hub.engine.predicates import compile_predicate, evaluate
from gongyu_hub.policy.row_tree import (
    Absence,
    AllOf,
    AnyOf,
    Comparison,
    Form,
    Interval,
    Literal,
    Membership,
    Negation,
    Node,
    Place,
    Prefix,
    Rows,
)
from gongyu_hub.policy.rows import parse_rows, type_rows
from gongyu_hub.values import Bytes, Ints

RESULTS = ("FALSE", "TRUE", "NULL")
TRUE = "TRUE"


@dataclass(frozen=True, slots=True)
class Clause:
    """A part of a row text. `depth` 0 is the whole; `settles`: the result of the whole is its result, or follows from it."""

    place: Place
    text: str
    depth: int
    result: str
    settles: bool


def judge(text: str, layout: Layout, buffer: Bytes, fields: Ints) -> list[Clause]:
    """`fields` int64[1, F + 1]: where the image's fields are in the buffer."""

    def result(node: Node) -> str:
        predicate = compile_predicate(type_rows(Rows(text, node), layout.fields), layout)
        return RESULTS[int(evaluate(predicate, buffer, fields)[0])]

    def walk(node: Node, depth: int, settles: bool) -> Iterator[Clause]:
        own = result(node)
        yield Clause(_place(node), _tell(node), depth, own, settles)
        terms = _terms(node)
        results = [result(term) for term in terms]
        for term, of_term in zip(terms, results, strict=True):
            yield from walk(term, depth + 1, settles and _settles(node, own, of_term))

    return list(walk(parse_rows(text).root, 0, True))


def _terms(node: Node) -> tuple[Node, ...]:
    match node:
        case AllOf(terms) | AnyOf(terms):
            return terms
        case Negation(term):
            return (term,)
    return ()


def _settles(node: Node, result: str, of_term: str) -> bool:
    """AND and OR have the result of those parts that have it too; NOT always that of its part."""
    return of_term == result if isinstance(node, AllOf | AnyOf) else True


def _place(node: Node) -> Place:
    while terms := _terms(node):
        node = terms[0]
    assert isinstance(node, Comparison | Membership | Interval | Prefix | Absence)  # noqa: S101 - what has no terms names a field
    return node.field.place


def _tell(node: Node) -> str:
    """As the row text says it, blanks apart."""
    match node:
        case AllOf():
            return "AND"
        case AnyOf():
            return "OR"
        case Negation():
            return "NOT"
        case Comparison(field, sign, literal):
            return f"{field.text} {sign} {_show(literal)}"
        case Membership(field, literals):
            return f"{field.text} IN ({', '.join(map(_show, literals))})"
        case Interval(field, low, high):
            return f"{field.text} BETWEEN {_show(low)} AND {_show(high)}"
        case Prefix(field, pattern):
            return f"{field.text} LIKE {_show(pattern)}"
        case Absence(field):
            return f"{field.text} IS NULL"


def _show(literal: Literal) -> str:
    return "'" + literal.text.replace("'", "''") + "'" if literal.form is Form.TEXT else literal.text
