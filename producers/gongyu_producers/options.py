"""Options that several commands of `gongyu-owner` share, and what they come to."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from gongyu_producers.lines import Encoding
from gongyu_producers.source import Format
from gongyu_schemas.errors import ConfigError
from gongyu_schemas.information_type import InformationType, load_types, shipped_types

TypesOption = Annotated[list[Path] | None, typer.Option("--types", metavar="DIR", help="More information types; may be repeated.")]
FormatOption = Annotated[Format | None, typer.Option("--format", help="Else the file's extension tells.")]
DelimiterOption = Annotated[str | None, typer.Option("--delimiter", help="One character, or tab, comma, semicolon, pipe.")]
NoQuotesOption = Annotated[bool, typer.Option("--no-quotes", help="Quotes are ordinary characters.")]
MapOption = Annotated[list[str] | None, typer.Option("--map", metavar="HEADER=FIELD", help="Which field a column fills.")]
IgnoreOption = Annotated[list[str] | None, typer.Option("--ignore", metavar="HEADER", help="A column to pass over.")]
NullOption = Annotated[list[str] | None, typer.Option("--null", metavar="TEXT", help="A text that means null (else type.yaml's).")]
OpColumnOption = Annotated[str | None, typer.Option("--op-column", metavar="HEADER", help="Column with c, u or d.")]
SniffedEncodingOption = Annotated[Encoding | None, typer.Option("--encoding", help="Else found out.")]
StateDirOption = Annotated[Path | None, typer.Option("--state-dir", help="Else $XDG_STATE_HOME/gongyu/owner.")]
JsonOption = Annotated[bool, typer.Option("--json", help="As JSON.")]


def default_state_dir() -> Path:
    """$XDG_STATE_HOME/gongyu/owner, by default ~/.local/state/gongyu/owner."""
    base = os.environ.get("XDG_STATE_HOME")
    try:
        return (Path(base) if base else Path.home() / ".local" / "state") / "gongyu" / "owner"
    except RuntimeError as error:
        raise ConfigError("there is no home folder for the local state; give --state-dir DIR") from error


def find_type(name: str, folders: list[Path] | None) -> InformationType:
    """Raises ConfigError naming the types that are known."""
    known = load_types(shipped_types(), *(folders or []))
    if name not in known:
        raise ConfigError(f"--type {name!r} is not known; known are {', '.join(sorted(known))}; --types DIR adds a folder of types")
    return known[name]
