"""A file of records -> the first draft of its information type: a folder with type.yaml and record.avsc, to be looked through.

Field names are the headers romanised, with the headers as documentation and in `publishing.columns`; types are
guessed from the values (`guess`), text for key fields. Every field but the key's may be null: a value that is missing
tomorrow then is no rejected row. Every field is classified `personal` until its owner says otherwise.
Nothing is overwritten. Raises ConfigError where no type can be made of the file, or the draft would be none.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gongyu_producers.check import quoted
from gongyu_producers.delimited import read_delimited
from gongyu_producers.guess import Guess
from gongyu_producers.json_lines import read_json_lines
from gongyu_producers.lines import Lines
from gongyu_producers.romanise import romanise
from gongyu_producers.sniff import find_out
from gongyu_producers.source import DELIMITERS, Asked, Format, SourceFile
from gongyu_schemas.errors import ConfigError
from gongyu_schemas.information_type import RECORD_FILE, TYPE_FILE, InformationType, load_type
from gongyu_schemas.names import avro_name, check_name
from gongyu_schemas.plain_words import why

_KEYS_TRIED = 10_000
_ODD_ROWS_SHOWN = 3


@dataclass(frozen=True, slots=True)
class DraftRequest:
    """What only the owner knows. `key` are headers (or field names); null texts are those beside the empty one."""

    asked: Asked
    name: str
    owner: str
    key: tuple[str, ...]
    folder: Path
    title: str | None = None
    rows: int = 200_000


@dataclass(frozen=True, slots=True)
class DraftColumn:
    """A column with what was made of it."""

    header: str
    field: str
    guess: Guess
    is_key: bool

    @property
    def notes(self) -> list[str]:
        """For its owner to decide."""
        guess = self.guess
        if not self.is_key:
            note = guess.note()
            return ([] if note is None else [note]) + (
                [f"{', '.join(sorted(guess.null_texts))} taken as null, in every column"] if guess.null_texts else []
            )
        if not guess.empty:
            return []
        where = f"is the key, but empty in {guess.empty:,} rows (first: line {guess.first_empty})"
        return [f"{where}; these would be rejected, and forbid the deletes of a snapshot"]


@dataclass(frozen=True, slots=True)
class Draft:
    """A written draft, and how its file was read. `about_rows` are notes on no single column."""

    folder: Path
    information_type: InformationType
    columns: tuple[DraftColumn, ...]
    rows: int
    about_rows: tuple[str, ...]
    source: SourceFile

    @property
    def notes(self) -> tuple[str, ...]:
        """All of them, those on a column with its header."""
        return (*self.about_rows, *(f"{each.header!r}: {note}" for each in self.columns for note in each.notes))


@dataclass(frozen=True, slots=True)
class _Table:
    """A file read as texts, without the columns to pass over; a row with other cells than the header has none."""

    path: Path
    header: list[str]
    rows: Iterator[tuple[int, list[str]]]


def draft_type(request: DraftRequest) -> Draft:
    """Reads the file's beginning and writes the folder."""
    check_name(request.name, "--name")
    check_name(request.owner, "--owner")
    folder = request.folder / request.name
    if (folder / TYPE_FILE).exists() or (folder / RECORD_FILE).exists():
        raise ConfigError(f"{folder}: there is a type already; edit it, or choose another --name or --out")
    source, _ = find_out(request.asked)
    if source.format is Format.PARQUET:
        raise ConfigError(f"{source.path}: a type is drafted from TSV, CSV or JSON lines; write some rows as one of them")
    with closing(Lines(source.path, source.encoding)) as lines:
        table = _open_table(source, lines)
        _check_header(source, table.header)
        key = _find_key(request, table)
        guesses = [Guess(nulls=frozenset(source.null_texts)) for _ in table.header]
        rows, notes = _see_rows(table, guesses, request)
    names = _name_fields(table.header)
    columns = tuple(
        DraftColumn(header, name, guess, header in key) for header, name, guess in zip(table.header, names, guesses, strict=True)
    )
    _write(folder, request, columns, key)
    return Draft(folder, load_type(folder), columns, rows, tuple(notes), source)


def _open_table(source: SourceFile, lines: Lines) -> _Table:
    ignored = source.naming.ignored
    if source.format is Format.JSONL:
        objects = (
            (line, {name: _as_text(value, line, source.path) for name, value in content.items() if name not in ignored})
            for line, content in read_json_lines(lines)
            if isinstance(content, dict)
        )
        first = list(itertools.islice(objects, 1_000))
        header = list(dict.fromkeys(name for _, content in first for name in content))
        rows = ((line, [content.get(name, "") for name in header]) for line, content in itertools.chain(first, objects))
        return _Table(source.path, header, rows)
    found = read_delimited(lines, source.delimiter or DELIMITERS[source.format], quotes=source.quotes)
    _, whole = next(found, (0, list[str]()))
    kept = [at for at, name in enumerate(whole) if name not in ignored]
    cells = ((line, [row[at] for at in kept] if len(row) == len(whole) else []) for line, row in found)
    return _Table(source.path, [whole[at] for at in kept], cells)


