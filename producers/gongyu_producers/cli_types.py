"""`gongyu-owner types`: list the information types, check a file against one, draft one from a file."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from gongyu_producers.blocks import Block, as_blocks, screen_width
from gongyu_producers.check import check_file
from gongyu_producers.columns import Naming
from gongyu_producers.draft import DraftRequest, draft_type
from gongyu_producers.options import (
    FileOptions,
    JsonOption,
    NamingOptions,
    TypeOption,
    TypesOption,
    ask_file,
    choose_type,
    takes_groups,
    type_folders,
)
from gongyu_producers.progress import ProgressView
from gongyu_producers.verdict_text import draft_as_json, draft_as_text, exit_code_of, verdict_as_json, verdict_as_text
from gongyu_schemas.errors import ConfigError, reported
from gongyu_schemas.information_type import InformationType, find_types

types_app = typer.Typer(add_completion=False)

_LIST_HELP = """List the information types that are known here, with their fields; check a file against one; draft one from a file.

Example: gongyu-owner types --types DIR

Exit codes: 0 all are sound; 2 wrong usage, or a type is broken: what is wrong with it is said, and the others are listed.
"""

_CHECK_HELP = """Say what publishing a file would make of it: which columns fit, which rows would be rejected and why.

Needs no Kafka and publishes nothing. Encoding and delimiter are found out where they are not given; columns that do not fit
get a suggestion, and a piece of type.yaml to paste.

Example: gongyu-owner types check residents.csv --type resident

Exit codes: 0 it would be published as it is; 2 wrong usage or file, or its columns do not fit; 5 rows would be rejected.
"""

_NEW_HELP = """Draft a new information type from a file: a folder with type.yaml and record.avsc, to be looked through.

Field names are the headers romanised, types are guessed from the values, every field is classified `personal` until you
say otherwise. Nothing is overwritten. Columns that --ignore passes over get no field; texts given with --null mean null beside
the empty text, and are written into type.yaml. A Parquet file is published as the others, but no type is drafted from one:
write some of its rows as CSV.

Example: gongyu-owner types new permits.csv --name parking-permit --owner city --key 허가번호 --out types
"""


@types_app.callback(invoke_without_command=True, help=_LIST_HELP)
def list_command(context: typer.Context, types: TypesOption = None, as_json: JsonOption = False) -> None:
    if context.invoked_subcommand is not None:
        return
    with reported():
        found = find_types(*type_folders(types))
        known = sorted(found.sound.values(), key=lambda each: each.name)
        if as_json:
            typer.echo(json.dumps([_describe(each) for each in known], ensure_ascii=False))
        else:
            typer.echo(as_blocks(map(_as_block, known), screen_width()))
        broken = [line for name, mistakes in found.broken.items() for line in (f"{name!r} is a broken type; mend its folder:", *mistakes)]
        if broken or found.absent:
            raise ConfigError("\n".join([*broken, *found.absent]))


@types_app.command("check", help=_CHECK_HELP)
@takes_groups
def check_command(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="TSV, CSV, JSON lines or Parquet.")],
    type_name: TypeOption,
    how: FileOptions,
    naming: NamingOptions,
    types: TypesOption = None,
    as_json: JsonOption = False,
) -> None:
    with reported():
        information_type = choose_type(type_name, types)
        asked = ask_file(file, information_type, how, naming)
        with ProgressView() as steps:
            verdict = check_file(asked, information_type, steps)
        typer.echo(verdict_as_json(verdict, information_type) if as_json else verdict_as_text(verdict, information_type, types or []))
        sys.exit(exit_code_of(verdict))


@types_app.command("new", help=_NEW_HELP)
@takes_groups
def new_command(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="TSV, CSV or JSON lines; no Parquet.")],
    name: Annotated[str, typer.Option("--name", metavar="T", help="Name of the new type.")],
    owner: Annotated[str, typer.Option("--owner", metavar="O", help="The organisation that publishes it.")],
    how: FileOptions,
    key: Annotated[list[str] | None, typer.Option("--key", metavar="HEADER", help="Column that names a record; may be repeated.")] = None,
    title: Annotated[str | None, typer.Option("--title", help="What people call it; else its name.")] = None,
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Folder of types that gets the new one.")] = Path("types"),
    rows: Annotated[int, typer.Option("--rows", min=1, help="Rows that types are guessed from.")] = 200_000,
    as_json: JsonOption = False,
) -> None:
    with reported():
        request = DraftRequest(
            asked=how.ask(file, Naming({}, frozenset(how.ignore or []), None), ()),
            name=name,
            owner=owner,
            key=tuple(key or ()),
            folder=out,
            title=title,
            rows=rows,
        )
        draft = draft_type(request)
        typer.echo(draft_as_json(draft) if as_json else draft_as_text(draft))


def _as_block(each: InformationType) -> Block:
    fields = ", ".join(f"{field.name} {field.kind.value}{'?' if field.nullable else ''}" for field in each.fields)
    lines = (("owner", each.owner), ("title", f"{each.title.ko} / {each.title.en}"), ("key", ", ".join(each.key)), ("fields", fields))
    return Block(each.name, lines)


def _describe(each: InformationType) -> dict[str, object]:
    titles = {name: title.model_dump() for name, title in each.titles.items()}
    fields = [
        {"name": field.name, "title": titles.get(field.name), "kind": field.kind.value, "nullable": field.nullable} for field in each.fields
    ]
    return {"name": each.name, "owner": each.owner, "title": each.title.model_dump(), "key": each.key, "fields": fields}
