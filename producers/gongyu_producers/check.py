"""What publishing a file would make of it, without Kafka: which columns fit, which rows would be rejected and why.

Enters a file and the options of `publish`, those not given are sniffed; leaves a `Verdict`. The rows pass the same code
as in a run and are compared with an empty register, so repeated keys are found too. Where a field has no column at all,
the others are still read, cell by cell; where no column is any field's, none. Raises ConfigError where not even that can be done.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from typing import Any

from gongyu_producers.columns import Columns
from gongyu_producers.compare import compare_snapshot
from gongyu_producers.delimited import read_delimited
from gongyu_producers.json_lines import read_json_lines
from gongyu_producers.lines import Lines
from gongyu_producers.matching import How, Match, Matches, match_names
from gongyu_producers.progress import Steps
from gongyu_producers.records import Records
from gongyu_producers.rows import Problem, Reader, Row, cells_reader
from gongyu_producers.sniff import find_out
from gongyu_producers.source import DELIMITERS, Asked, Format, OpenFile, SourceFile, open_parquet, open_source
from gongyu_producers.staging import Staging
from gongyu_producers.state import Identity, State
from gongyu_schemas.errors import ConfigError
from gongyu_schemas.information_type import InformationType

_NAMES_FROM_OBJECTS = 1_000
_SHOW_EVERY_ROWS = 2_000
_SHOWN = 10
#: What YAML takes for something else than text.
_WORDS = ("", "null", "true", "false", "yes", "no", "on", "off", "y", "n")


@dataclass(frozen=True, slots=True)
class Reason:
    """Why rows would be rejected: how many problems of this kind, and the line of the first."""

    field: str | None
    reason: str
    rows: int
    first_line: int


@dataclass(frozen=True, slots=True)
class Verdict:
    """`source` is how the file was read; `rejects` are the first problems. `compared`: rows were read as whole records."""

    source: SourceFile
    information_type: str
    matches: Matches
    rows: int
    rejected: int
    reasons: tuple[Reason, ...]
    rejects: tuple[dict[str, Any], ...]
    compared: bool
    hints: tuple[str, ...]


def check_file(asked: Asked, information_type: InformationType, steps: Steps) -> Verdict:
    """Reads the file to its end; see the module."""
    source, hints = find_out(asked)
    names = _read_names(source)
    matches = match_names(names, source.naming, information_type, objects=source.format is Format.JSONL)
    if source.format in DELIMITERS:
        hints += _hint_title_line(source, names, matches)
    naming = replace(
        source.naming, fields={**source.naming.fields, **matches.suggested}, ignored=source.naming.ignored.union(matches.unknown)
    )
    accepted = replace(source, naming=naming)
    torn = any(each.how in (How.DOUBLE, How.RECORD) for each in matches.columns)
    compared = not torn and not matches.missing
    if not matches.index():
        found: _Found = (0, 0, (), ())  # of another file, most likely: its rows say nothing
    elif compared:
        found = _check_records(accepted, information_type, steps)
    elif source.format in DELIMITERS:
        found = _check_cells(accepted, information_type, matches, steps)
    else:
        found = (0, 0, (), ())
    return Verdict(source, information_type.name, matches, *found, compared, tuple(hints))


_Found = tuple[int, int, tuple[Reason, ...], tuple[dict[str, Any], ...]]


def _read_names(source: SourceFile) -> list[str]:
    """The header, or all names of the first objects."""
    if source.format is Format.PARQUET:
        with closing(open_parquet(source.path, source.naming.ignored)) as file:
            return file.names()
    with closing(Lines(source.path, source.encoding)) as lines:
        if source.format is Format.JSONL:
            found = zip(range(_NAMES_FROM_OBJECTS), read_json_lines(lines), strict=False)
            names = list(dict.fromkeys(name for _, (_, content) in found if isinstance(content, dict) for name in content))
            if not names:
                raise ConfigError(f"{source.path}: no line is a JSON object; is this a JSON lines file?")
            return names
        _, header = next(_delimited(lines, source), (0, []))
        if not header:
            raise ConfigError(f"{source.path}: no header line")
        return header


def _delimited(lines: Lines, source: SourceFile) -> Iterator[tuple[int, list[str]]]:
    return read_delimited(lines, source.delimiter or DELIMITERS[source.format], quotes=source.quotes)


def _hint_title_line(source: SourceFile, names: Sequence[str], matches: Matches) -> list[str]:
    """Exports often begin with a title; then every row is wider than what was taken for the header."""
    if matches.index():
        return []
    with closing(Lines(source.path, source.encoding)) as lines:
        first = [cells for _, (_, cells) in zip(range(20), _delimited(lines, source), strict=False)][1:]
    filled = sum(map(bool, names))
    if first and all(len(cells) > filled for cells in first):
        return ["the first line has fewer cells than the others: is it a title? Remove the lines above the header"]
    return []


def _check_records(source: SourceFile, information_type: InformationType, steps: Steps) -> _Found:
    records = Records(information_type)
    with ExitStack() as stack:
        state = State(None)
        stack.callback(state.close)
        state.create(Identity("", information_type.name, "", 1), information_type, {})
        rows = open_source(source, information_type, records)
        stack.enter_context(closing(rows.file))
        staging = Staging(state.connection)
        for row in _shown(rows, rows.file, steps):
            staging.add(row, records.describe_key(row.key) if row.problems and row.key is not None else None)
        staging.flush()
        if source.naming.op is None:
            compare_snapshot(staging, records)
        reasons = tuple(Reason(*found) for found in staging.reasons())
        return (
            staging.rows,
            staging.rejected_rows(),
            reasons,
            tuple(reject for reject, _ in zip(staging.rejects(), range(_SHOWN), strict=False)),
        )


def _check_cells(source: SourceFile, information_type: InformationType, matches: Matches, steps: Steps) -> _Found:
    with closing(Lines(source.path, source.encoding)) as lines:
        found = _delimited(lines, source)
        _, header = next(found)
        read: Reader = cells_reader(information_type, Columns(matches.index(), None, len(header)), source.null_texts)
        rows = (Row(line, "", None, None, None, read(cells).problems) for line, cells in found)
        return _count_problems(_shown(rows, lines, steps))


def _count_problems(rows: Iterable[Row]) -> _Found:
    count, rejected, firsts = 0, 0, list[tuple[int, Problem]]()
    counts, lines = Counter[Problem](), dict[Problem, int]()
    for row in rows:
        count += 1
        rejected += bool(row.problems)
        counts.update(row.problems)
        for problem in row.problems:
            lines.setdefault(problem, row.line)
            if len(firsts) < _SHOWN:
                firsts.append((row.line, problem))
    reasons = tuple(Reason(problem.field, problem.reason, number, lines[problem]) for problem, number in counts.most_common())
    return count, rejected, reasons, tuple({"line": line, "field": each.field, "reason": each.reason} for line, each in firsts)


def _shown(rows: Iterable[Row], file: OpenFile, steps: Steps) -> Iterator[Row]:
    steps.begin("reading", file.size)
    for number, row in enumerate(rows):
        if number % _SHOW_EVERY_ROWS == 0:
            steps.show(file.bytes_read, number)
        yield row


def columns_yaml(matches: Sequence[Match]) -> str:
    """`publishing.columns` of type.yaml as these names are understood, ready to paste."""
    lines = [f"    {quoted(each.column)}: {each.field}" for each in matches if each.field is not None and each.column != each.field]
    return "\n".join(["publishing:", "  columns:", *lines])


def quoted(text: str) -> str:
    """A YAML scalar, in quotes unless it has letters alone: then nothing can be misread."""
    if all(each.isalpha() or each == "_" for each in text) and text.lower() not in _WORDS:
        return text
    escaped = (each if each.isprintable() and each not in '"\\' else f"\\U{ord(each):08X}" for each in text)
    return '"' + "".join(escaped) + '"'
