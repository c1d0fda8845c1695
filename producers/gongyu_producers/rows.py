"""Cells or an object -> the row's key, subject and image as bytes, or everything that is wrong with it.

A row whose key fields cannot be read has no key: nobody knows which record it is about. A row with a key but other
bad fields has no image. Total: no content of a row raises.

Texts that mean null: a cell of a delimited file has no other way to say it. JSON and Parquet have a null of their own, so
there such a text is null only where it is no value of its field: the empty text is no date, but it may be a name.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from gongyu_producers.columns import Columns, Naming
from gongyu_producers.compound_values import avro_default
from gongyu_producers.json_lines import JsonObject
from gongyu_producers.json_values import cell_reader, json_reader
from gongyu_producers.nesting import missing_inside, nester
from gongyu_producers.records import Records, Values
from gongyu_producers.values import BadValue
from gongyu_schemas.envelope import CREATE, DELETE, UPDATE
from gongyu_schemas.fields import Field, Kind, read_tree
from gongyu_schemas.granted import covers
from gongyu_schemas.information_type import InformationType

#: An image above this is rejected: two of them and their envelope stay below Kafka's 1 MB message.
LARGEST_IMAGE = 400_000

_OPS = {
    "c": CREATE, "create": CREATE, "insert": CREATE, "i": CREATE,
    "u": UPDATE, "update": UPDATE,
    "d": DELETE, "delete": DELETE,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong with a row: the field (None: the row as a whole) and the reason."""

    field: str | None
    reason: str


class Row(NamedTuple):
    """One row of the file. `key` is None where unreadable; `image` is None where the row is bad or deletes by key."""

    line: int
    op: str
    key: bytes | None
    subject: bytes | None
    image: bytes | None
    problems: list[Problem]


class Reading(NamedTuple):
    """The values of a row that could be read, the others' problems, and the text of its operation if it has one."""

    values: Values
    problems: list[Problem]
    op: str | None


Reader = Callable[[Any], Reading]


def cells_reader(information_type: InformationType, columns: Columns, null_texts: Collection[str]) -> Reader:
    """Reads rows of a delimited file; a field without a column has no value."""
    plan = [
        # A string is its text: most cells need no call.
        (field.name, columns.index[field.name], None if field.kind is Kind.STRING else cell_reader(field), field.may_be_absent)
        for field in information_type.fields
        if field.is_leaf and field.name in columns.index
    ]
    nested = any(not field.is_leaf for field in information_type.fields)
    nulls = frozenset(null_texts)
    width, op_at = columns.width, columns.op

    def read(cells: list[str]) -> Reading:
        if len(cells) != width:
            return Reading({}, [Problem(None, f"{len(cells)} cells where the header has {width}")], None)
        values: Values = {}
        problems: list[Problem] = []
        for name, at, read_text, nullable in plan:
            text = cells[at]
            if text in nulls:
                _take_null(name, values, problems, nullable=nullable)
            elif read_text is None:
                values[name] = text
            else:
                try:
                    values[name] = read_text(text)
                except BadValue as error:
                    problems.append(Problem(name, str(error)))
        if nested:
            problems += _missing_inside(information_type, values, problems)
        return Reading(values, problems, None if op_at is None else cells[op_at])

    return read


def _take_null(name: str, values: Values, problems: list[Problem], *, nullable: bool) -> None:
    if nullable:
        values[name] = None
    else:
        problems.append(Problem(name, "null, but the field is never null"))


def values_reader(
    information_type: InformationType,
    columns: Sequence[tuple[Field, Callable[[Any], Any] | None]],
    null_texts: Collection[str],
    *,
    op_last: bool,
) -> Reader:
    """Reads rows of values in the order of these fields, with what makes each an Avro value; last the operation, if there is one."""
    nulls = frozenset(null_texts)
    plan = [(field.name, convert, field.may_be_absent) for field, convert in columns]
    nested = any(not field.is_leaf for field in information_type.fields)

    def read(found: tuple[Any, ...]) -> Reading:
        values: Values = {}
        problems: list[Problem] = []
        for (name, convert, nullable), value in zip(plan, found, strict=False):
            if value is None:
                _take_null(name, values, problems, nullable=nullable)
            elif convert is None:
                values[name] = value
            else:
                try:
                    values[name] = convert(value)
                except BadValue as error:
                    if isinstance(value, str) and value in nulls:
                        _take_null(name, values, problems, nullable=nullable)
                    else:
                        problems.append(Problem(name, str(error)))
        if nested:
            problems += _missing_inside(information_type, values, problems)
        op = found[-1] if op_last else None
        return Reading(values, problems, op if isinstance(op, str) else None)

    return read


