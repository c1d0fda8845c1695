"""What `types check` and `types new` say, for people and (`--json`) for programs. No value of a record is in it."""

from __future__ import annotations

import dataclasses
import json
import shlex
from collections.abc import Iterator, Sequence
from pathlib import Path

from rich.cells import cell_len

from gongyu_producers.check import Verdict, columns_yaml
from gongyu_producers.draft import Draft
from gongyu_producers.lines import Encoding
from gongyu_producers.matching import How
from gongyu_producers.source import DELIMITERS, Format, SourceFile
from gongyu_schemas import exit_codes
from gongyu_schemas.information_type import InformationType

_NAMES = {"\t": "tab", ",": "comma", ";": "semicolon", "|": "pipe"}
_REASONS_SHOWN = 20


def exit_code_of(verdict: Verdict) -> int:
    if not verdict.matches.fit:
        return exit_codes.USAGE
    return exit_codes.REJECTED if verdict.rejected else exit_codes.OK


def verdict_as_json(verdict: Verdict, information_type: InformationType) -> str:
    source, matches = verdict.source, verdict.matches
    content = {
        "file": str(source.path),
        "information_type": verdict.information_type,
        "format": source.format,
        "encoding": None if source.format is Format.PARQUET else source.encoding,
        "delimiter": source.delimiter if source.format in DELIMITERS else None,
        "fits": matches.fit,
        "columns": [dataclasses.asdict(each) for each in matches.columns],
        "missing": matches.missing,
        "rows": verdict.rows,
        "rejected": verdict.rejected,
        "whole_records": verdict.compared,
        "reasons": [dataclasses.asdict(each) for each in verdict.reasons],
        "first_rejects": verdict.rejects,
        "hints": verdict.hints,
        "options": options_of(source, information_type.publishing.null_texts),
    }
    return json.dumps(content, ensure_ascii=False)


def verdict_as_text(verdict: Verdict, information_type: InformationType, folders: Sequence[Path]) -> str:
    """`folders` are those given with --types: the command that is shown can be pasted as it is."""
    source, matches = verdict.source, verdict.matches
    read_as = [source.format.value]
    if source.format is not Format.PARQUET:
        read_as.append(source.encoding.value)
    if source.format in DELIMITERS and source.delimiter is not None:
        read_as.append(f"delimiter {_NAMES.get(source.delimiter, source.delimiter)}")
    kinds = {field.name: field.kind.value + ("?" if field.nullable else "") for field in information_type.fields}
    lines = [f"{source.path}: read as {', '.join(read_as)}", ""]
    named = [(each.column, _explain(each.how, each.field, kinds)) for each in matches.columns]
    lines += _aligned(named + [("(none)", f"missing: no column for field {name} ({kinds[name]})") for name in matches.missing])
    fits = bool(matches.index())
    lines += ["", *(_say_rows(verdict) if fits else _say_none_fits(verdict))]
    lines += [f"hint: {hint}" for hint in verdict.hints]
    lines += _say_next(verdict, information_type, folders) if fits else []
    return "\n".join(lines)


def _say_none_fits(verdict: Verdict) -> list[str]:
    what = "name in the objects" if verdict.source.format is Format.JSONL else "column"
    return [
        f"no {what} fits type {verdict.information_type!r}, so no row was read. Is it the right file and --type?",
        "--map HEADER=field says which field a column fills; `gongyu-owner types new` drafts a type from a file",
    ]


def _aligned(pairs: list[tuple[str, str]]) -> list[str]:
    """Two columns; a Hangul syllable is two cells wide."""
    width = max((cell_len(left) for left, _ in pairs), default=0)
    return [f"  {left}{' ' * (width - cell_len(left))}  {right}" for left, right in pairs]


def _explain(how: How, field: str | None, kinds: dict[str, str]) -> str:
    if how is How.SUGGESTED:
        return f"unknown; is it {field} ({kinds[str(field)]})?"
    if how is How.UNKNOWN:
        return "unknown; --ignore passes it over"
    if how is How.DOUBLE:
        return f"double: {field} has a column already" if field else "double: this name occurs twice"
    if how is How.RECORD:
        return f"a record: give each of its fields a column, as in {field}.x"
    if field is None:
        return how.value
    return f"-> {field} ({kinds.get(field, 'record')}), {how.value}"


def _say_rows(verdict: Verdict) -> list[str]:
    if not verdict.rows:
        return ["no rows were read"]
    if verdict.compared:
        lines = [f"{verdict.rows:,} rows: {verdict.rows - verdict.rejected:,} good, {verdict.rejected:,} rejected"]
    else:
        said = f"{verdict.rows:,} rows: in the columns that fit, {verdict.rejected:,} have a value that would be rejected"
        lines = [f"{said}; other columns, keys and whole records were not checked"]
    shown = verdict.reasons[:_REASONS_SHOWN]
    lines += [f"  {each.rows:,} x {each.field or 'row'}: {each.reason} (first: line {each.first_line})" for each in shown]
    if len(verdict.reasons) > _REASONS_SHOWN:
        lines.append(f"  and {len(verdict.reasons) - _REASONS_SHOWN:,} more reasons (--json lists all)")
    if verdict.rejects:
        lines.append("first of them:")
    return lines + [f"  line {each['line']}: {each['field'] or 'row'}: {each['reason']}" for each in verdict.rejects]


