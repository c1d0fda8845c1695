"""What a user gives wrongly is refused in words for him: what, where, what to do; exit code 2; and nothing is left behind."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from gongyu_consumers.cli import app as subscriber
from gongyu_hub.cli import make_app
from gongyu_producers.cli import app as owner
from gongyu_schemas import exit_codes

ROOT = Path(__file__).parents[1]
HUB = make_app(["work", "check", "status", "explain", "dead-letters", "partitions", "lists", "org", "account", "token", "up"])
#: Words of the system, of Python and of libraries.
RAW = ("Errno", "No such file or", "Is a directory", "Not a directory", "Input should", "Field required", "Extra inputs", "Traceback")
LIST = ("--type", "resident", "--subscriber", "b")
PUBLISH = ("publish", "a.csv", "--type", "resident", "--profile")
RECEIVE = ("receive", "g", "--profile", "a.csv", "--to")

REFUSED: list[tuple[typer.Typer, tuple[str, ...], str]] = [
    (owner, (*PUBLISH, "a.csv"), "a.csv is no profile"),
    (owner, (*PUBLISH, "absent"), "profile absent cannot be read: there is no such file"),
    (
        owner,
        (*PUBLISH, "folder"),
        "profile folder cannot be read: it is a folder; name a file",
    ),
    (owner, ("types", "check", "folder", "--type", "resident"), "folder: cannot be read: it is a folder"),
    (owner, ("types", "--types", "broken"), "type.yaml: owner: is missing; add it"),
    (owner, ("generate", "resident", "--records", "9", "--out", "a.csv"), "--out a.csv: cannot be used: a file of this name"),
    (subscriber, ("grants", "--profile", "a.csv"), "a.csv is no profile"),
    (
        subscriber,
        (*RECEIVE, "sqlite:///folder"),
        "--to sqlite:///folder is a folder; name a file in it",
    ),
    (subscriber, (*RECEIVE, "jsonl:no/x"), "--to jsonl:no/x: there is no folder no; make it"),
    (subscriber, (*RECEIVE, "-", "--group", "a b"), "--group 'a b' is not a name: use 1 to 63 of a-z"),
    (subscriber, (*RECEIVE, "-", "--metrics", "x"), "--metrics 'x' is not HOST:PORT"),
    (subscriber, ("sample", "--type", "resident", "--to", "avro:folder"), "--to avro:folder is a folder"),
    (subscriber, ("sample", "--type", "resident", "--to", "avro:no/x"), "--to avro:no/x: there is no folder no"),
    (subscriber, ("sample", "--type", "resident", "--to", "jsonl:left"), "left.offsets.json is not this program's"),
    (HUB, ("check", "--policy", "absent"), "policy absent cannot be read: there is no such file"),
    (HUB, ("check", "--policy", "folder"), "policy folder cannot be read: it is a folder"),
    (HUB, ("up", "--dir", "new", "--policy", "absent"), "--policy absent: there is no such file"),
    (HUB, ("up", "--dir", "new", "--types", "absent"), "--types absent: there is no such folder"),
    (HUB, ("up", "--dir", "a.csv"), "a.csv cannot be used: a file of this name is in its place; choose another --dir"),
    (HUB, ("work", "--dir", "folder"), "--dir folder is no hub's folder, it has no profiles"),
    (HUB, ("work", "--dir", "absent"), "--dir absent is not there: name the folder of the hub"),
    (HUB, ("work", "--dir", "hub", "--commit-interval", "9"), "--commit-interval: must be at most 5"),
    (HUB, ("status", "--dir", "a.csv"), "--dir a.csv is a file, not a hub's folder"),
    (HUB, ("explain", "g", "--dir", "folder"), "--dir folder is no hub's folder"),
    (HUB, ("dead-letters", "list", "--dir", "folder"), "--dir folder is no hub's folder"),
    (HUB, ("partitions", "list", "--dir", "folder"), "--dir folder is no hub's folder"),
    (HUB, ("partitions", "resume", "resident", "0", "--dir", "hub"), "profiles/admin.yaml is not there: `gongyu-hub up`"),
    (HUB, ("org", "list"), "no token: give --dir DIR of the hub, --token-file FILE, or GONGYU_TOKEN"),
    (HUB, ("org", "list", "--dir", "folder"), "token file folder/secrets/operator.token cannot be read: there is no such file"),
    (HUB, ("account", "list", "--token-file", "folder"), "token file folder"),
    (HUB, ("token", "list", "a", "--token-file", "a.csv"), "token file a.csv holds no token"),
    (HUB, ("org", "list", "--token-file", "a.token"), "where is the control plane? Give --dir DIR of the hub, --url URL"),
    (HUB, ("org", "list", "--token-file", "a.token", "--url", "http://hub.example:80"), "--url: the token would travel in clear"),
    (HUB, ("org", "list", "--token-file", "a.token", "--url", "hub"), "--url must be http(s)://HOST:PORT"),
    (HUB, ("lists", "show", "l", *LIST, "--dir", "folder"), "--dir folder is no hub's folder"),
]

PROFILE = "bootstrap: 127.0.0.1:9\nuser: hub\npassword: x\nregistry: http://127.0.0.1:9\n"


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.chdir(tmp_path)
    for folder in ("folder", "broken", "hub/profiles"):
        Path(folder).mkdir(parents=True)
    Path("a.csv").write_text("a,b\n1,2\n", encoding="utf-8")
    Path("a.token").write_text(f"gyt_{'0' * 16}_{'x' * 43}\n", encoding="utf-8")
    for name in ("GONGYU_TOKEN", "GONGYU_URL"):
        monkeypatch.delenv(name, raising=False)
    Path("left.offsets.json").write_text("{}", encoding="utf-8")
    Path("broken/type.yaml").write_text("name: t\ntitle: {ko: t, en: t}\nkey: [a]\nclassification: {a: public}\n", encoding="utf-8")
    record = '{"type": "record", "name": "T", "fields": [{"name": "a", "type": "string"}]}'
    Path("broken/record.avsc").write_text(record, encoding="utf-8")
    Path("hub/profiles/hub.yaml").write_text(PROFILE, encoding="utf-8")
    for file in ("a.csv", "a.token", "hub/profiles/hub.yaml"):
        Path(file).chmod(0o600)
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}  # `up` has its own
    yield tmp_path
    for number, handler in handlers.items():
        signal.signal(number, handler)


@pytest.mark.parametrize(("app", "arguments", "words"), REFUSED, ids=[" ".join(arguments) for _, arguments, _ in REFUSED])
def test_what_is_given_wrongly_is_refused_in_plain_words(here: Path, app: typer.Typer, arguments: tuple[str, ...], words: str) -> None:
    before = sorted(here.rglob("*"))
    refused = CliRunner().invoke(app, arguments, input="")
    told = refused.output
    assert refused.exit_code == exit_codes.USAGE, told
    assert words in told
    assert [raw for raw in RAW if raw in told] == []
    assert sorted(here.rglob("*")) == before, "something was left behind"


def test_the_systems_words_are_translated_in_one_place() -> None:
    """`error.strerror` is what the system says; so is an OSError itself."""
    packages = (ROOT / folder for folder in ("schemas", "producers", "consumers", "hub"))
    files = [file for package in packages for file in package.rglob("*.py")]
    assert len(files) > 200
    assert [file.name for file in files if ".strerror" in file.read_text(encoding="utf-8") and file.name != "plain_words.py"] == []
