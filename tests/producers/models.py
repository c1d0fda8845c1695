"""Information types made in a test, and a run's rows compared without Kafka."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from gongyu_producers.columns import make_naming
from gongyu_producers.compare import Counts, compare_snapshot
from gongyu_producers.records import Records
from gongyu_producers.rows import Row
from gongyu_producers.source import Format, SourceFile, open_source
from gongyu_producers.staging import Staging
from gongyu_producers.state import Identity, State
from gongyu_schemas.fields import read_fields
from gongyu_schemas.information_type import InformationType, Publishing, Title, load_type

TYPES = Path(__file__).parents[1] / "types"
PERSON = load_type(TYPES / "person")
LEVY = load_type(TYPES / "levy")
IDENTITY = Identity("cluster", "owner.o.t", "id", 1)


def type_of(*fields: dict[str, Any], key: tuple[str, ...] = ("id",), columns: dict[str, str] | None = None) -> InformationType:
    """A type whose record has a text `id` and these fields."""
    schema = {"type": "record", "name": "R", "namespace": "test", "fields": [{"name": "id", "type": "string"}, *fields]}
    read = read_fields(schema)
    return InformationType(
        name="thing",
        owner="office",
        title=Title(ko="것", en="Thing"),
        key=key,
        subject=key,
        version=None,
        partitions=1,
        classification={field.name: "public" for field in read},
        publishing=Publishing(columns=columns or {}),
        record_schema=schema,
        fields=read,
    )


def read_rows(
    information_type: InformationType, file: Path, file_format: Format = Format.TSV, *, op: str | None = None, **options: Any
) -> list[Row]:
    naming = make_naming(information_type, options.pop("maps", []), options.pop("ignored", []), op)
    source = SourceFile(file, file_format, naming, options.pop("null_texts", ("",)), **options)
    rows = open_source(source, information_type, Records(information_type))
    try:
        return list(rows)
    finally:
        rows.file.close()


def open_new(information_type: InformationType, path: Path | None = None) -> State:
    state = State(path)
    state.create(IDENTITY, information_type, {0: 0})
    return state


def compare(information_type: InformationType, state: State, rows: list[Row]) -> tuple[Counts, Staging]:
    records = Records(information_type)
    staging = Staging(state.connection)
    for row in rows:
        staging.add(row)
    staging.flush()
    return compare_snapshot(staging, records), staging
