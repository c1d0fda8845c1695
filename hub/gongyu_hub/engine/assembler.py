"""Writes the instructions of a layout program for the fields of a record.

Enters fields in record order and the number of the first mark; leaves instructions that set one mark at the start of each
field and one behind the last. The fields of a nested record that is null are empty: their marks are set where it is, by a
row of instructions that stands apart, so that records that are there do not pay for it.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from gongyu_hub.engine.arrays import numbers, octets
from gongyu_hub.engine.blocks import COUNTERS
from gongyu_hub.engine.program import (
    BLOCK,
    BOOLEAN,
    DECIMAL,
    END,
    ENUM,
    FIXED,
    FIXED_DECIMAL,
    INTEGER,
    ITEM,
    JUMP,
    KEY,
    MAP,
    NULLABLE,
    OCTETS,
    PASS,
    STRING,
    UNION,
    UUID,
    Program,
    constant_pool,
    twos_complement,
)
from gongyu_hub.engine.value_ranges import RANGES
from gongyu_schemas.fields import Field, Kind
from gongyu_schemas.named_types import UnsupportedSchema

MAX_INSTRUCTIONS = 100_000  # a schema that unfolds to more is a trap, not a register

_SIMPLE = {
    Kind.BOOLEAN: (BOOLEAN, 0),
    Kind.FLOAT: (FIXED, 4),
    Kind.DOUBLE: (FIXED, 8),
    Kind.STRING: (STRING, 0),
    Kind.BYTES: (OCTETS, 0),
    Kind.UUID: (UUID, 0),
}


class _Absence(NamedTuple):
    """Where a nested record is null: the instruction that found it, the marks to set, and where to go on."""

    head: int
    marks: range
    after: int


class Assembler:
    """Instructions so far."""

    def __init__(self) -> None:
        self.rows: list[list[int]] = []
        self._constants: list[bytes] = []
        self._depth = 0
        self._absences: list[_Absence] = []

    @property
    def size(self) -> int:
        return len(self.rows)

    def program(self, marks: int) -> Program:
        constants, borders = constant_pool(self._constants)
        return Program(
            code=numbers(np.array(self.rows, dtype=np.int64), 2),
            constants=octets(constants),
            borders=numbers(borders),
            marks=marks,
            counters=COUNTERS * self._depth,
            has_maps=any(row[0] == KEY for row in self.rows),
        )

    def emit(self, code: int, mark: int = -1, a: int = 0, b: int = 0) -> int:
        if self.size >= MAX_INSTRUCTIONS:
            raise UnsupportedSchema("schema", f"the schema unfolds to more than {MAX_INSTRUCTIONS} values")
        self.rows.append([code, mark, a, b])
        return self.size - 1

    def end(self) -> None:
        """The program is done; behind its end stand the absences."""
        self.emit(END)
        for absence in self._absences:
            self.rows[absence.head][3] = self.size
            for mark in absence.marks:
                self.emit(PASS, mark)
            self.emit(JUMP, -1, absence.after)
        self._absences.clear()

    def record(self, fields: Sequence[Field], mark: int) -> None:
        """Fields as `flatten` gives them: those of a nullable record follow it, under its name."""
        self._fields(fields, mark)
        self.emit(PASS, mark + len(fields))

    def value(self, field: Field, mark: int, depth: int) -> None:
        """A value with its union of null; the mark is set where that starts."""
        if not field.nullable or field.kind is Kind.UNION:
            self._plain(field, mark, depth)
            return
        head = self.emit(NULLABLE, mark, field.null_branch)
        self._plain(field, -1, depth)
        self.rows[head][3] = self.size

    def blocks(self, depth: int) -> int:
        """Opens the blocks of an array or map; `close_blocks` comes behind the item."""
        self._depth = max(self._depth, depth + 1)
        return self.emit(BLOCK, -1, depth)

    def close_blocks(self, head: int, depth: int) -> None:
        self.emit(ITEM, -1, depth, head + 1)
        self.rows[head][3] = self.size

    def branches(self, count: int, mark: int) -> "Branches":
        self.emit(UNION, mark, count)
        return Branches(self, [self.emit(JUMP) for _ in range(count)])

    def _fields(self, fields: Sequence[Field], mark: int) -> None:
        index = 0
        while index < len(fields):
            field = fields[index]
            if field.kind is not Kind.RECORD:
                self.value(field, mark + index, 0)
                index += 1
                continue
            inner = [each for each in fields[index + 1 :] if each.name.startswith(f"{field.name}.")]
            head = self.emit(NULLABLE, mark + index, field.null_branch)
            self._fields(inner, mark + index + 1)
            behind = index + 1 + len(inner)
            self._absences.append(_Absence(head, range(mark + index + 1, mark + behind), self.size))
            index = behind

    def _plain(self, field: Field, mark: int, depth: int) -> None:
        kind = field.kind
        if kind in RANGES:
            self.emit(INTEGER, mark, *RANGES[kind])
        elif kind in _SIMPLE:
            code, a = _SIMPLE[kind]
            self.emit(code, mark, a)
        elif kind is Kind.ENUM:
            self.emit(ENUM, mark, len(field.symbols))
        elif kind is Kind.FIXED:
            self.emit(FIXED, mark, field.size)
        elif kind is Kind.DECIMAL:
            self._decimal(field, mark)
        else:
            self._compound(field, mark, depth)

    def _decimal(self, field: Field, mark: int) -> None:
        self.emit(FIXED_DECIMAL if field.size else DECIMAL, mark, len(self._constants), field.size)
        highest = 10**field.precision - 1
        self._constants += [twos_complement(-highest), twos_complement(highest)]

    def _compound(self, field: Field, mark: int, depth: int) -> None:
        if field.kind is Kind.UNION:
            branches = self.branches(len(field.parts), mark)
            for part in field.parts:
                branches.begin()
                self.value(part, -1, depth)
                branches.end()
            branches.close()
        elif field.kind is Kind.RECORD:
            for part in field.parts:
                self.value(part, -1, depth)
        elif field.kind is Kind.ARRAY:
            self.emit(PASS, mark)
            head = self.blocks(depth)
            self.value(field.parts[0], -1, depth + 1)
            self.close_blocks(head, depth)
        elif field.kind is Kind.MAP:
            self.emit(MAP, mark, depth)
            head = self.blocks(depth)
            self.emit(KEY, -1, depth)
            self.value(field.parts[0], -1, depth + 1)
            self.close_blocks(head, depth)


class Branches:
    """The branches of a union while they are written: a row of jumps leads to them, each ends with a jump behind the last."""

    def __init__(self, assembler: Assembler, heads: list[int]) -> None:
        self._assembler = assembler
        self._heads = iter(heads)
        self._exits: list[int] = []

    def begin(self) -> None:
        self._assembler.rows[next(self._heads)][2] = self._assembler.size

    def end(self) -> None:
        self._exits.append(self._assembler.emit(JUMP))

    def close(self) -> None:
        for each in self._exits:
            self._assembler.rows[each][2] = self._assembler.size