def _as_text(value: Any, line: int, path: Path) -> str:
    if value is None:
        return ""
    if isinstance(value, dict | list):
        raise ConfigError(f"{path}: line {line}: holds nested values; write type.yaml and record.avsc of such a type by hand")
    return str(value).lower() if isinstance(value, bool) else str(value)


def _check_header(source: SourceFile, header: list[str]) -> None:
    path = source.path
    if not header:
        raise ConfigError(f"{path}: {'--ignore passes over every column' if source.naming.ignored else 'no header line'}")
    twice = sorted({name for name in header if header.count(name) > 1})
    if twice:
        raise ConfigError(f"{path}: columns {', '.join(map(repr, twice))} occur twice in the header; name them apart")


def _find_key(request: DraftRequest, table: _Table) -> tuple[str, ...]:
    """The headers of the key. Raises ConfigError naming what could be one."""
    by_field = dict(zip(_name_fields(table.header), table.header, strict=True))
    key = tuple(by_field.get(name, name) for name in request.key)
    unknown = [name for name in key if name not in table.header]
    if key and not unknown:
        return key
    listed = ", ".join(map(repr, table.header))
    told = f"--key: there is no column {unknown[0]!r}; " if unknown else "--key: say which column (or columns) tells the records apart; "
    alone = _unique_columns(table)
    hint = f"unique in the first rows: {', '.join(map(repr, alone))}" if alone else "none is unique in the first rows: give several"
    raise ConfigError(f"{table.path}: {told}the columns are {listed}; {hint}")


def _unique_columns(table: _Table) -> list[str]:
    first = [cells for _, cells in itertools.islice(table.rows, _KEYS_TRIED) if len(cells) == len(table.header)]
    columns = zip(table.header, zip(*first, strict=True), strict=False)
    return [name for name, texts in columns if "" not in texts and len(set(texts)) == len(texts)]


def _see_rows(table: _Table, guesses: Sequence[Guess], request: DraftRequest) -> tuple[int, list[str]]:
    rows, odd = 0, list[int]()
    for line, cells in itertools.islice(table.rows, request.rows):
        rows += 1
        if len(cells) != len(guesses):
            odd.append(line)
            continue
        for guess, text in zip(guesses, cells, strict=True):
            guess.see(text, line)
    if not rows:
        raise ConfigError(f"{table.path}: no rows behind the header; types cannot be guessed from none")
    if len(odd) == rows:
        raise ConfigError(
            f"{table.path}: no row has the {len(guesses)} cells of the header: is the first line a title? "
            "Remove the lines above the header, or give --delimiter"
        )
    notes = [f"types are guessed from the first {rows:,} rows (--rows)"] if rows == request.rows else []
    if odd:
        shown = ", ".join(map(str, odd[:_ODD_ROWS_SHOWN])) + (", ..." if len(odd) > _ODD_ROWS_SHOWN else "")
        notes.append(f"{len(odd):,} rows have another number of cells than the header and would be rejected (lines {shown})")
    return rows, notes


def _name_fields(header: Sequence[str]) -> list[str]:
    names: list[str] = []
    for number, text in enumerate(header, start=1):
        name = romanise(text, f"column_{number}")
        names.append(name if name not in names else f"{name}_{number}")
    return names


def _write(folder: Path, request: DraftRequest, columns: Sequence[DraftColumn], key: tuple[str, ...]) -> None:
    record = {
        "type": "record",
        "name": avro_name(request.name),
        "fields": [_declare(each) for each in columns],
    }
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / RECORD_FILE).write_text(json.dumps(record, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
        (folder / TYPE_FILE).write_text(_type_yaml(request, columns, key), encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"{folder}: cannot be written: {why(error)}; choose another --out") from error


def _declare(column: DraftColumn) -> dict[str, Any]:
    if column.is_key:
        return {"name": column.field, "type": "string", "doc": column.header}
    return {"name": column.field, "type": ["null", column.guess.schema()], "default": None, "doc": column.header}


def _type_yaml(request: DraftRequest, columns: Sequence[DraftColumn], key: tuple[str, ...]) -> str:
    fields = {each.header: each.field for each in columns}
    null_texts = list(dict.fromkeys(["", *request.asked.null_texts, *sorted(set().union(*(each.guess.null_texts for each in columns)))]))
    title = quoted(request.title or request.name)
    lines = [
        f"name: {request.name}",
        f"owner: {request.owner}",
        "title:",
        f"  ko: {title}",
        f"  en: {title}  # for readers of English",
        f"key: [{', '.join(fields[header] for header in key)}]",
        "# subject: the fields that say whom or what a record is about, if that is not the key (one person's records stay in order)",
        "# version: a field that grows with every change of a record, if there is one",
        "classification:  # look through: public, internal, personal or sensitive",
        *(f"  {each.field}: personal" for each in columns),
        "titles:",
        *(f"  {each.field}: {{ko: {quoted(each.header)}, en: {each.field}}}" for each in columns),
        "publishing:",
        "  columns:",
        *(f"    {quoted(each.header)}: {each.field}" for each in columns),
        f"  null_texts: [{', '.join(json.dumps(text, ensure_ascii=False) for text in null_texts)}]",
    ]
    return "\n".join(lines) + "\n"
