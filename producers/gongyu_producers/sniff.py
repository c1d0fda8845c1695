"""What a file seems to be: format, encoding and delimiter, from its beginning. For assistance only: `publish` never guesses.

Enters a path; raises ConfigError where the beginning is neither encoding, or the file is of a kind that is not read.
"""

from __future__ import annotations

import csv
import itertools
from collections import Counter
from pathlib import Path

from gongyu_producers.lines import LONGEST_LINE, Encoding, Lines, read_beginning, refuse_foreign
from gongyu_producers.source import DELIMITERS, Asked, Format, SourceFile, format_of
from gongyu_schemas.errors import ConfigError

_SAMPLE_BYTES = 1024 * 1024
_SAMPLE_ROWS = 200
_CANDIDATES = "\t,;|"


def find_out(asked: Asked) -> tuple[SourceFile, list[str]]:
    """The file with what was not stated found out, and hints about it. Raises ConfigError."""
    file_format, hints = sniff_format(asked.path, asked.format), []
    encoding, delimiter = asked.encoding or Encoding.UTF_8, asked.delimiter
    if file_format is not Format.PARQUET:
        Lines(asked.path, encoding).close()  # says where it is missing or empty
        encoding = asked.encoding or sniff_encoding(asked.path)
    if file_format in DELIMITERS and delimiter is None:
        delimiter = sniff_delimiter(asked.path, encoding, quotes=asked.quotes)
        if delimiter is None:
            hints.append("no delimiter makes more than one column of this file; if it has one, give --delimiter")
            delimiter = DELIMITERS[file_format]
    return SourceFile(asked.path, file_format, asked.naming, asked.null_texts, encoding, delimiter, asked.quotes), hints


def sniff_format(path: Path, stated: Format | None) -> Format:
    """By what is stated, the extension, else the content: delimited text is called TSV."""
    try:
        return format_of(path, stated)
    except ConfigError:
        start = read_beginning(path, _SAMPLE_BYTES)
    if start.startswith(b"PAR1"):
        return Format.PARQUET
    return Format.JSONL if start.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"{") else Format.TSV


def sniff_encoding(path: Path) -> Encoding:
    """The first of both that the beginning fits. Raises ConfigError."""
    start = read_beginning(path, _SAMPLE_BYTES)
    refuse_foreign(path, start)
    if len(start) == _SAMPLE_BYTES:
        start = start[: start.rfind(b"\n") + 1] or start
    places = []
    for encoding in (Encoding.UTF_8, Encoding.CP949):
        try:
            start.decode(encoding)
        except UnicodeDecodeError as error:
            line = start.count(b"\n", 0, error.start) + 1
            places.append(f"{encoding} not in line {line}")
        else:
            return encoding
    raise ConfigError(f"{path}: neither of the encodings that can be read fits ({', '.join(places)}); save it as UTF-8")


def sniff_delimiter(path: Path, encoding: Encoding, *, quotes: bool) -> str | None:
    """The one that tears most rows into the same number of cells; None where no delimiter makes more than one cell."""
    lines = Lines(path, encoding)
    try:
        sample = list(itertools.islice(lines, _SAMPLE_ROWS))
    finally:
        lines.close()
    csv.field_size_limit(LONGEST_LINE)
    best: tuple[float, int, str] | None = None
    for candidate in _CANDIDATES:
        widths = Counter(map(len, csv.reader(sample, delimiter=candidate, quoting=csv.QUOTE_MINIMAL if quotes else csv.QUOTE_NONE)))
        del widths[0]
        if not widths:
            continue
        width, rows = widths.most_common(1)[0]
        if width > 1 and (best is None or (rows / widths.total(), width) > best[:2]):
            best = (rows / widths.total(), width, candidate)
    return None if best is None else best[2]
