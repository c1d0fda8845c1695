"""`gongyu-owner`: the command line of the owner's side."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from gongyu_producers.columns import make_naming
from gongyu_producers.generate import command as generate
from gongyu_producers.guard import read_limit
from gongyu_producers.lines import Encoding
from gongyu_producers.progress import ProgressView
from gongyu_producers.publish import Run, publish
from gongyu_producers.send import CHANGES_PER_TRANSACTION
from gongyu_producers.source import Format, SourceFile, format_of, read_delimiter
from gongyu_schemas import exit_codes
from gongyu_schemas.errors import ConfigError, reported
from gongyu_schemas.information_type import InformationType, load_types, shipped_types
from gongyu_schemas.transport.profile import read_profile

app = typer.Typer(no_args_is_help=True, add_completion=False, help="The owner's side of gongyu: publish a register.")

_PUBLISH_HELP = """Publish a file of records to the owner's topic.

Without --snapshot every row is a change: a new image of its record, or what --op-column says.
With --snapshot the file is the whole register: what differs from what was published is created, updated, deleted.

Example: gongyu-owner publish residents.tsv --type resident --profile owner.mois.yaml --snapshot

Exit codes: 0 published; 1 failed; 2 wrong usage, file or stopped by the guard, nothing was published; 3 Kafka or
registry; 4 local state; 5 published, but rows were rejected; 130 and 143 stopped by Ctrl-C or SIGTERM.
"""

TypesOption = Annotated[list[Path] | None, typer.Option("--types", metavar="DIR", help="More information types; may be repeated.")]


@app.callback()
def _commands() -> None:
    """Keeps `publish` a command of its own name."""


@app.command("publish", help=_PUBLISH_HELP)
def publish_command(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="TSV, CSV or JSON lines.")],
    type_name: Annotated[str, typer.Option("--type", metavar="T", help="Information type of the records.")],
    profile: Annotated[Path, typer.Option("--profile", metavar="FILE", help="The owner's connection and credentials.")],
    types: TypesOption = None,
    snapshot: Annotated[bool, typer.Option("--snapshot", help="The file is the whole register.")] = False,
    file_format: Annotated[Format | None, typer.Option("--format", help="Else the file's extension tells.")] = None,
    encoding: Annotated[Encoding, typer.Option("--encoding", help="A UTF-8 byte order mark is tolerated.")] = Encoding.UTF_8,
    delimiter: Annotated[str | None, typer.Option("--delimiter", help="One character, or tab, comma, semicolon, pipe.")] = None,
    no_quotes: Annotated[bool, typer.Option("--no-quotes", help="Quotes are ordinary characters.")] = False,
    maps: Annotated[list[str] | None, typer.Option("--map", metavar="HEADER=FIELD", help="Which field a column fills.")] = None,
    ignore: Annotated[list[str] | None, typer.Option("--ignore", metavar="HEADER", help="A column to pass over.")] = None,
    null: Annotated[list[str] | None, typer.Option("--null", metavar="TEXT", help="A text that means null (else type.yaml's).")] = None,
    op_column: Annotated[str | None, typer.Option("--op-column", metavar="HEADER", help="Column with c, u or d.")] = None,
    max_deletes: Annotated[str, typer.Option("--max-deletes", metavar="N|N%", help="More deletes stop the run.")] = "20%",
    allow_deletes: Annotated[bool, typer.Option("--allow-deletes", help="However many deletes there are.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show counts and keys; change nothing.")] = False,
    keys: Annotated[int, typer.Option("--keys", min=0, help="Keys of each kind that --dry-run shows.")] = 20,
    rejects: Annotated[Path | None, typer.Option("--rejects", help="Else FILE.rejects.jsonl.")] = None,
    state_dir: Annotated[Path | None, typer.Option("--state-dir", help="Else $XDG_STATE_HOME/gongyu/owner.")] = None,
    rebuild_state: Annotated[bool, typer.Option("--rebuild-state", help="Read what is published from the topic's start.")] = False,
    per_transaction: Annotated[int, typer.Option("--per-transaction", min=1, max=50_000, help="Changes in one transaction.")] = (
        CHANGES_PER_TRANSACTION
    ),
    as_json: Annotated[bool, typer.Option("--json", help="The summary as JSON.")] = False,
) -> None:
    with reported():
        if snapshot and op_column is not None:
            raise ConfigError("--op-column: the rows of a --snapshot are states, not changes; leave one of both away")
        information_type = _find_type(type_name, types or [])
        source = SourceFile(
            path=file,
            format=format_of(file, file_format),
            naming=make_naming(information_type, maps or [], ignore or [], op_column),
            null_texts=information_type.publishing.null_texts if null is None else tuple(null),
            encoding=encoding,
            delimiter=None if delimiter is None else read_delimiter(delimiter),
            quotes=not no_quotes,
        )
        run = Run(
            information_type=information_type,
            source=source,
            snapshot=snapshot,
            state_dir=state_dir or default_state_dir(),
            delete_limit=None if allow_deletes else read_limit(max_deletes),
            per_transaction=per_transaction,
            dry_run=dry_run,
            rebuild_state=rebuild_state,
            rejects=rejects,
            keys_shown=keys,
        )
        with ProgressView() as steps:
            summary = publish(run, read_profile(profile), steps)
        typer.echo(summary.as_json() if as_json else summary.as_text())
        if summary.rejected:
            raise SystemExit(exit_codes.REJECTED)


@app.command("types")
def types_command(types: TypesOption = None, as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False) -> None:
    """List the information types that are known here, with their fields. Example: gongyu-owner types --types DIR."""
    with reported():
        known = sorted(load_types(shipped_types(), *(types or [])).values(), key=lambda each: each.name)
        if as_json:
            typer.echo(json.dumps([_describe(each) for each in known], ensure_ascii=False))
            return
        table = Table("type", "owner", "title", "key", "fields")
        for each in known:
            names = ", ".join(f"{field.name} {field.kind.value}{'?' if field.nullable else ''}" for field in each.fields)
            table.add_row(each.name, each.owner, f"{each.title.ko} / {each.title.en}", ", ".join(each.key), names)
        Console().print(table)


app.command("generate", help=generate.HELP)(generate.generate_command)


def default_state_dir() -> Path:
    """$XDG_STATE_HOME/gongyu/owner, by default ~/.local/state/gongyu/owner."""
    base = os.environ.get("XDG_STATE_HOME")
    try:
        return (Path(base) if base else Path.home() / ".local" / "state") / "gongyu" / "owner"
    except RuntimeError as error:
        raise ConfigError("there is no home folder for the local state; give --state-dir DIR") from error


def _describe(each: InformationType) -> dict[str, object]:
    titles = {name: title.model_dump() for name, title in each.titles.items()}
    fields = [
        {"name": field.name, "title": titles.get(field.name), "kind": field.kind.value, "nullable": field.nullable} for field in each.fields
    ]
    return {"name": each.name, "owner": each.owner, "title": each.title.model_dump(), "key": each.key, "fields": fields}


def _find_type(name: str, folders: list[Path]) -> InformationType:
    known = load_types(shipped_types(), *folders)
    if name not in known:
        raise ConfigError(f"--type {name!r} is not known; known are {', '.join(sorted(known))}; --types DIR adds a folder of types")
    return known[name]


def main() -> None:
    app()
