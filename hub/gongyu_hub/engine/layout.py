"""A writer schema compiled to a layout program.

Enters the envelope schema of an owner topic (parsed JSON); leaves a `Layout`: the fields of the record, and the
program that finds them in a message. The envelope's fields `before`, `after`, `op`, `ts_ms` and `source.act` are
found by name in any order; `before`, `source` and `source.act` may be missing; every other field is passed over by
its layout, whatever its type. What cannot be laid out (recursive types, an envelope without what a change needs) is a
LayoutError with its place.

Values outside what their kind can hold (`value_ranges`; decimals beyond their precision or without any byte) are faults too.
"""

from dataclasses import dataclass
from typing import Any

from gongyu_hub.engine.arrays import Numbers, numbers
from gongyu_hub.engine.assembler import Assembler
from gongyu_hub.engine.program import BOOLEAN, EMPTY_BLOCKS, ENUM, FIXED, INTEGER, NULLABLE, OCTETS, PASS, STRING, Program
from gongyu_hub.engine.value_ranges import INT, LONG
from gongyu_schemas.fields import Field, Kind, read_inlined
from gongyu_schemas.named_types import UnsupportedSchema, inline_names

__all__ = ["Layout", "LayoutError", "Marks", "compile_layout"]

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

    `fields` are the record's, nested records taken apart; `loose` says that equal values may differ in bytes, `compound` are the
    places of fields for which only their decoded values can tell (arrays, maps, unions with such in them). `program` starts
    with the envelope; at `image` starts the program of a bare record. `null_branches` int64[F]: the branch of null, -1 where
    a field itself is never null.
    """

    fields: tuple[Field, ...]
    loose: bool
    compound: tuple[int, ...]
    program: Program
    image: int
    marks: Marks
    null_branches: Numbers


class LayoutError(ValueError):
    """A schema that the engine cannot lay out: `place` is a dotted path, `why` says what is wrong with it."""

    def __init__(self, place: str, why: str) -> None:
        super().__init__(f"{place}: {why}")
        self.place = place
        self.why = why


def compile_layout(envelope_schema: Any) -> Layout:
    """The layout of an owner topic's writer schema. Raises LayoutError."""
    try:
        return _compile(inline_names(envelope_schema))
    except UnsupportedSchema as error:
        raise LayoutError(error.place, error.why) from error


def _compile(envelope: Any) -> Layout:
    if not isinstance(envelope, dict) or envelope["type"] != "record":
        raise LayoutError("schema", "the envelope must be a record")
    parts = {field["name"]: field["type"] for field in envelope["fields"]}
    if len(parts) != len(envelope["fields"]):
        raise LayoutError("schema", "a field of the envelope is declared twice")
    record = _find_record(parts)
    try:
        fields = read_inlined(record)
    except UnsupportedSchema as error:
        raise LayoutError(f"after.{error.place}", error.why) from error
    marks = Marks.of(len(fields))
    assembler = _EnvelopeAssembler(fields, marks)
    assembler.envelope(parts)
    image = assembler.size
    assembler.record(fields, marks.after)
    assembler.end()
    return Layout(
        fields=fields,
        loose=any(map(_is_loose, fields)),
        compound=tuple(index for index, field in enumerate(fields) if field.parts and _is_loose(field)),
        program=assembler.program(marks.count),
        image=image,
        marks=marks,
        null_branches=numbers([field.null_branch for field in fields]),
    )


def _is_loose(field: Field) -> bool:
    """Whether equal values may differ in bytes. A decimal that is fixed has no sign bytes to spare."""
    if field.kind in (Kind.FLOAT, Kind.DOUBLE, Kind.ARRAY, Kind.MAP):
        return True
    return field.size == 0 if field.kind is Kind.DECIMAL else any(map(_is_loose, field.parts))


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


class _EnvelopeAssembler(Assembler):
    """Writes the envelope around the record's fields."""

    def __init__(self, fields: tuple[Field, ...], marks: Marks) -> None:
        super().__init__()
        self._record = fields
        self._marks = marks

    def envelope(self, parts: dict[str, Any]) -> None:
        for name, schema in parts.items():
            if name in ("after", "before"):
                self._image(schema, self._marks.after if name == "after" else self._marks.before)
            elif name == "source" and _base(schema) == "record":
                self._source(schema)
            else:
                self._any(schema, name, 0, {"op": self._marks.op, "ts_ms": self._marks.ts_ms}.get(name, -1))
        self.end()

    def _image(self, union: Any, mark: int) -> None:
        head = self.emit(NULLABLE, -1, 0 if _base(union[0]) == "null" else 1)
        self.record(self._record, mark)
        self.rows[head][3] = self.size

    def _source(self, source: Any) -> None:
        for field in source["fields"]:
            is_act = field["name"] == "act"
            if is_act and [_base(branch) for branch in field["type"]] != ["null", "string"]:
                raise LayoutError("source.act", 'must be the union ["null", "string"], in this order')
            self._any(field["type"], f"source.{field['name']}", 0, self._marks.act if is_act else -1, marks_union=is_act)
            if is_act:
                self.emit(PASS, self._marks.act_end)

    def _any(self, schema: Any, place: str, depth: int, mark: int = -1, *, marks_union: bool = False) -> None:
        """Any type; the mark is set where the value starts (behind a null union's branch, unless it is the union that is wanted)."""
        base = _base(schema)
        if isinstance(schema, list):
            self._union(schema, place, depth, mark, marks_union=marks_union)
        elif base in _PLAIN:
            self.emit(_PLAIN[base][0], mark, *_PLAIN[base][1:])
        elif base == "enum":
            self.emit(ENUM, mark, len(schema.get("symbols", ())))
        elif base == "fixed":
            self._fixed(schema, place)
        elif base == "record":
            for field in schema["fields"]:
                self._any(field["type"], f"{place}.{field['name']}", depth)
        elif base in ("array", "map"):
            self._items(schema, place, depth)

    def _union(self, branches: list[Any], place: str, depth: int, mark: int, *, marks_union: bool) -> None:
        inner = -1 if marks_union else mark
        if _other_branch(branches) is not None:
            head = self.emit(NULLABLE, mark if marks_union else -1, 0 if _base(branches[0]) == "null" else 1)
            self._any(_other_branch(branches), place, depth, inner)
            self.rows[head][3] = self.size
            return
        if not branches or any(isinstance(branch, list) for branch in branches):
            raise LayoutError(place, "a union needs branches, none of which is a union")
        written = self.branches(len(branches), -1)
        for branch in branches:
            written.begin()
            self._any(branch, place, depth)
            written.end()
        written.close()

    def _items(self, schema: Any, place: str, depth: int) -> None:
        is_map = schema["type"] == "map"
        items = schema["values" if is_map else "items"]
        if not is_map and not _has_bytes(items):
            self.emit(EMPTY_BLOCKS)
            return
        head = self.blocks(depth)
        if is_map:
            self.emit(STRING)
        self._any(items, place, depth + 1)
        self.close_blocks(head, depth)

    def _fixed(self, schema: Any, place: str) -> None:
        size = schema.get("size")
        if not isinstance(size, int) or isinstance(size, bool) or not 0 <= size < 2**31:
            raise LayoutError(place, "a fixed needs a size from 0 to 2^31 - 1")
        if size:
            self.emit(FIXED, -1, size)


def _has_bytes(schema: Any) -> bool:
    """Whether a value of this type takes at least one byte; if not, it never takes any."""
    base = _base(schema)
    if base == "record":
        return any(_has_bytes(field["type"]) for field in schema["fields"])
    return not (base == "null" or (base == "fixed" and schema.get("size") == 0))
