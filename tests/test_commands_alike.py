"""The three commands look alike: help with an example everywhere, one way of failing, tables that scripts can read."""

from __future__ import annotations

from collections.abc import Iterator

import click
import pytest
import typer
from rich.table import Table
from typer.testing import CliRunner

from gongyu_consumers.cli import app as subscriber
from gongyu_hub.cli import COMMANDS, make_app
from gongyu_producers.cli import app as owner
from gongyu_schemas.console import make_console

APPS = {"gongyu-hub": make_app(list(COMMANDS)), "gongyu-owner": owner, "gongyu-subscriber": subscriber}


def helps(command: click.Command, path: str) -> Iterator[tuple[str, str]]:
    """(command line, all of its help) of a command, of the groups in it and of theirs."""
    yield path, f"{command.help or ''}\n{command.epilog or ''}"
    for name, inner in getattr(command, "commands", {}).items():
        yield from helps(inner, f"{path} {name}")


ALL = {path: text for name, app in APPS.items() for path, text in helps(typer.main.get_command(app), name)}


def test_there_are_commands_and_groups_to_look_at() -> None:
    assert len(ALL) >= 30
    assert {*APPS, "gongyu-hub lists", "gongyu-hub partitions", "gongyu-hub dead-letters", "gongyu-owner types"} <= {*ALL}


@pytest.mark.parametrize("path", ALL)
def test_every_help_has_an_example_of_its_command(path: str) -> None:
    assert path in ALL[path].partition("Example:")[2]


@pytest.mark.parametrize("name", APPS)
def test_the_options_of_the_command_itself_are_the_same(name: str) -> None:
    """No completion: each press of Tab would load the whole command, a second or more; and no traceback that shows variables."""
    app = APPS[name]
    asked = CliRunner().invoke(app, ["--help"], terminal_width=200)
    options = {word for word in asked.output.split() if word.startswith("--")}
    assert options - {*ALL[name].split()} == {"--help"}
    assert app.pretty_exceptions_enable is False
    assert CliRunner().invoke(app, []).output.startswith(asked.output[:20])


def test_off_a_terminal_a_table_has_whole_lines_without_padding(capsys: pytest.CaptureFixture[str]) -> None:
    table = Table("name", "rows", box=None, pad_edge=False)
    table.add_row("short", "1")
    table.add_row("x" * 300, "")
    make_console().print(table)
    lines = capsys.readouterr().out.splitlines()
    assert [line.rstrip() for line in lines] == lines
    assert lines[2] == "x" * 300
    assert len(lines) == 3
