"""The operator's commands as a user calls them, but in this process: starting Python for each question would be most of the time."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from typer.testing import CliRunner

from gongyu_hub.cli import make_app
from tests.running import RunningHub

APP = make_app(["status", "explain", "dead-letters", "partitions", "lists", "grant"])


@dataclass(frozen=True, slots=True)
class Answer:
    """How a command ended."""

    returncode: int
    stdout: str
    stderr: str


def ask(hub: RunningHub, *arguments: str, given: str | None = None) -> Answer:
    """`given` is standard input. Anything but a documented exit is raised."""
    result = CliRunner().invoke(APP, [*arguments, "--dir", str(hub.directory)], input=given)
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return Answer(result.exit_code, result.stdout, result.stderr)


def answer(hub: RunningHub, *arguments: str, given: str | None = None) -> Any:
    """Of a question that is answered, as JSON."""
    done = ask(hub, *arguments, "--json", given=given)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)
