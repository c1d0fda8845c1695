"""`gongyu-hub org`, `account` and `token` against a control plane's HTTP server, as a person and as a script call them."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from pydantic import SecretStr
from structlog.testing import capture_logs
from typer.testing import CliRunner

from gongyu_hub.cli import make_app as make_command
from gongyu_hub.gateway.app import make_app
from gongyu_hub.gateway.catalogue import Catalogue
from gongyu_hub.gateway.server import Server, take_port
from gongyu_hub.registry.credentials import Credentials
from gongyu_hub.registry.database import open_database
from gongyu_hub.registry.first_account import keep_operator
from gongyu_hub.registry.readiness import Readiness
from gongyu_hub.registry.token_checks import TokenChecks
from gongyu_hub.registry.users import profile_file
from gongyu_schemas import exit_codes
from gongyu_schemas.transport.profile import Profile, write_profile

COMMAND = make_command(["org", "account", "token"])


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The folder of a hub whose control plane answers."""
    folder = tmp_path_factory.mktemp("hub")
    database = open_database(folder)
    checks = TokenChecks(database, lambda: time.time_ns() // 1_000_000)
    keep_operator(folder, database, checks, checks.now_ms())
    listener = take_port("127.0.0.1", 0, kept=False)
    server = Server(make_app(database, Credentials(database), Readiness(), Catalogue(), checks), listener)
    url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    (folder / "profiles").mkdir(mode=0o700)
    profile = Profile(bootstrap="127.0.0.1:9", user="hub", password=SecretStr("x"), registry=url)
    write_profile(profile_file(folder / "profiles", "hub"), profile)
    with capture_logs():
        server.start()
        yield folder
        server.stop()
    database.close()


@pytest.fixture(autouse=True)
def plain(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("GONGYU_TOKEN", "GONGYU_URL"):
        monkeypatch.delenv(name, raising=False)


def call(*words: str | Path) -> Result:
    return CliRunner().invoke(COMMAND, [str(word) for word in words])


def said(*words: str | Path) -> str:
    done = call(*words)
    assert done.exit_code == exit_codes.OK, done.output
    return done.stdout.strip()


def told(*words: str | Path) -> Any:
    return json.loads(said(*words, "--json"))


def add_bank(hub: Path, name: str) -> None:
    titles = ("--title-ko", "은행", "--title-en", "Bank")
    said("org", "add", name, *titles, "--kind", "financial", "--subscriber", "--dir", hub)


def test_an_organisation_from_its_beginning_to_its_end(hub: Path) -> None:
    add_bank(hub, "bank")
    assert "bank  subscriber  financial  active  Bank" in said("org", "list", "--dir", hub)
    assert said("org", "amend", "bank", "--title-en", "The Bank", "--owner", "--dir", hub) == "organisation bank amended"
    shown = told("org", "show", "bank", "--dir", hub)
    assert shown == {
        "name": "bank",
        "title": {"ko": "은행", "en": "The Bank"},
        "kind": "financial",
        "owner": True,
        "subscriber": True,
        "status": "active",
        "version": 2,
    }
    assert "title       ko: 은행, en: The Bank" in said("org", "show", "bank", "--dir", hub)
    assert said("org", "suspend", "bank", "--reason", "audit", "--dir", hub) == "organisation bank is suspended"
    assert told("org", "resume", "bank", "--reason", "closed", "--dir", hub)["status"] == "active"
    assert said("org", "leave", "bank", "--reason", "merged", "--dir", hub) == "organisation bank is left"
    back = call("org", "resume", "bank", "--reason", "back", "--dir", hub)
    assert (back.exit_code, "bank has left, which is not taken back" in back.stderr) == (exit_codes.USAGE, True)


def test_an_account_and_its_tokens(hub: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    add_bank(hub, "maru")
    added = told("account", "add", "kim", "--organisation", "maru", "--role", "subscriber-officer", "--title", "Kim", "--dir", hub)
    assert (added["kind"], added["roles"]) == ("person", ["subscriber-officer"])
    file = tmp_path / "kim.token"
    assert f"is in {file}" in said("token", "create", "kim", "--days", "1", "--out", file, "--dir", hub)
    assert file.stat().st_mode & 0o777 == 0o600
    assert [each["name"] for each in told("org", "list", "--dir", hub, "--token-file", file)] == ["maru"]
    monkeypatch.setenv("GONGYU_TOKEN", file.read_text(encoding="ascii").strip())
    assert [each["name"] for each in told("account", "list", "--dir", hub)] == ["kim"]
    refused = call("account", "add", "lee", "--organisation", "maru", "--role", "subscriber-officer", "--dir", hub)
    assert (refused.exit_code, refused.stderr) == (
        exit_codes.USAGE,
        "error: the control plane refuses: Your roles do not allow this.\n",
    )
    monkeypatch.delenv("GONGYU_TOKEN")
    tokens = told("token", "list", "kim", "--dir", hub)
    assert [each["id"] in file.read_text(encoding="ascii") for each in tokens] == [True]
    assert said("token", "revoke", tokens[0]["id"], "--dir", hub) == f"token {tokens[0]['id']} is revoked"
    out = call("org", "list", "--dir", hub, "--token-file", file)
    assert (out.exit_code, "this token was revoked" in out.stderr) == (exit_codes.KAFKA, True)
    whole = said("token", "create", "kim", "--dir", hub)
    assert whole.startswith("gyt_")
    assert whole not in said("token", "list", "kim", "--dir", hub)
    assert said("account", "deactivate", "kim", "--reason", "gone", "--dir", hub) == "account kim is inactive"
    assert told("account", "activate", added["id"], "--reason", "back", "--dir", hub)["status"] == "active"
    assert told("account", "amend", "kim", "--title", "K", "--role", "subscriber-officer", "--dir", hub)["title"] == "K"
    assert "subscriber-officer" in said("account", "show", "kim", "--dir", hub)


def test_a_tokens_file_is_not_left_behind_nor_written_over(hub: Path, tmp_path: Path) -> None:
    file = tmp_path / "t"
    assert call("token", "create", "nobody", "--out", file, "--dir", hub).exit_code == exit_codes.USAGE
    assert not file.exists()
    file.write_text("mine", encoding="utf-8")
    refused = call("token", "create", "first-operator", "--out", file, "--dir", hub)
    assert (refused.exit_code, "a file of this name is in its place" in refused.stderr) == (exit_codes.USAGE, True)
    assert file.read_text(encoding="utf-8") == "mine"


@pytest.mark.parametrize(
    ("words", "words_told"),
    [
        (("org", "show", "nobody"), "There is nothing under this address that you may see"),
        (("org", "show", "No Name"), "organisation 'No Name' is not a name"),
        (("org", "amend", "nobody"), "There is nothing under this address"),
        (("account", "show", "nobody"), "There is nothing under this address"),
        (("account", "amend", "first-operator"), "nothing to change: give --role or --title"),
        (("account", "amend", "first-operator", "--role", "auditor"), "this is the last active operator"),
        (("account", "add", "x", "--role", "owner-officer"), "owner-officer must belong to an organisation"),
        (("token", "revoke", "nothing"), "There is nothing under this address"),
        (("token", "create", "first-operator", "--days", "367"), "less than or equal to 366"),
    ],
)
def test_what_is_refused_is_said_in_words(hub: Path, words: tuple[str, ...], words_told: str) -> None:
    refused = call(*words, "--dir", hub)
    assert refused.exit_code == exit_codes.USAGE, refused.output
    assert words_told in refused.stderr
    assert refused.stdout == ""
