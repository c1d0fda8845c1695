"""`gongyu-hub lists put|add|remove|show`: who is on a subscriber's list.

The commands talk to the running control plane with the administrator's log-in and read subjects from files or standard input: never
from the command line, where other users of the machine see them. A file of any size is read once and sent as it is read.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from inspect import Signature, signature
from itertools import chain
from pathlib import Path
from typing import Annotated, Any, BinaryIO

import httpx2
import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TransferSpeedColumn

from gongyu_hub.hub_folder import read_profile_of
from gongyu_hub.json_answers import print_with_array, write
from gongyu_hub.registry.list_files import read_entries, read_lines
from gongyu_schemas.errors import ConfigError, DataRejected, KafkaUnavailable, reported
from gongyu_schemas.names import ADMIN_USER, HUB_USER, check_name
from gongyu_schemas.plain_words import why
from gongyu_schemas.transport.profile import Profile

_HELP = """Subject lists: who is on a subscriber's list.

Example: gongyu-hub lists put customers customers.txt --type resident --subscriber bank-maru --dir ./hub
"""

lists = typer.Typer(help=_HELP, no_args_is_help=True)
#: The control plane answers when it has compared the whole file with the list.
_TIMEOUT_S = 900.0
_SHOWN_MAX = 20
_PAGE = 5000
_SEND_BYTES = 64 * 1024

Name = Annotated[str, typer.Argument(metavar="LIST", help="Name of the list.")]
File = Annotated[str, typer.Argument(metavar="FILE", help="Subjects, one a line; - for standard input.")]
OfType = Annotated[str, typer.Option("--type", help="The information type.")]
Subscriber = Annotated[str, typer.Option(help="The subscriber whose list it is.")]
Folder = Annotated[Path, typer.Option("--dir", help="Folder of the hub.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Count what would change; change nothing.")]
AdminProfile = Annotated[Path | None, typer.Option(help="Administrator's profile. Default: DIR/profiles/admin.yaml.")]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON document.")]


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What `put`, `add` and `remove` are told alike: their fields are the shared arguments and options."""

    name: Name
    file: File
    of_type: OfType
    subscriber: Subscriber
    directory: Folder
    dry_run: DryRun = False
    as_json: AsJson = False
    profile: AdminProfile = None

    @property
    def title(self) -> str:
        return f"{self.subscriber}/{self.name} ({self.of_type})"


def _changes(command: Callable[..., None]) -> Callable[..., None]:
    """The command with the shared options before its own."""
    shared, (_, *own) = signature(Change, eval_str=True).parameters, signature(command, eval_str=True).parameters.values()

    def run(**given: Any) -> None:
        with reported():
            command(Change(**{name: given.pop(name) for name in shared}), **given)

    run.__signature__ = Signature([*shared.values(), *own])  # type: ignore[attr-defined]  # which is where typer looks
    run.__name__, run.__doc__ = command.__name__, command.__doc__
    return run


@lists.command()
@_changes
def put(
    change: Change,
    *,
    allow_empty: Annotated[bool, typer.Option("--allow-empty", help="Let a file without any subject empty the list.")] = False,
) -> None:
    """Make a list exactly the subjects of a file; only what differs is published.

    Example: gongyu-hub lists put customers customers.txt --type resident --subscriber bank-maru --dir ./hub

    A line has the subject's fields separated by tabs and, if the entry ends by itself, its last day (2026-12-31) or a moment; or it is
    a JSON object. With a bad line nothing is removed, as that line might have been an entry; exit code 5.
    """
    _change("put", change, allow_empty)


@lists.command()
@_changes
def add(change: Change) -> None:
    """Add the subjects of a file to a list.

    Example: gongyu-hub lists add customers new.txt --type resident --subscriber bank-maru --dir ./hub
    """
    _change("add", change)


@lists.command()
@_changes
def remove(change: Change) -> None:
    """Remove the subjects of a file from a list.

    Example: gongyu-hub lists remove customers gone.txt --type resident --subscriber bank-maru --dir ./hub
    """
    _change("remove", change)


@lists.command()
def show(
    name: Name,
    of_type: OfType,
    subscriber: Subscriber,
    directory: Folder,
    entries: Annotated[
        bool, typer.Option("--entries", help="Print every entry (personal data): a JSON line each; with --json in the document.")
    ] = False,
    as_json: AsJson = False,
    profile: AdminProfile = None,
) -> None:
    """How many subjects are on a list, how many changes Kafka has yet to be told; with --entries the subjects.

    Example: gongyu-hub lists show customers --type resident --subscriber bank-maru --dir ./hub
    """
    with reported(), _control_plane(directory, profile) as client:
        path = _path(of_type, subscriber, name)
        found = _answer(client.get(path))
        if entries:
            every = _entries(client, path, _answer(client.get(f"/subject-lists/{of_type}"))["fields"])
            if as_json:
                print_with_array(found, "subjects", every)
            else:
                for entry in every:
                    print(write(entry))
        elif as_json:
            print(write(found))
        else:
            print(f"{subscriber}/{name} ({of_type}): {found['entries']:,} subjects, {found['untold']:,} changes not published yet")
        _note_use(f"{subscriber}/{name} ({of_type})", found)


