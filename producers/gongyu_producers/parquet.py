"""A Parquet file -> rows of plain values, in bounded memory: batch by batch, only the columns that are read.

A row is told by its number in the file, 1 the first. A column whose type cannot be its field's raises ConfigError with
all such columns, before a row is read; a damaged file raises it with the rows that could not be read: nothing of such a
file is used, because the file is staged whole before anything is published.
Decision: pyarrow, the reference reader, because Parquet's encodings and codecs are too many to mistake one by one.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import types as arrow

from gongyu_producers.arrow_values import ColumnReader, Misfit, column_reader
from gongyu_schemas.errors import ConfigError
from gongyu_schemas.fields import Field
from gongyu_schemas.plain_words import why

_BATCH_ROWS = 4_000
#: Of uncompressed values: a batch of large rows has fewer of them.
_BATCH_BYTES = 16 * 1024 * 1024
_READ_BUFFER = 1024 * 1024

#: What pyarrow raises for a file that is damaged, encrypted or no Parquet file.
_UNREADABLE = (pa.ArrowException, OSError, ValueError)


class ParquetFile:
    """An open file. A nested record is a column for each of its fields, under a dotted name, unless it is in `whole`.

    `bytes_read` of `size` tells how far reading is, by rows.
    """

    def __init__(self, path: Path, whole: Collection[str] = ()) -> None:
        self.path = path
        try:
            self.size = path.stat().st_size
            self._file = pq.ParquetFile(path, pre_buffer=False, buffer_size=_READ_BUFFER, page_checksum_verification=True)
        except FileNotFoundError as error:
            raise ConfigError(f"{path}: cannot be read: {why(error)}") from error
        except _UNREADABLE as error:
            raise ConfigError(f"{path}: not a Parquet file that can be read: {_first_line(error)}") from error
        self._columns = list(_leaves(self._file.schema_arrow, (), frozenset(whole)))
        self.rows = int(self._file.metadata.num_rows)
        self.bytes_read = 0

    def close(self) -> None:
        self._file.close()

    def names(self) -> list[str]:
        return [".".join(path) for path, _ in self._columns]

    def _type_of(self, at: int) -> Any:
        """The Arrow type of a column. Raises Misfit where the file's own type says too little."""
        path, stored = self._columns[at]
        leaves, name = self._file.schema, ".".join(path)
        if any(leaves.column(leaf).path == name and leaves.column(leaf).physical_type == "INT96" for leaf in range(len(leaves))):
            raise Misfit(
                "INT96 timestamps have neither zone nor bounds; write it as TIMESTAMP (Spark: outputTimestampType=TIMESTAMP_MICROS)"
            )
        return stored

    def match_types(self, index: Mapping[str, int], fields: Mapping[str, Field]) -> dict[str, ColumnReader]:
        """A reader for each field. Raises ConfigError with every column whose type does not fit."""
        readers: dict[str, ColumnReader] = {}
        misfits: list[str] = []
        for name, at in index.items():
            try:
                readers[name] = column_reader(self._type_of(at), fields[name])
            except Misfit as misfit:
                path, stored = self._columns[at]
                misfits.append(f"column {'.'.join(path)!r} is {stored}, field {name!r} is {fields[name].kind.value}: {misfit}")
        if misfits:
            raise ConfigError(f"{self.path}: {'; '.join(misfits)}")
        return readers

    def read(self, columns: Sequence[tuple[int, ColumnReader | None]]) -> Iterator[tuple[int, tuple[Any, ...]]]:
        """(row, values in the order of `columns`, those without reader as they stand). Raises ConfigError where the file is damaged."""
        paths = [self._columns[at][0] for at, _ in columns]
        row = 0
        batches = self._file.iter_batches(self._batch_rows(), columns=[".".join(path) for path in paths], use_threads=False)
        while True:
            try:
                batch = next(batches, None)
                if batch is None:
                    return
                lists = [
                    _leaf(batch, path).to_pylist() if reader is None else reader.prepare(_leaf(batch, path))
                    for path, (_, reader) in zip(paths, columns, strict=True)
                ]
            except _UNREADABLE as error:
                raise ConfigError(
                    f"{self.path}: rows from {row + 1} on cannot be read: {_first_line(error)}; the file is damaged, have it made again"
                ) from error
            for values in zip(*lists, strict=True):
                row += 1
                yield row, values
            self.bytes_read = self.size * row // max(self.rows, 1)

    def _batch_rows(self) -> int:
        metadata = self._file.metadata
        groups = (metadata.row_group(number) for number in range(metadata.num_row_groups))
        largest = max((group.total_byte_size / max(group.num_rows, 1) for group in groups), default=1.0)
        return max(1, min(_BATCH_ROWS, int(_BATCH_BYTES / max(largest, 1.0))))


def _leaves(fields: Any, path: tuple[str, ...], whole: frozenset[str]) -> Iterator[tuple[tuple[str, ...], Any]]:
    for field in fields:
        here = (*path, str(field.name))
        if arrow.is_struct(field.type) and ".".join(here) not in whole:
            yield from _leaves(field.type, here, whole)
        else:
            yield here, field.type


def _leaf(batch: Any, path: tuple[str, ...]) -> Any:
    """Null where a record around it is null."""
    array = batch.column(path[0])
    for name in path[1:]:
        array = array.flatten()[array.type.get_field_index(name)]
    return array


def _first_line(error: Exception) -> str:
    """Without the content of a text that is not Unicode, which Python puts into its error."""
    if isinstance(error, UnicodeDecodeError):
        return "a text in it is not UTF-8"
    return (str(error).splitlines() or [type(error).__name__])[0]