def objects_reader(information_type: InformationType, naming: Naming, null_texts: Collection[str]) -> Reader:
    """Reads rows of a JSON lines file. An absent field takes its Avro default, if it has one; nested records are objects."""
    nulls = frozenset(null_texts)
    tree = read_tree(information_type.record_schema)
    fields = {path: (json_reader(field), field.nullable) for path, field in _every_field(tree, "")}
    fields |= {field.name: (json_reader(field), field.may_be_absent) for field in information_type.fields if field.is_leaf}
    defaults = {path: avro_default(field, field.default) for path, field in _every_field(tree, "") if field.has_default}
    nested = len(tree) != len(information_type.fields) or any(field.kind is Kind.RECORD for field in tree)
    required = [field.name for field in information_type.fields if field.is_leaf]

    def read(found: JsonObject | str) -> Reading:
        if isinstance(found, str):
            return Reading({}, [Problem(None, found)], None)
        values: Values = {}
        problems: list[Problem] = []
        filled: set[str] = set()
        op: str | None = None
        for name, value in found.items():
            if name == naming.op:
                op = value if isinstance(value, str) else None
            elif name not in naming.ignored:
                _read_named(name, naming.field_of(name), value, fields, nulls, filled, values, problems)
        for name in _first_absent(required, filled, nested=nested):
            if name in defaults:
                values[name] = defaults[name]
            else:
                problems.append(Problem(name, "absent"))
        if nested:
            problems += _missing_inside(information_type, values, problems)
        return Reading(values, problems, op)

    return read


def _read_named(
    name: str,
    field: str | None,
    value: Any,
    fields: Mapping[str, tuple[Callable[[Any], Any], bool]],
    nulls: frozenset[str],
    filled: set[str],
    values: Values,
    problems: list[Problem],
) -> None:
    if field is None:
        problems.append(Problem(None, f"unknown name {name[:100]!r}"))
        return
    if field in filled or any(covers(field, each) or covers(each, field) for each in filled if "." in field or "." in each):
        problems.append(Problem(field, "given twice under different names"))
        values.pop(field, None)
        return
    filled.add(field)
    read_value, nullable = fields[field]
    if value is None:
        _take_null(field, values, problems, nullable=nullable)
        return
    try:
        values[field] = read_value(value)
    except BadValue as error:
        if isinstance(value, str) and value in nulls:
            _take_null(field, values, problems, nullable=nullable)
        else:
            problems.append(Problem(field, str(error)))


def _every_field(tree: Sequence[Field], prefix: str) -> Iterator[tuple[str, Field]]:
    """Leaves and nested records alike, by dotted name."""
    for field in tree:
        yield prefix + field.name, field
        if field.kind is Kind.RECORD:
            yield from _every_field(field.parts, f"{prefix}{field.name}.")


def _first_absent(required: Sequence[str], filled: set[str], *, nested: bool) -> Iterator[str]:
    """What a JSON object says nothing of: a leaf, or the outermost record of which no leaf is there."""
    told: set[str] = set()
    for leaf in required:
        if leaf in filled:
            continue
        if not nested:
            yield leaf
            continue
        around = [leaf[:at] for at, character in enumerate(leaf) if character == "."]
        if any(record in filled or record in told for record in around):
            continue
        absent = [record for record in around if not any(covers(record, each) for each in filled)]
        told.update(absent[:1])
        yield absent[0] if absent else leaf


def _missing_inside(information_type: InformationType, values: Values, problems: Sequence[Problem]) -> list[Problem]:
    bad = {problem.field for problem in problems if problem.field is not None}
    return [Problem(name, "null, but the field is never null") for name in missing_inside(information_type.fields, values, bad)]


class RowReader:
    """Makes rows from what a `Reader` reads. `op_column` is None where every row is a new image."""

    def __init__(self, information_type: InformationType, records: Records, read: Reader, op_column: str | None) -> None:
        self._records = records
        self._read = read
        self._op_column = op_column
        self._nest = nester(read_tree(information_type.record_schema))
        self._key = frozenset(information_type.key)

    def row(self, line: int, found: Any) -> Row:
        values, problems, op_text = self._read(found)
        op = UPDATE
        if self._op_column is not None and not (problems and not values):
            op = _OPS.get((op_text or "").lower(), "")
            if not op:
                problems.append(Problem(self._op_column, "not an operation: use c, u or d (create, update, delete)"))
        if problems and not values.keys() >= self._key:
            return Row(line, op, None, None, None, problems)
        key = self._records.key(values)
        if problems:
            return self._without_image(Row(line, op, key, None, None, problems))
        image = self._records.image(self._nest(values))
        if len(image) > LARGEST_IMAGE:
            problems.append(Problem(None, f"the record has {len(image):,} bytes, more than {LARGEST_IMAGE:,}"))
            return Row(line, op, key, None, None, problems)
        return Row(line, op, key, self._records.subject(values), image, problems)

    def _without_image(self, row: Row) -> Row:
        """A delete needs no more than its key, where the key says the subject too."""
        key_problems = [problem for problem in row.problems if problem.field is None or problem.field == self._op_column]
        if row.op == DELETE and self._records.subject_is_key and not key_problems:
            return row._replace(problems=[])
        return row
