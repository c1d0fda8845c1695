"""Lines of a TSV or CSV file -> rows of cells (RFC 4180: quoted cells, doubled quotes, line ends inside quotes).

A row is told by the line where it begins. Broken quoting (text after a closing quote, a quote never closed) raises
ConfigError with that line: from there on cells could be torn into wrong rows, so nothing of the file is used.
Lines without a character hold no row.
Decision: the csv module of the standard library because it streams, tells line numbers and refuses broken quotes,
instead of pyarrow, whose batches know no line numbers.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from typing import Literal

from gongyu_producers.lines import LONGEST_LINE, Lines
from gongyu_schemas.errors import ConfigError


def read_delimited(lines: Lines, delimiter: str, *, quotes: bool) -> Iterator[tuple[int, list[str]]]:
    """(line where the row begins, cells), header included. Sets the csv module's limit of a cell's length."""
    csv.field_size_limit(LONGEST_LINE)
    quoting: Literal[0, 3] = csv.QUOTE_MINIMAL if quotes else csv.QUOTE_NONE
    reader = csv.reader(iter(lines), delimiter=delimiter, quoting=quoting, strict=True)
    read = 0
    try:
        for cells in reader:
            line, read = read + 1, reader.line_num
            if cells:
                yield line, cells
    except csv.Error as error:
        raise ConfigError(
            f"{lines.path}: line {read + 1}: the row that begins here has broken quotes or line ends ({error}); "
            "mend it, or give --no-quotes if quotes are ordinary characters in this file"
        ) from error
