"""Every command of the hub has an example in its help; every one that answers a question answers it as JSON too."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import click
import pytest
import typer
from typer.testing import CliRunner

from gongyu_hub.cli import COMMANDS, make_app
from gongyu_hub.operating.api_client import TOKEN_VARIABLE
from gongyu_schemas import exit_codes

#: They run until they are stopped, or show something to a person.
WITHOUT_JSON = {"kafka", "serve", "work", "demo"}


def commands(group: click.Command, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    for name, command in getattr(group, "commands", {}).items():
        yield from commands(command, (*path, name)) if hasattr(command, "commands") else [((*path, name), command)]


ALL = dict(commands(typer.main.get_command(make_app(list(COMMANDS)))))


@pytest.mark.parametrize("path", ALL, ids=" ".join)
def test_help_has_an_example_of_this_command(path: tuple[str, ...]) -> None:
    assert f"gongyu-hub {' '.join(path)}" in (ALL[path].help or "").partition("Example:")[2]


@pytest.mark.parametrize("path", [path for path in ALL if path[0] not in WITHOUT_JSON], ids=" ".join)
def test_answers_come_as_json_too(path: tuple[str, ...]) -> None:
    assert "--json" in {option for parameter in ALL[path].params for option in parameter.opts}


@pytest.mark.parametrize("path", [path for path in ALL if path[0] not in WITHOUT_JSON | {"up"}], ids=" ".join)
def test_an_error_leaves_no_document_but_a_line_on_standard_error(path: tuple[str, ...], tmp_path: Path) -> None:
    missing = str(tmp_path / "missing")
    values = {"directory": missing, "policy": missing, "of_type": "dog", "subscriber": "vet", "file": "-", "partition": "0"}
    values |= {"kind": "public", "roles": "auditor"}
    words = [*path, "--json"]
    for parameter in ALL[path].params:
        if parameter.required or parameter.name == "directory":
            words += [parameter.opts[0]] * parameter.opts[0].startswith("--") + [values.get(parameter.name or "", "name")]
    done = CliRunner().invoke(make_app([path[0]]), words, input="a\n", env={TOKEN_VARIABLE: None})
    assert (done.exit_code, done.stdout) == (exit_codes.USAGE, "")
    assert done.stderr.startswith("error: ") and missing in done.stderr


def test_no_command_takes_a_key_on_its_command_line() -> None:
    assert {"up", "status", "check", "explain"} <= {path[0] for path in ALL}
    for path, command in ALL.items():
        assert not {"key", "record", "subject"} & {parameter.name for parameter in command.params}, path
