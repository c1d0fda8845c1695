"""Row text as a tree: what each part says and where it stands.

Values only; `rows` makes them of text, `row_types` gives them a meaning. A part that cannot be used is a RowsError
at its place.
"""

from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple, TypeAlias


class RowsError(ValueError):
    """Row text that cannot be used: `line` and `column` (from 1) in the text, `what` says what is wrong there and what would be right."""

    def __init__(self, line: int, column: int, what: str) -> None:
        super().__init__(f"line {line}, column {column}: {what}")
        self.line = line
        self.column = column
        self.what = what


class Place(NamedTuple):
    """Line and column, counted from 1."""

    line: int
    column: int


class Form(Enum):
    """How a literal is written."""

    TEXT = "a text"
    NUMBER = "a number"
    BOOLEAN = "TRUE or FALSE"


class Literal(NamedTuple):
    """`text` is without quotes for a text, as written otherwise."""

    form: Form
    text: str
    place: Place


class Name(NamedTuple):
    text: str
    place: Place


@dataclass(frozen=True, slots=True)
class Comparison:
    field: Name
    sign: str
    literal: Literal


@dataclass(frozen=True, slots=True)
class Membership:
    field: Name
    literals: tuple[Literal, ...]


@dataclass(frozen=True, slots=True)
class Interval:
    field: Name
    low: Literal
    high: Literal


@dataclass(frozen=True, slots=True)
class Prefix:
    field: Name
    pattern: Literal


@dataclass(frozen=True, slots=True)
class Absence:
    field: Name


@dataclass(frozen=True, slots=True)
class Negation:
    term: "Node"
    depth: int


@dataclass(frozen=True, slots=True)
class AllOf:
    terms: tuple["Node", ...]
    depth: int


@dataclass(frozen=True, slots=True)
class AnyOf:
    terms: tuple["Node", ...]
    depth: int


Node: TypeAlias = Comparison | Membership | Interval | Prefix | Absence | Negation | AllOf | AnyOf


@dataclass(frozen=True, slots=True)
class Rows:
    """A row text as a tree."""

    text: str
    root: Node
