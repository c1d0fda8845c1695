"""The tables of an SQLite sink, and the statements on them as SQL text.

The grant's table has a column for each leaf of its view under its dotted name, one for each nested record that may be null (1 where it
is there), and two of ours, which no type may have:
`gongyu.partition` (input partition of the record's last change) and `gongyu.copy` (copy that last refreshed it).
Beside it: `gongyu.meta`, `gongyu.offsets`, `gongyu.copies`, `gongyu.counts`; where several receivers share the file,
`gongyu.claims` (which of them may write a partition, as a generation that each claim raises).
Decision: SQLAlchemy writes the SQL (names quoted, dialect known), sqlite3 runs it: the library's own execution costs
about 20 us per statement, ten times SQLite's look-up of a key.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import BigInteger, Boolean, Column, Double, LargeBinary, MetaData, Table, Text, bindparam, delete, null, select, update
from sqlalchemy.dialects.sqlite import dialect, insert
from sqlalchemy.schema import CreateTable
from sqlalchemy.sql import ClauseElement
from sqlalchemy.types import INTEGER, TypeEngine

from gongyu_consumers.sinks.sink import Shape
from gongyu_schemas.errors import ConfigError
from gongyu_schemas.fields import Kind

PARTITION_COLUMN = "gongyu.partition"
COPY_COLUMN = "gongyu.copy"
META_TABLE = "gongyu.meta"

_DIALECT = dialect(paramstyle="qmark")
_TYPES: dict[Kind, type[TypeEngine[Any]]] = {
    Kind.BOOLEAN: Boolean,
    Kind.INT: INTEGER,
    Kind.LONG: BigInteger,
    Kind.FLOAT: Double,
    Kind.DOUBLE: Double,
    Kind.BYTES: LargeBinary,
    Kind.FIXED: LargeBinary,
    Kind.RECORD: Boolean,
}


@dataclass(frozen=True, slots=True)
class Statements:
    """SQL with `?` in the order that each comment gives."""

    create: tuple[str, ...]
    put: str  # the table's columns in order, then partition, copy
    find: str  # key -> partition, copy
    remove: str  # key
    forget_copy: str  # partition, copy
    sweep: str  # partition, copy
    put_meta: str  # name, value
    put_offset: str  # partition, next offset
    put_copy: str  # input partition, number, open
    add_count: str  # what, how many
    put_meta_once: str  # name, value
    create_claims: str
    take_claim: str  # partition, by how much the generation rises
    read_claims: str
    read_offsets: str
    read_copies: str
    read_counts: str


def column_names(shape: Shape) -> tuple[str, ...]:
    """Columns of the grant's table in order. Raises ConfigError where SQLite would take two of them for one."""
    names = tuple(field.name for field in shape.fields)
    if taken := [name for name in names if name.lower() in (PARTITION_COLUMN, COPY_COLUMN)]:
        raise ConfigError(f"the view's field {taken[0]!r} has the name of one of the table's own columns; use jsonl")
    folded = [name.lower() for name in names]
    for name in names:
        if folded.count(name.lower()) > 1:
            raise ConfigError(f"the view's field {name!r} differs from another only in case, which SQLite ignores; use jsonl")
    missing = [name for name in shape.key if name not in names]
    if missing:
        raise ConfigError(f"key fields {missing} are not fields of the view; a table needs them")
    return names


def column_types(shape: Shape) -> dict[str, str]:
    """What a file remembers of its columns, to compare with a later schema."""
    return {field.name: field.kind.value for field in shape.fields}


def write_statements(grant: str, shape: Shape) -> Statements:
    metadata = MetaData()
    names = column_names(shape)
    columns = [
        Column(field.name, _TYPES.get(field.kind, Text)(), primary_key=field.name in shape.key, nullable=field.name not in shape.key)
        for field in shape.fields
    ]
    ours = [Column(PARTITION_COLUMN, INTEGER, nullable=False), Column(COPY_COLUMN, BigInteger)]
    table = Table(grant, metadata, *columns, *ours, sqlite_with_rowid=False)
    meta = _pairs(META_TABLE, metadata, Column("name", Text, primary_key=True), Column("value", Text, nullable=False))
    offset_columns = Column("partition", INTEGER, primary_key=True), Column("next_offset", BigInteger, nullable=False)
    offsets = _pairs("gongyu.offsets", metadata, *offset_columns)
    copies = _pairs(
        "gongyu.copies",
        metadata,
        Column("partition", INTEGER, primary_key=True),
        Column("number", BigInteger),
        Column("open", Boolean, nullable=False),
    )
    counts = _pairs("gongyu.counts", metadata, Column("what", Text, primary_key=True), Column("number", BigInteger, nullable=False))
    claim_columns = Column("partition", INTEGER, primary_key=True), Column("generation", BigInteger, nullable=False)
    claims = _pairs("gongyu.claims", MetaData(), *claim_columns)
    partition, copy = table.c[PARTITION_COLUMN], table.c[COPY_COLUMN]
    is_key = [table.c[name] == bindparam(None, type_=table.c[name].type) for name in shape.key]
    here = partition == bindparam(None, type_=INTEGER())
    add, claim = insert(counts), insert(claims)
    return Statements(
        create=tuple(_text(CreateTable(each)) for each in metadata.tables.values()),
        put=_put(table, (*names, PARTITION_COLUMN, COPY_COLUMN)),
        find=_text(select(partition, copy).where(*is_key)),
        remove=_text(delete(table).where(*is_key)),
        forget_copy=_text(update(table).values({COPY_COLUMN: null()}).where(here, copy == bindparam(None, type_=INTEGER()))),
        sweep=_text(delete(table).where(here, copy.is_distinct_from(bindparam(None, type_=INTEGER())))),
        put_meta=_put(meta, ("name", "value")),
        put_offset=_put(offsets, ("partition", "next_offset")),
        put_copy=_put(copies, ("partition", "number", "open")),
        add_count=_text(add.on_conflict_do_update(["what"], set_={"number": counts.c.number + add.excluded.number})),
        put_meta_once=_text(insert(meta).on_conflict_do_nothing()),
        create_claims=_text(CreateTable(claims, if_not_exists=True)),
        take_claim=_text(claim.on_conflict_do_update(["partition"], set_={"generation": claims.c.generation + claim.excluded.generation})),
        read_claims=_text(select(claims)),
        read_offsets=_text(select(offsets)),
        read_copies=_text(select(copies)),
        read_counts=_text(select(counts)),
    )


def read_meta_text() -> str:
    meta = _pairs(META_TABLE, MetaData(), Column("name", Text, primary_key=True), Column("value", Text))
    return _text(select(meta))


def _pairs(name: str, metadata: MetaData, *columns: Column[Any]) -> Table:
    return Table(name, metadata, *columns, sqlite_with_rowid=False)


def _put(table: Table, names: tuple[str, ...]) -> str:
    """Insert, or set all but the key."""
    new = insert(table)
    others = {name: new.excluded[name] for name in names if not table.c[name].primary_key}
    made = new.on_conflict_do_update([column.name for column in table.primary_key], set_=others)
    return _text(made if others else new.on_conflict_do_nothing())


def _text(statement: ClauseElement) -> str:
    return str(statement.compile(dialect=_DIALECT))
