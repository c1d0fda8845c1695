"""A writer schema compiled to a layout program.

Enters the envelope schema of an owner topic (parsed JSON); leaves a `Layout`: the fields of the record, and the
program that finds them in a message. The envelope's fields `before`, `after`, `op`, `ts_ms` and `source.act` are
found by name in any order; `before`, `source` and `source.act` may be missing; every other field is passed over by
its layout, whatever its type. What cannot be laid out (recursive types, records that are not flat, an envelope
without what a change needs) is a LayoutError with its place.

Values outside what their kind can hold (`value_ranges`; decimals beyond their precision or without any byte) are faults too.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from gongyu_hub.engine.arrays import Numbers, octets
from gongyu_hub.engine.arrays import numbers as sealed_numbers
from gongyu_hub.engine.program import (
    BLOCK,
    BOOLEAN,
    DECIMAL,
    EMPTY_BLOCKS,
    END,
    ENUM,
    FIXED,
    INTEGER,
    ITEM,
    JUMP,
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
from gongyu_hub.engine.schema_names import LayoutError, inline_names
from gongyu_hub.engine.value_ranges import INT, LONG, RANGES
from gongyu_schemas.fields import Field, Kind, UnsupportedSchema, read_fields

__all__ = ["Layout", "LayoutError", "Marks", "compile_layout"]

MAX_INSTRUCTIONS = 100_000  # a schema that unfolds to more is a trap, not a register

_LOOSE = frozenset({Kind.FLOAT, Kind.DOUBLE, Kind.DECIMAL})
_PLAIN = {
    "boolean": (BOOLEAN, 0, 0),
    "int": (INTEGER, *INT),
    "long": (INTEGER, *LONG),
    "float": (FIXED, 4, 0),
    "double": (FIXED, 8, 0),
    "bytes": (OCTETS, 0, 0),
    "string": (STRING, 0, 0),
}


@dataclass(frozen=True, slots=True)
class Marks:
    """Where a run leaves its positions. A record's marks are the starts of its fields and its end."""

    after: int
    before: int
    op: int
    ts_ms: int
    act: int
    act_end: int
    count: int

    @staticmethod
    def of(fields: int) -> "Marks":
        base = 2 * (fields + 1)
        return Marks(after=0, before=fields + 1, op=base, ts_ms=base + 1, act=base + 2, act_end=base + 3, count=base + 4)


@dataclass(frozen=True, slots=True, eq=False)
class Layout:
    """The layout of one writer schema.

    `fields` are the record's; `loose` says that equal values may differ in bytes (float, double, decimal). `program` starts
    with the envelope; at `image` starts the program of a bare record. `null_branches` int64[F]: the branch of null, -1 where
    a field is never null.
    """

    fields: tuple[Field, ...]
    loose: bool
    program: Program
    image: int
    marks: Marks
    null_branches: Numbers


def compile_layout(envelope_schema: Any) -> Layout:
    """The layout of an owner topic's writer schema. Raises LayoutError."""
    envelope = inline_names(envelope_schema)
    if not isinstance(envelope, dict) or envelope["type"] != "record":
        raise LayoutError("schema", "the envelope must be a record")
    parts = {field["name"]: field["type"] for field in envelope["fields"]}
    if len(parts) != len(envelope["fields"]):
        raise LayoutError("schema", "a field of the envelope is declared twice")
    record = _find_record(parts)
    try:
        fields = read_fields(record)
    except UnsupportedSchema as error:
        raise LayoutError(f"after.{error.place}", error.why) from error
    assembler = _Assembler(fields)
    assembler.envelope(parts)
    image = assembler.size
    assembler.record(assembler.marks.after)
    assembler.end()
    return Layout(
        fields=fields,
        loose=any(field.kind in _LOOSE for field in fields),
        program=assembler.program(),
        image=image,
        marks=assembler.marks,
        null_branches=sealed_numbers([field.null_branch for field in fields]),
    )


def _find_record(parts: dict[str, Any]) -> Any:
    """The record schema that `before` and `after` share; checks the envelope's own fields."""
    for name in ("after", "op", "ts_ms"):
        if name not in parts:
            raise LayoutError(name, "the envelope has no such field; a change needs after, op and ts_ms")
    record = _other_branch(parts["after"])
    if _base(record) != "record":
        raise LayoutError("after", "must be a union of null and the record")
    if "before" in parts and _other_branch(parts["before"]) != record:
        raise LayoutError("before", "must be a union of null and the same record as in `after`")
    if _base(parts["op"]) != "string":
        raise LayoutError("op", "must be a string")
    if _base(parts["ts_ms"]) != "long" and _base(_other_branch(parts["ts_ms"])) != "long":
        raise LayoutError("ts_ms", "must be a long, or a union of null and long")
    return record


def _base(schema: Any) -> Any:
    return schema["type"] if isinstance(schema, dict) else schema


def _other_branch(schema: Any) -> Any:
    """The type beside null in a union of two; None if the schema is not such a union."""
    if not isinstance(schema, list) or len(schema) != 2 or [_base(branch) for branch in schema].count("null") != 1:
        return None
    return schema[1] if _base(schema[0]) == "null" else schema[0]


