"""Bytes of a file -> decoded lines, one by one, with the place of anything that is not text.

A file of any size passes through in bounded memory: a line longer than `LONGEST_LINE` ends the run. Bytes that
do not fit the encoding raise ConfigError with line and byte. Both encodings keep the line feed out of multi-byte
characters (cp949 trail bytes are 0x41 to 0xFE), so splitting before decoding is safe and gives exact places.
"""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path

from gongyu_schemas.errors import ConfigError
from gongyu_schemas.plain_words import why

#: Far above any row that could be published (an image has at most 400,000 bytes), far below memory.
LONGEST_LINE = 16 * 1024 * 1024

#: Files that people take for text, by their first bytes.
_FOREIGN = {
    codecs.BOM_UTF16_LE: "UTF-16 text; save it as UTF-8 (Excel: `CSV UTF-8`)",
    codecs.BOM_UTF16_BE: "UTF-16 text; save it as UTF-8",
    b"PK\x03\x04": "an Excel file, or another ZIP archive; save the sheet in Excel as `CSV UTF-8` and give that file",
    b"\xd0\xcf\x11\xe0": "an old Excel file; save the sheet in Excel as `CSV UTF-8` and give that file",
    b"\x1f\x8b": "compressed by gzip; unpack it first",
    b"PAR1": "a Parquet file; give --format parquet",
}


class Encoding(StrEnum):
    UTF_8 = "utf-8"
    CP949 = "cp949"


def refuse_foreign(path: Path, beginning: bytes) -> None:
    """Raises ConfigError where a file is no text, but something that people take for it."""
    for start, what in _FOREIGN.items():
        if beginning.startswith(start):
            raise ConfigError(f"{path}: this is {what}")


def read_beginning(path: Path, most: int) -> bytes:
    """Raises ConfigError."""
    try:
        with path.open("rb") as file:
            return file.read(most)
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {why(error)}") from error


class Lines:
    """Iterate once for the decoded lines with their ends; `bytes_read` of `size` tells how far reading is."""

    def __init__(self, path: Path, encoding: Encoding) -> None:
        self.path = path
        self.encoding = encoding
        self.bytes_read = 0
        try:
            self._file = path.open("rb")
            self.size = path.stat().st_size
        except OSError as error:
            raise ConfigError(f"{path}: cannot be read: {why(error)}") from error
        if path.is_file() and self.size == 0:
            self.close()
            raise ConfigError(f"{path}: the file is empty; an empty file is never taken for an empty register")

    def close(self) -> None:
        self._file.close()

    def __iter__(self) -> Iterator[str]:
        number = 0
        while raw := self._read_line():
            number += 1
            self.bytes_read += len(raw)
            if len(raw) > LONGEST_LINE:
                raise ConfigError(f"{self.path}: line {number}: longer than {LONGEST_LINE:,} bytes: not a file of rows")
            if number == 1:
                refuse_foreign(self.path, raw)
            if number == 1 and self.encoding is Encoding.UTF_8:
                raw = raw.removeprefix(codecs.BOM_UTF8)
            try:
                yield raw.decode(self.encoding)
            except UnicodeDecodeError as error:
                raise ConfigError(self._not_text(number, error)) from error

    def _read_line(self) -> bytes:
        try:
            return self._file.readline(LONGEST_LINE + 1)
        except OSError as error:
            raise ConfigError(f"{self.path}: cannot be read: {why(error)}") from error

    def _not_text(self, number: int, error: UnicodeDecodeError) -> str:
        other = Encoding.CP949 if self.encoding is Encoding.UTF_8 else Encoding.UTF_8
        return f"{self.path}: line {number}, byte {error.start + 1}: not {self.encoding}; is it --encoding {other}?"
