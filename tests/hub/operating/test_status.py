"""What `status` says of a hub that needs a person: each command that it prints runs as it is printed."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import typer
from rich.console import Console

from gongyu_hub.cli import make_app
from gongyu_hub.operating import status as module
from gongyu_hub.operating.connection import Commands
from gongyu_hub.operating.partitions import HubStanding, Standing, TypeStanding
from gongyu_hub.operating.status import describe
from gongyu_hub.policy.records import Heartbeat, Manifest, Refusal
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


PAUSED = Standing(0, None, Progress(adopted=1, paused=7, rejected=3), None, 9, 2, out_of_reach=False)
#: Of a hub without control plane and worker, with a paused partition.
STANDING = HubStanding(None, (), (TypeStanding(MANIFEST, (PAUSED,)),))


def attention(commands: Commands) -> list[str]:
    found: list[str] = describe(STANDING, 1.0, commands)["attention"]
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


def test_a_line_of_what_needs_a_person_is_one_line_on_any_screen(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "make_console", lambda: Console(width=40))
    content = describe(STANDING, 1.0, Commands(Path("hub")))
    module._print({**content, "attention": [*content["attention"], "grants[0].rows: [red]wrong"]}, as_json=False)
    said = capsys.readouterr().out.splitlines()
    assert [f"! {line}" for line in content["attention"]] == said[-4:-1] and said[-1] == "! grants[0].rows: [red]wrong"


def test_what_is_refused_is_told_with_its_reason_and_time() -> None:
    refusal = Refusal(since_ms=1_000, what="changed policy refused", reason="policy.yaml:3:5: grants[0].rows: wrong")
    quiet = describe(HubStanding(Heartbeat(sequence=1, at_ms=5_000), (), ()), 6.0, Commands(Path("hub")))
    assert (quiet["control_plane"], quiet["attention"]) == ({"heartbeat_age_s": 1.0, "refused": None}, [])
    found = describe(HubStanding(Heartbeat(sequence=2, at_ms=5_000, refused=refusal), (), ()), 6.0, Commands(Path("hub")))
    since = "1970-01-01T00:00:01.000+00:00"
    assert found["control_plane"]["refused"] == {"what": refusal.what, "reason": refusal.reason, "since": since}
    assert found["attention"] == [f"{refusal.what} since {since}, so what was in force before stays: {refusal.reason}"]


def test_no_command_is_named_without_the_folder_it_needs() -> None:
    assert not [line for line in attention(Commands(Path("hub"))) if "gongyu-hub" in re.sub(r"`[^`]*--dir hub`", "", line)]