class _Assembler:
    """Writes the instructions of one layout."""

    def __init__(self, fields: tuple[Field, ...]) -> None:
        self.marks = Marks.of(len(fields))
        self._fields = fields
        self._rows: list[list[int]] = []
        self._constants: list[bytes] = []
        self._counters = 0

    @property
    def size(self) -> int:
        return len(self._rows)

    def program(self) -> Program:
        constants, borders = constant_pool(self._constants)
        return Program(
            code=sealed_numbers(np.array(self._rows, dtype=np.int64), 2),
            constants=octets(constants),
            borders=sealed_numbers(borders),
            marks=self.marks.count,
            counters=2 * self._counters,
        )

    def envelope(self, parts: dict[str, Any]) -> None:
        for name, schema in parts.items():
            if name in ("after", "before"):
                self._image(schema, self.marks.after if name == "after" else self.marks.before)
            elif name == "source" and _base(schema) == "record":
                self._source(schema)
            else:
                self._value(schema, name, 0, {"op": self.marks.op, "ts_ms": self.marks.ts_ms}.get(name, -1))
        self.end()

    def end(self) -> None:
        self._emit(END)

    def record(self, mark: int) -> None:
        for index, field in enumerate(self._fields):
            if field.nullable:
                union = self._emit(NULLABLE, mark + index, field.null_branch)
                self._field(field, -1)
                self._rows[union][3] = self.size
            else:
                self._field(field, mark + index)
        self._emit(PASS, mark + len(self._fields))

    def _image(self, union: Any, mark: int) -> None:
        head = self._emit(NULLABLE, -1, 0 if _base(union[0]) == "null" else 1)
        self.record(mark)
        self._rows[head][3] = self.size

    def _source(self, source: Any) -> None:
        for field in source["fields"]:
            is_act = field["name"] == "act"
            if is_act and [_base(branch) for branch in field["type"]] != ["null", "string"]:
                raise LayoutError("source.act", 'must be the union ["null", "string"], in this order')
            self._value(field["type"], f"source.{field['name']}", 0, self.marks.act if is_act else -1, marks_union=is_act)
            if is_act:
                self._emit(PASS, self.marks.act_end)

    def _field(self, field: Field, mark: int) -> None:
        kind = field.kind
        if kind in RANGES:
            self._emit(INTEGER, mark, *RANGES[kind])
        elif kind is Kind.ENUM:
            self._emit(ENUM, mark, len(field.symbols))
        elif kind is Kind.UUID:
            self._emit(UUID, mark)
        elif kind is Kind.DECIMAL:
            self._emit(DECIMAL, mark, len(self._constants))
            highest = 10**field.precision - 1
            self._constants += [twos_complement(-highest), twos_complement(highest)]
        else:
            code, a, b = _PLAIN[kind.value]
            self._emit(code, mark, a, b)

    def _value(self, schema: Any, place: str, depth: int, mark: int = -1, *, marks_union: bool = False) -> None:
        """Any type; the mark is set where the value starts (behind a null union's branch, unless it is the union that is wanted)."""
        base = _base(schema)
        if isinstance(schema, list):
            self._union(schema, place, depth, mark, marks_union=marks_union)
        elif base in _PLAIN:
            self._emit(_PLAIN[base][0], mark, *_PLAIN[base][1:])
        elif base == "enum":
            self._emit(ENUM, mark, len(schema.get("symbols", ())))
        elif base == "fixed":
            self._fixed(schema, place)
        elif base == "record":
            for field in schema["fields"]:
                self._value(field["type"], f"{place}.{field['name']}", depth)
        elif base in ("array", "map"):
            self._blocks(schema, place, depth)

    def _union(self, branches: list[Any], place: str, depth: int, mark: int, *, marks_union: bool) -> None:
        inner = -1 if marks_union else mark
        if _other_branch(branches) is not None:
            head = self._emit(NULLABLE, mark if marks_union else -1, 0 if _base(branches[0]) == "null" else 1)
            self._value(_other_branch(branches), place, depth, inner)
            self._rows[head][3] = self.size
            return
        if not branches or any(isinstance(branch, list) for branch in branches):
            raise LayoutError(place, "a union needs branches, none of which is a union")
        self._emit(UNION, -1, len(branches))
        heads = [self._emit(JUMP) for _ in branches]
        exits = []
        for head, branch in zip(heads, branches, strict=True):
            self._rows[head][2] = self.size
            self._value(branch, place, depth)
            exits.append(self._emit(JUMP))
        for each in exits:
            self._rows[each][2] = self.size

    def _blocks(self, schema: Any, place: str, depth: int) -> None:
        is_map = schema["type"] == "map"
        items = schema["values" if is_map else "items"]
        if not is_map and not _has_bytes(items):
            self._emit(EMPTY_BLOCKS)
            return
        self._counters = max(self._counters, depth + 1)
        head = self._emit(BLOCK, -1, depth)
        if is_map:
            self._emit(STRING)
        self._value(items, place, depth + 1)
        self._emit(ITEM, -1, depth, head + 1)
        self._rows[head][3] = self.size

    def _fixed(self, schema: Any, place: str) -> None:
        size = schema.get("size")
        if not isinstance(size, int) or isinstance(size, bool) or not 0 <= size < 2**31:
            raise LayoutError(place, "a fixed needs a size from 0 to 2^31 - 1")
        if size:
            self._emit(FIXED, -1, size)

    def _emit(self, code: int, mark: int = -1, a: int = 0, b: int = 0) -> int:
        if self.size >= MAX_INSTRUCTIONS:
            raise LayoutError("schema", f"the schema unfolds to more than {MAX_INSTRUCTIONS} values")
        self._rows.append([code, mark, a, b])
        return self.size - 1


def _has_bytes(schema: Any) -> bool:
    """Whether a value of this type takes at least one byte; if not, it never takes any."""
    base = _base(schema)
    if base == "record":
        return any(_has_bytes(field["type"]) for field in schema["fields"])
    return not (base == "null" or (base == "fixed" and schema.get("size") == 0))
