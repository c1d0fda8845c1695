"""The names in a file (header cells, or the names of JSON objects) -> the fields of the type.

A name maps to a field by `--map`, else by `publishing.columns` of type.yaml, else by being the field's name. In a
delimited file every field needs exactly one column and every column a field; anything else means that this is
not a file of this type, and raises ConfigError with all misfits at once, before a row is read.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from gongyu_schemas.errors import ConfigError
from gongyu_schemas.granted import record_names
from gongyu_schemas.information_type import InformationType


@dataclass(frozen=True, slots=True)
class Naming:
    """What the names of a file mean: leaves, or nested records. `ignored` names are passed over; `op` names the column of operations.

    `records` are the nested records: JSON may give one whole.
    """

    fields: Mapping[str, str]
    ignored: frozenset[str]
    op: str | None
    records: frozenset[str] = frozenset()

    def field_of(self, name: str) -> str | None:
        """The field that a name fills; None where the type knows no such name."""
        return self.fields.get(name)


@dataclass(frozen=True, slots=True)
class Columns:
    """Of a delimited file: cell index of each field, index of the operation (or None), number of cells in a row."""

    index: dict[str, int]
    op: int | None
    width: int


def make_naming(information_type: InformationType, maps: Sequence[str], ignored: Collection[str] = (), op: str | None = None) -> Naming:
    """The type's own mapping with the `HEADER=field` texts of the command line on top. Raises ConfigError."""
    known = [field.name for field in information_type.fields if field.is_leaf]
    records = frozenset(record_names(information_type.fields))
    fields = {name: name for name in (*known, *records)} | information_type.publishing.columns
    for text in maps:
        header, equals, name = text.rpartition("=")
        if not equals or not header:
            raise ConfigError(f"--map {text!r}: write HEADER=field")
        if name not in known:
            raise ConfigError(f"--map {text!r}: type {information_type.name!r} has no field {name!r}; it has {', '.join(known)}")
        fields[header] = name
    for header in {*ignored, *([op] if op is not None else [])}:
        fields.pop(header, None)
    return Naming(fields, frozenset(ignored), op, records)


def match_header(header: Sequence[str], place: str, naming: Naming, information_type: InformationType, path: Path) -> Columns:
    """Raises ConfigError saying which columns are unknown, missing or double. `place` is where the header stands."""
    index: dict[str, int] = {}
    misfits: list[str] = []
    op: int | None = None
    for at, name in enumerate(header):
        if header.index(name) != at:
            misfits.append(f"column {name!r} occurs twice")
        elif name == naming.op:
            op = at
        elif name not in naming.ignored:
            field = naming.field_of(name)
            if field is None:
                misfits.append(f"unknown column {name!r}")
            elif field in naming.records:
                misfits.append(f"column {name!r} is a record: give each of its fields a column, as in {field}.x")
            elif field in index:
                misfits.append(f"columns {header[index[field]]!r} and {name!r} are both field {field!r}")
            else:
                index[field] = at
    if naming.op is not None and op is None:
        misfits.append(f"no column {naming.op!r} for the operation")
    misfits += [f"no column for field {field.name!r}" for field in information_type.fields if field.is_leaf and field.name not in index]
    if misfits:
        raise ConfigError(
            f"{path}: {place} does not fit type {information_type.name!r}: {'; '.join(misfits)}. "
            "Is it the right file, type, --delimiter and --encoding? "
            "--map HEADER=field names a column, --ignore HEADER passes one over; `gongyu-owner types check` shows which fit"
        )
    return Columns(index, op, len(header))


def check_names(names: Collection[str], line: int, naming: Naming, information_type: InformationType, path: Path) -> None:
    """The same for the first object of a JSON lines file; what is absent there is the row's own matter."""
    unknown = [name for name in names if name not in naming.ignored and name != naming.op and naming.field_of(name) is None]
    if unknown:
        raise ConfigError(
            f"{path}: line {line}: the first object does not fit type {information_type.name!r}: "
            f"unknown names {', '.join(repr(name) for name in unknown)}. Is it the right file and type? "
            "--map NAME=field names one, --ignore NAME passes one over"
        )