def _say_next(verdict: Verdict, information_type: InformationType, folders: Sequence[Path]) -> list[str]:
    """What to do now: the mapping to paste, and the command that publishes."""
    lines: list[str] = []
    matches = verdict.matches
    if matches.suggested:
        lines += ["", "if the suggestions are right, this in type.yaml makes them fit:", columns_yaml(matches.columns)]
    if matches.missing:
        lines += ["", f"fields without a column: {', '.join(matches.missing)}; name theirs with --map HEADER=field, or mend the export"]
        return lines
    declared = information_type.publishing.columns
    options = [part for folder in folders for part in ("--types", str(folder))]
    options += options_of(verdict.source, information_type.publishing.null_texts)
    maps = [each for each in matches.columns if each.how in (How.MAPPING, How.SUGGESTED) and declared.get(each.column) != each.field]
    options += [part for each in maps for part in ("--map", f"{each.column}={each.field}")]
    options += [part for header in matches.unknown for part in ("--ignore", header)]
    profile = f"owner.{information_type.owner}.yaml"
    options += ["--profile", profile] + (["--snapshot"] if verdict.source.naming.op is None else [])
    command = shlex.join(["gongyu-owner", "publish", str(verdict.source.path), "--type", verdict.information_type, *options])
    what = "these changes" if verdict.source.naming.op is not None else "it as the whole register (as changes: without --snapshot)"
    return [*lines, "", f"to publish {what}, with the profile that the hub writes to DIR/profiles/{profile}:", f"  {command}"]


def options_of(source: SourceFile, null_texts: Sequence[str]) -> list[str]:
    """What `publish` must be told of the file, because it does not guess; `null_texts` it knows from the type."""
    options: list[str] = []
    if source.path.suffix.lower().lstrip(".") not in (source.format.value, "tab", "ndjson", "jsonlines", "pq"):
        options += ["--format", source.format.value]
    if source.format is not Format.PARQUET and source.encoding is not Encoding.UTF_8:
        options += ["--encoding", source.encoding.value]
    if source.format in DELIMITERS and source.delimiter not in (None, DELIMITERS[source.format]):
        options += ["--delimiter", _NAMES.get(str(source.delimiter), str(source.delimiter))]
    if not source.quotes:
        options.append("--no-quotes")
    if set(source.null_texts) != set(null_texts):
        options += [part for text in source.null_texts for part in ("--null", text)]
    options += [part for header in sorted(source.naming.ignored) for part in ("--ignore", header)]
    return options + (["--op-column", source.naming.op] if source.naming.op is not None else [])


def draft_as_json(draft: Draft) -> str:
    content = {
        "folder": str(draft.folder),
        "name": draft.information_type.name,
        "encoding": draft.source.encoding,
        "delimiter": draft.source.delimiter if draft.source.format in DELIMITERS else None,
        "rows": draft.rows,
        "columns": [{"header": each.header, "field": each.field, "kind": _kind(draft, each.field)} for each in draft.columns],
        "notes": draft.notes,
    }
    return json.dumps(content, ensure_ascii=False)


def draft_as_text(draft: Draft) -> str:
    name, owner = draft.information_type.name, draft.information_type.owner
    types, source = str(draft.folder.parent), draft.source
    folder = shlex.quote(types)
    check = ["gongyu-owner", "types", "check", str(source.path), "--type", name, "--types", types, *options_of(source, source.null_texts)]
    return "\n".join(
        [
            f"{draft.folder}: drafted from {draft.rows:,} rows ({source.encoding.value})",
            "",
            *_list_columns(draft),
            "",
            *(f"note: {note}" for note in draft.about_rows),
            "now:",
            "  1. look through type.yaml (title, classification) and record.avsc (names, types)",
            f"  2. {shlex.join(check)}",
            f"  3. start the hub with --types {folder}, and grant fields of {name!r} in its policy file",
            f"  4. publish with the profile of owner {owner!r}, which the hub writes to DIR/profiles/owner.{owner}.yaml",
        ]
    )


def _list_columns(draft: Draft) -> Iterator[str]:
    """Each with its notes below it."""
    aligned = _aligned([(each.header, f"-> {each.field} ({_kind(draft, each.field)})") for each in draft.columns])
    for line, column in zip(aligned, draft.columns, strict=True):
        yield line
        yield from (f"      note: {note}" for note in column.notes)


def _kind(draft: Draft, name: str) -> str:
    field = draft.information_type.field(name)
    return field.kind.value + ("?" if field.nullable else "")
