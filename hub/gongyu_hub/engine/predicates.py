"""Row predicates on the bytes of records.

Enter a typed row text and a layout, leaves a `Predicate`: a program in postfix order over a small stack of truth
values. `evaluate` runs it over located images: 0 FALSE, 1 TRUE, 2 NULL (PostgreSQL's three-valued logic); an absent
image is FALSE. No value is decoded beyond the fields that are asked for, and nothing can fail.

An instruction is a row of four numbers: code, field, a, b.

| code | pushes | a, b |
|---|---|---|
| IS_NULL | whether the field is null | |
| NUMBER | outcome of comparing a number | the number; accepted outcomes |
| NUMBER_IN | whether a number is in a sorted list | first and last (exclusive) in the numbers |
| TEXT | outcome of comparing bytes | index in the constants; accepted outcomes |
| TEXT_IN | whether bytes are in a sorted list | first and last (exclusive) in the constants |
| PREFIX | whether bytes start so | index in the constants |
| DECIMAL, DECIMAL_IN | as TEXT, for two's complement | |
| NOT | the opposite of the top | |
| AND, OR | both tops joined | |
| UNLESS_TRUE, UNLESS_FALSE | nothing; a top of that value decides: what it is joined with is jumped over | where to go on |
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gongyu_hub.engine.arrays import Buffer, Numbers, Octets, field_borders, numbers, octets
from gongyu_hub.engine.layout import Layout
from gongyu_hub.engine.predicate_kernels import (
    AND,
    DECIMAL,
    DECIMAL_IN,
    IS_NULL,
    NOT,
    NUMBER,
    NUMBER_IN,
    OR,
    PREFIX,
    READ_BYTE,
    READ_DOUBLE,
    READ_FIXED,
    READ_FLOAT,
    READ_LONG,
    TEXT,
    TEXT_IN,
    UNLESS_FALSE,
    UNLESS_TRUE,
    evaluate_all,
)
from gongyu_hub.engine.program import constant_pool, twos_complement
from gongyu_hub.policy.row_types import All, Any, Compared, IsNull, Not, OneOf, StartsWith, Typed, TypedRows
from gongyu_schemas.fields import Field, Kind

_READS = {Kind.BOOLEAN: READ_BYTE, Kind.FLOAT: READ_FLOAT, Kind.DOUBLE: READ_DOUBLE}


@dataclass(frozen=True, slots=True, eq=False)
class Predicate:
    """`code` int64[:, 4]; its `numbers` int64[:] and `constants` uint8[:] between `borders`; `reads`, `null_branches` int64[F].

    `depth` is how many truth values the stack must hold.
    """

    code: Numbers
    numbers: Numbers
    constants: Octets
    borders: Numbers
    reads: Numbers
    null_branches: Numbers
    depth: int


def compile_predicate(typed: TypedRows, layout: Layout) -> Predicate:
    """The program of a typed row text for records of a layout. Raises ValueError if the text was typed for other fields."""
    if _identities(typed.fields) != _identities(layout.fields):
        raise ValueError("the row text was typed for other fields than the layout has")
    compiler = _Compiler(typed.fields)
    depth = compiler.compile(typed.root)
    constants, borders = constant_pool(compiler.constants)
    return Predicate(
        code=numbers(np.array(compiler.rows, dtype=np.int64), 2),
        numbers=numbers(np.array(compiler.numbers, dtype=np.int64)),
        constants=octets(constants),
        borders=numbers(borders),
        reads=numbers([READ_FIXED if field.size else _READS.get(field.kind, READ_LONG) for field in layout.fields]),
        null_branches=layout.null_branches,
        depth=depth,
    )


def evaluate(predicate: Predicate, buffer: Buffer, fields: ArrayLike) -> NDArray[np.uint8]:
    """uint8[n]: 0 FALSE, 1 TRUE, 2 NULL for each located image; FALSE for an absent one."""
    content = octets(buffer)
    borders = field_borders(fields, content, predicate.reads.size)
    out = np.zeros(borders.shape[0], dtype=np.uint8)
    stack = np.zeros(predicate.depth, dtype=np.uint8)
    evaluate_all(
        predicate.code,
        predicate.numbers,
        predicate.constants,
        predicate.borders,
        predicate.reads,
        predicate.null_branches,
        content,
        borders,
        stack,
        out,
    )
    return out


def _identities(fields: tuple[Field, ...]) -> list[tuple[object, ...]]:
    return [(field.name, field.kind, field.symbols, field.scale) for field in fields]


class _Compiler:
    def __init__(self, fields: tuple[Field, ...]) -> None:
        self.rows: list[tuple[int, int, int, int]] = []
        self.numbers: list[int] = []
        self.constants: list[bytes] = []
        self._fields = fields

    def compile(self, node: Typed) -> int:
        """Emits the program of a node; gives the depth of the stack it needs."""
        match node:
            case Not(term):
                depth = self.compile(term)
                self.rows.append((NOT, 0, 0, 0))
                return depth
            case All(terms):
                return self._join(terms, AND, UNLESS_FALSE)
            case Any(terms):
                return self._join(terms, OR, UNLESS_TRUE)
            case Compared(index, value, accepted):
                self._compare(index, value, accepted)
            case OneOf(index, values):
                self._one_of(index, values)
            case StartsWith(index, prefix):
                self.rows.append((PREFIX, index, self._constant(prefix), 0))
            case IsNull(index):
                self.rows.append((IS_NULL, index, 0, 0))
        return 1

    def _join(self, terms: tuple[Typed, ...], join: int, unless: int) -> int:
        depth = self.compile(terms[0])
        exits = []
        for term in terms[1:]:
            exits.append(len(self.rows))
            self.rows.append((unless, 0, 0, 0))
            depth = max(depth, 1 + self.compile(term))
            self.rows.append((join, 0, 0, 0))
        for each in exits:
            self.rows[each] = (unless, 0, len(self.rows), 0)
        return depth

    def _compare(self, index: int, value: int | bytes, accepted: int) -> None:
        if isinstance(value, bytes):
            self.rows.append((TEXT, index, self._constant(value), accepted))
        elif self._fields[index].kind is Kind.DECIMAL:
            self.rows.append((DECIMAL, index, self._constant(twos_complement(value)), accepted))
        else:
            self.rows.append((NUMBER, index, value, accepted))

    def _one_of(self, index: int, values: tuple[int, ...] | tuple[bytes, ...]) -> None:
        kind = self._fields[index].kind
        if kind in (Kind.STRING, Kind.UUID, Kind.DECIMAL):
            first = len(self.constants)
            self.constants += [value if isinstance(value, bytes) else twos_complement(value) for value in values]
            self.rows.append((DECIMAL_IN if kind is Kind.DECIMAL else TEXT_IN, index, first, len(self.constants)))
        else:
            first = len(self.numbers)
            self.numbers += [value for value in values if isinstance(value, int)]
            self.rows.append((NUMBER_IN, index, first, len(self.numbers)))

    def _constant(self, value: bytes) -> int:
        self.constants.append(value)
        return len(self.constants) - 1
