"""What `status` says of a hub that needs a person: each command that it prints runs as it is printed."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import typer

from gongyu_hub.cli import make_app
from gongyu_hub.operating.connection import Commands
from gongyu_hub.operating.partitions import HubStanding, Standing, TypeStanding
from gongyu_hub.operating.status import describe
from gongyu_hub.policy.records import Manifest
from gongyu_hub.state.records import Progress

APP = typer.main.get_command(make_app(["status", "work", "dead-letters", "partitions"]))
MANIFEST = Manifest(
    information_type="person",
    epoch=1,
    published_ms=1,
    owner="office",
    topic="owner.office.person",
    state_topic="hub.state.person",
    partitions=1,
    key_fields=("id",),
    subject_fields=("id",),
    subject_key_schema_id=1,
    writer_schema_ids=(2,),
    grants=(),
)


def attention(commands: Commands) -> list[str]:
    """Of a hub without control plane and worker, with a paused partition."""
    at = Standing(0, None, Progress(adopted=1, paused=7, rejected=3), None, 9, 2, out_of_reach=False)
    found: list[str] = describe(HubStanding(None, (), (TypeStanding(MANIFEST, (at,)),)), 1.0, commands)["attention"]
    return found


def options(command: str) -> dict[str, object]:
    """What the command line means to the command that it calls; raised where it is not one."""
    program, *words = shlex.split(command)
    assert program == "gongyu-hub"
    called: Any = APP
    while hasattr(called, "commands"):
        called = called.commands[words.pop(0)]
    found: dict[str, object] = called.make_context("", words).params
    return found


@pytest.mark.parametrize("profile", [None, Path("my profiles/hub.yaml")])
def test_every_printed_command_runs_as_printed(profile: Path | None) -> None:
    directory = Path("the hub's folder")
    printed = [command for line in attention(Commands(directory, profile)) for command in re.findall(r"`([^`]*)`", line)]
    found = [options(command) for command in printed]
    assert [each["directory"] for each in found] == [directory] * 3
    assert [each.get("profile") for each in found] == [profile, profile, None], "resuming takes the administrator's"
    assert (found[1]["of_type"], found[2]["information_type"], found[2]["partition"]) == ("person", "person", 0)


def test_no_command_is_named_without_the_folder_it_needs() -> None:
    assert not [line for line in attention(Commands(Path("hub"))) if "gongyu-hub" in re.sub(r"`[^`]*--dir hub`", "", line)]
