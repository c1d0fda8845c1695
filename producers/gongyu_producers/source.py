"""A file with its format and naming -> rows of the type: the one place that knows all formats."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from gongyu_producers.columns import Naming, check_names, match_header
from gongyu_producers.delimited import read_delimited
from gongyu_producers.json_lines import read_json_lines
from gongyu_producers.lines import Encoding, Lines, read_beginning, refuse_foreign
from gongyu_producers.records import Records
from gongyu_producers.rows import Row, RowReader, cells_reader, objects_reader, values_reader
from gongyu_schemas.errors import ConfigError
from gongyu_schemas.information_type import InformationType

if TYPE_CHECKING:
    from gongyu_producers.arrow_values import ColumnReader
    from gongyu_producers.parquet import ParquetFile


class Format(StrEnum):
    TSV = "tsv"
    CSV = "csv"
    JSONL = "jsonl"
    PARQUET = "parquet"


_EXTENSIONS = {
    ".tsv": Format.TSV, ".tab": Format.TSV, ".csv": Format.CSV,
    ".parquet": Format.PARQUET, ".pq": Format.PARQUET,
    ".jsonl": Format.JSONL, ".ndjson": Format.JSONL, ".jsonlines": Format.JSONL,
}  # fmt: skip
DELIMITERS = {Format.TSV: "\t", Format.CSV: ","}
#: Bytes by which files tell what they are.
_ENOUGH_TO_KNOW = 16
_NAMED = {"tab": "\t", "\\t": "\t", "comma": ",", "semicolon": ";", "pipe": "|"}


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A file and how to read it. `delimiter` None: the format's own."""

    path: Path
    format: Format
    naming: Naming
    null_texts: tuple[str, ...]
    encoding: Encoding = Encoding.UTF_8
    delimiter: str | None = None
    quotes: bool = True


@dataclass(frozen=True, slots=True)
class Asked:
    """A file and what was stated about it; None: nothing was."""

    path: Path
    naming: Naming
    null_texts: tuple[str, ...] = ("",)
    format: Format | None = None
    encoding: Encoding | None = None
    delimiter: str | None = None
    quotes: bool = True

    def as_stated(self) -> SourceFile:
        """Nothing is guessed: UTF-8, and the format's own delimiter, unless others were stated. Raises ConfigError."""
        return SourceFile(
            path=self.path,
            format=format_of(self.path, self.format),
            naming=self.naming,
            null_texts=self.null_texts,
            encoding=self.encoding or Encoding.UTF_8,
            delimiter=self.delimiter,
            quotes=self.quotes,
        )


class OpenFile(Protocol):
    """What is read from: `bytes_read` of `size` tells how far."""

    size: int
    bytes_read: int

    def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Rows:
    """Iterate once; `file` knows how far reading is."""

    file: OpenFile
    _found: Iterable[tuple[int, Any]]
    _reader: RowReader

    def __iter__(self) -> Iterator[Row]:
        row = self._reader.row
        for line, found in self._found:
            yield row(line, found)


def format_of(path: Path, stated: Format | None) -> Format:
    """Raises ConfigError where neither is known, saying what the file is if that can be seen."""
    found = stated or _EXTENSIONS.get(path.suffix.lower())
    if found is None:
        refuse_foreign(path, read_beginning(path, _ENOUGH_TO_KNOW))
        raise ConfigError(f"{path}: the extension does not tell the format; give --format tsv, csv, jsonl or parquet")
    return found


def read_delimiter(text: str) -> str:
    """One character, or the name of one. Raises ConfigError."""
    delimiter = _NAMED.get(text.lower(), text)
    if len(delimiter) != 1 or delimiter in '"\r\n':
        raise ConfigError(f"--delimiter {text!r}: give one character, or tab, comma, semicolon, pipe")
    return delimiter


def open_source(source: SourceFile, information_type: InformationType, records: Records) -> Rows:
    """Reads the header at once. Raises ConfigError where the file is missing, empty, or not of this type."""
    if source.format is Format.PARQUET:
        return _open_parquet(source, information_type, records)
    lines = Lines(source.path, source.encoding)
    try:
        return _open_rows(lines, source, information_type, records)
    except ConfigError:
        lines.close()
        raise


def _open_rows(lines: Lines, source: SourceFile, information_type: InformationType, records: Records) -> Rows:
    op = source.naming.op
    if source.format is Format.JSONL:
        read = objects_reader(information_type, source.naming, source.null_texts)
        return Rows(lines, _checked(read_json_lines(lines), source, information_type), RowReader(information_type, records, read, op))
    found = read_delimited(lines, source.delimiter or DELIMITERS[source.format], quotes=source.quotes)
    line, header = next(found, (0, []))
    if not header:
        raise ConfigError(f"{source.path}: no header line")
    columns = match_header(header, f"line {line}: the header", source.naming, information_type, source.path)
    return Rows(lines, found, RowReader(information_type, records, cells_reader(information_type, columns, source.null_texts), op))


def _open_parquet(source: SourceFile, information_type: InformationType, records: Records) -> Rows:
    file = open_parquet(source.path, source.naming.ignored)
    try:
        columns = match_header(file.names(), "its schema", source.naming, information_type, source.path)
        readers = file.match_types(columns.index, {field.name: field for field in information_type.fields})
    except ConfigError:
        file.close()
        raise
    plan = [(field, readers[field.name]) for field in information_type.fields if field.is_leaf]
    wanted: list[tuple[int, ColumnReader | None]] = [(columns.index[field.name], reader) for field, reader in plan]
    wanted += [] if columns.op is None else [(columns.op, None)]
    read = values_reader(
        information_type, [(field, reader.convert) for field, reader in plan], source.null_texts, op_last=columns.op is not None
    )
    return Rows(file, file.read(wanted), RowReader(information_type, records, read, source.naming.op))


def open_parquet(path: Path, whole: Collection[str]) -> ParquetFile:
    """`whole`: nested columns that are not taken apart. Raises ConfigError. Imported on demand: it is large, and few owners need it."""
    try:
        from gongyu_producers.parquet import ParquetFile  # noqa: PLC0415  # part of the extra `owner`
    except ModuleNotFoundError as error:
        raise ConfigError(f"{path}: Parquet files need {error.name}: pip install 'gongyu[owner]'") from error
    return ParquetFile(path, whole)


def _checked(found: Iterator[tuple[int, Any]], source: SourceFile, information_type: InformationType) -> Iterator[tuple[int, Any]]:
    """The first object stands for the header; a line that is no object before it is a bad row like any other."""
    seen = False
    for line, content in found:
        if not seen and not isinstance(content, str):
            check_names(content.keys(), line, source.naming, information_type, source.path)
            seen = True
        yield line, content
    if not seen:
        raise ConfigError(f"{source.path}: no line is a JSON object; is this a JSON lines file? It is never taken for an empty register")