def _change(action: str, change: Change, allow_empty: bool = True) -> None:
    with _control_plane(change.directory, change.profile) as client, _opened(change.file) as (source, size):
        path = f"{_path(change.of_type, change.subscriber, change.name)}/{action}"
        fields = _answer(client.get(path))["fields"]
        body = _chunks(read_entries(_watched(source, size), fields))
        first = next(body, b"")
        if not first and not allow_empty:
            raise ConfigError(f"{change.file} has no subject: `put` would empty the list; give --allow-empty if that is meant")
        parameters = {"dry_run": "true"} if change.dry_run else {}
        reply = _answer(client.post(path, params=parameters, content=chain([first], body)))
    _report(action, change, reply)


def _report(action: str, change: Change, reply: dict[str, Any]) -> None:
    if change.as_json:
        print(write({"dry_run": change.dry_run, **reply}))
    else:
        print(f"{change.title}: {_counts(action, reply, 'would be ' if change.dry_run else '')}")
    _note_use(change.title, reply)
    if reply["rejected"]:
        for each in reply["rejections"][:_SHOWN_MAX]:
            print(f"line {each['line']}: {each['why']}", file=sys.stderr)
        more = reply["rejected"] - min(_SHOWN_MAX, len(reply["rejections"]))
        if more > 0:
            print(f"and {more:,} more lines", file=sys.stderr)
        withheld = "; nothing was removed, as they might have been entries" if reply["removals_withheld"] else ""
        raise DataRejected(f"{reply['rejected']:,} lines are no entries{withheld}; mend them and {action} the file again")


def _counts(action: str, reply: dict[str, Any], would: str) -> str:
    lapsed = f", {reply['lapsed']:,} lapsed already"
    if action == "remove":
        return f"{reply['removed']:,} {would}removed, {reply['absent']:,} not on the list{lapsed}"
    return (
        f"{reply['added']:,} {would}added, {reply['removed']:,} {would}removed, {reply['extended']:,} with another end, "
        f"{reply['kept']:,} as they were{lapsed}"
    )


def _note_use(title: str, reply: dict[str, Any]) -> None:
    if not reply["used_by"]:
        print(f"{title}: no grant in force uses this list", file=sys.stderr)


def _entries(client: httpx2.Client, path: str, fields: list[str]) -> Iterator[dict[str, Any]]:
    """A page at a time."""
    after = ""
    while True:
        # Never in the URL, which proxies log: `after` is somebody's number.
        reply = client.post(f"{path}/entries", json={"after": after, "limit": _PAGE})
        if reply.status_code != httpx2.codes.OK:
            _answer(reply)
        lines = [json.loads(line) for line in reply.text.splitlines()]
        for line in lines:
            yield {**dict(zip(fields, line["values"], strict=True)), "until": line["until"]}
        if len(lines) < _PAGE:
            return
        after = lines[-1]["at"]


def _path(of_type: str, subscriber: str, name: str) -> str:
    parts = (check_name(of_type, "type"), check_name(subscriber, "subscriber"), check_name(name, "list"))
    return "/subject-lists/" + "/".join(parts)


def _chunks(lines: Iterator[bytes]) -> Iterator[bytes]:
    held = bytearray()
    for line in lines:
        held += line
        if len(held) >= _SEND_BYTES:
            yield bytes(held)
            held.clear()
    if held:
        yield bytes(held)


@contextmanager
def _opened(file: str) -> Iterator[tuple[BinaryIO, int]]:
    """The lines' source and its size in bytes, 0 where it is not known."""
    if file == "-":
        yield sys.stdin.buffer, 0
        return
    try:
        with Path(file).open("rb") as source:
            yield source, Path(file).stat().st_size
    except OSError as error:
        raise ConfigError(f"{file} cannot be read: {why(error)}") from error


def _watched(source: BinaryIO, size: int) -> Iterator[bytes]:
    """The lines, none of them longer than is told of it, with a bar on a terminal."""
    console = Console(stderr=True)
    columns = (TextColumn("subjects"), BarColumn(), TaskProgressColumn(), TransferSpeedColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        task = progress.add_task("subjects", total=size or None)
        for line in read_lines(source):
            progress.advance(task, len(line))
            yield line


@contextmanager
def _control_plane(directory: Path, profile: Path | None) -> Iterator[httpx2.Client]:
    administrator = _administrator(directory, profile)
    login = (administrator.user, administrator.password.get_secret_value())
    try:
        trust = administrator.ca_file or True
        # Not through a proxy that the environment names: the log-in and people's numbers go to the control plane alone.
        with httpx2.Client(base_url=administrator.registry or "", auth=login, timeout=_TIMEOUT_S, verify=trust, trust_env=False) as client:
            yield client
    except httpx2.HTTPError as error:
        raise KafkaUnavailable(f"the control plane at {administrator.registry} does not answer: {error}; is it running?") from error


def _administrator(directory: Path, profile: Path | None) -> Profile:
    """With the control plane's address: where embedded Kafka wrote the profile, that is the hub profile's."""
    administrator = read_profile_of(ADMIN_USER, directory, profile)
    if administrator.registry is not None:
        return administrator
    url = read_profile_of(HUB_USER, directory, None).registry
    if url is None:
        raise ConfigError("the profile does not say where the control plane is: add `registry: http(s)://HOST:PORT`")
    return administrator.model_copy(update={"registry": url})


def _answer(reply: httpx2.Response) -> dict[str, Any]:
    try:
        answer: dict[str, Any] = reply.json()
    except ValueError as error:
        raise KafkaUnavailable(f"the control plane answers {reply.status_code} and no JSON; is another program on its port?") from error
    if reply.status_code >= 500:
        raise KafkaUnavailable(f"the control plane fails: {answer.get('message')}")
    if reply.status_code >= 400:
        raise ConfigError(f"the control plane refuses: {answer.get('message')}")
    return answer
