"""Options that several commands of `gongyu-owner` share, each said once, and what they come to.

`FileOptions` and `NamingOptions` are groups: a command that takes one has all of its options (`takes_groups`).
"""

from __future__ import annotations

import dataclasses
import functools
import inspect
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, get_type_hints

import typer

from gongyu_producers.columns import Naming, make_naming
from gongyu_producers.lines import Encoding
from gongyu_producers.source import Asked, Format, read_delimiter
from gongyu_schemas.errors import ConfigError
from gongyu_schemas.information_type import InformationType, find_type, shipped_types

TypeOption = Annotated[str, typer.Option("--type", metavar="T", help="Information type of the records.")]
TypesOption = Annotated[list[Path] | None, typer.Option("--types", metavar="DIR", help="More information types; may be repeated.")]
StateDirOption = Annotated[Path | None, typer.Option("--state-dir", help="Else $XDG_STATE_HOME/gongyu/owner.")]
JsonOption = Annotated[bool, typer.Option("--json", help="As JSON.")]


_NULL_HELP = "A text that means null (else type.yaml's); in JSON and Parquet only where it is no value of its field."


@dataclass(frozen=True, slots=True)
class FileOptions:
    """How a file is read; None where it was not said. `publish` never guesses, `types check` and `types new` find out."""

    file_format: Annotated[Format | None, typer.Option("--format", help="Else the extension tells; `types` looks inside, too.")] = None
    encoding: Annotated[
        Encoding | None, typer.Option("--encoding", help="`publish`: else utf-8, a byte order mark is tolerated; `types`: else found out.")
    ] = None
    delimiter: Annotated[str | None, typer.Option("--delimiter", help="One character, or tab, comma, semicolon, pipe.")] = None
    no_quotes: Annotated[bool, typer.Option("--no-quotes", help="Quotes are ordinary characters.")] = False
    ignore: Annotated[list[str] | None, typer.Option("--ignore", metavar="HEADER", help="A column to pass over.")] = None
    null: Annotated[list[str] | None, typer.Option("--null", metavar="TEXT", help=_NULL_HELP)] = None

    def ask(self, path: Path, naming: Naming, null_texts: Sequence[str]) -> Asked:
        """`null_texts` where none was given. Raises ConfigError."""
        return Asked(
            path=path,
            naming=naming,
            null_texts=tuple(null_texts if self.null is None else self.null),
            format=self.file_format,
            encoding=self.encoding,
            delimiter=None if self.delimiter is None else read_delimiter(self.delimiter),
            quotes=not self.no_quotes,
        )


@dataclass(frozen=True, slots=True)
class NamingOptions:
    """Which columns are which fields of a type that there is."""

    maps: Annotated[list[str] | None, typer.Option("--map", metavar="HEADER=FIELD", help="Which field a column fills.")] = None
    op_column: Annotated[str | None, typer.Option("--op-column", metavar="HEADER", help="Column with c, u or d.")] = None


def takes_groups(command: Callable[..., None]) -> Callable[..., None]:
    """The command with the options of each of its parameters that is a group in place of the parameter."""
    hints = get_type_hints(command, include_extras=True)
    shown: list[inspect.Parameter] = []
    groups: dict[str, type] = {}
    for name, parameter in inspect.signature(command).parameters.items():
        if dataclasses.is_dataclass(hints[name]) and isinstance(hints[name], type):
            groups[name] = hints[name]
            inner = get_type_hints(hints[name], include_extras=True)
            shown += [
                inspect.Parameter(each.name, inspect.Parameter.KEYWORD_ONLY, default=each.default, annotation=inner[each.name])
                for each in dataclasses.fields(hints[name])
            ]
        else:
            shown.append(parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY, annotation=hints[name]))

    @functools.wraps(command)
    def run(**given: Any) -> None:
        for name, group in groups.items():
            given[name] = group(**{each.name: given.pop(each.name) for each in dataclasses.fields(group)})
        command(**given)

    run.__dict__["__signature__"] = inspect.Signature(shown)
    run.__annotations__ = {each.name: each.annotation for each in shown}
    return run


def ask_file(path: Path, information_type: InformationType, file: FileOptions, naming: NamingOptions) -> Asked:
    """A file of a known type as it was described. Raises ConfigError."""
    named = make_naming(information_type, naming.maps or [], file.ignore or [], naming.op_column)
    return file.ask(path, named, information_type.publishing.null_texts)


def default_state_dir() -> Path:
    """$XDG_STATE_HOME/gongyu/owner, by default ~/.local/state/gongyu/owner."""
    base = os.environ.get("XDG_STATE_HOME")
    try:
        return (Path(base) if base else Path.home() / ".local" / "state") / "gongyu" / "owner"
    except RuntimeError as error:
        raise ConfigError("there is no home folder for the local state; give --state-dir DIR") from error


def type_folders(folders: list[Path] | None) -> list[Path]:
    """The shipped types' and those of --types."""
    return [shipped_types(), *(folders or [])]


def choose_type(name: str, folders: list[Path] | None) -> InformationType:
    """Raises ConfigError naming the types that are known, or what is wrong with this one."""
    return find_type(name, type_folders(folders), "--types DIR adds a folder of types")
