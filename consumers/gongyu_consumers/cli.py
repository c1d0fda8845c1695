"""`gongyu-subscriber`: receive a grant into a table, a file or a pipe. Credentials come from the profile file only."""

from __future__ import annotations

import gc
import json
import logging
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from gongyu_consumers.progress import Progress, Totals, describe
from gongyu_consumers.reading import GrantReader
from gongyu_consumers.receive import receive as receive_loop
from gongyu_consumers.sinks.jsonl import JsonlSink
from gongyu_consumers.sinks.sink import Sink
from gongyu_consumers.sinks.sqlite import SqliteSink
from gongyu_consumers.sinks.stdout import StdoutSink
from gongyu_consumers.topic import subscriber_of
from gongyu_schemas.errors import ConfigError, DataRejected, reported
from gongyu_schemas.names import check_name
from gongyu_schemas.transport.profile import read_profile

app = typer.Typer(help="The subscriber's side of gongyu.", no_args_is_help=True, pretty_exceptions_enable=False)

_SQLITE = "sqlite:///"
_JSONL = "jsonl:"
_GC_THRESHOLD = 200_000


@dataclass(frozen=True, slots=True)
class Target:
    """Where deliveries go: `kind` is sqlite, jsonl or stdout."""

    kind: str
    path: Path


@dataclass(frozen=True, slots=True)
class Request:
    """How to receive, as the options say it."""

    profile: Path
    group: str | None
    exit_at_end: bool
    from_anywhere: bool


@app.callback()
def subscriber() -> None:
    """The subscriber's side of gongyu."""


@app.command(epilog="Example: gongyu-subscriber receive resident-address --to sqlite:///residents.db --profile bank.yaml")
def receive(
    grant: Annotated[str, typer.Argument(help="Name of the grant.")],
    to: Annotated[str, typer.Option(help="sqlite:///FILE (table, exactly once), jsonl:FILE (lines, exactly once) or - (standard output).")],
    profile: Annotated[Path, typer.Option(help="Profile file with the subscriber's credentials.")],
    exit_at_end: Annotated[bool, typer.Option(help="Stop at the end that the topic has now; otherwise go on for ever.")] = False,
    from_anywhere: Annotated[bool, typer.Option(help="Take what there is where the beginning is missing.")] = False,
    group: Annotated[str | None, typer.Option(help="For -: go on behind what this consumer group has committed.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the summary as JSON (to standard error if the target is -).")] = False,
) -> None:
    """Receive a grant, go on where the last run stopped, keep the target up to date."""
    with reported():
        _log_to_stderr()
        target = read_target(to)
        if group is not None and target.kind != "stdout":
            raise ConfigError("--group belongs to `--to -`: the other targets remember their positions themselves")
        totals = Totals(check_name(grant, "grant"))
        with stopped_by_signals() as stop:
            _run(totals, target, Request(profile, group, exit_at_end, from_anywhere), stop)
        _report(totals, to_stderr=target.kind == "stdout", as_json=as_json)


def _log_to_stderr() -> None:
    """Our own lines only: what the HTTP and Kafka clients log is in the errors where it matters."""
    log = logging.getLogger("gongyu.subscriber")
    if not log.handlers:
        shown = logging.StreamHandler()
        shown.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
        log.addHandler(shown)
    log.setLevel(logging.INFO)
    log.propagate = False


def read_target(text: str) -> Target:
    """Raises ConfigError for anything else than the three forms."""
    if text == "-":
        return Target("stdout", Path("-"))
    for kind, prefix in (("sqlite", _SQLITE), ("jsonl", _JSONL)):
        if text.startswith(prefix) and len(text) > len(prefix):
            return Target(kind, Path(text.removeprefix(prefix)))
    raise ConfigError(f"--to {text!r}: use sqlite:///FILE, jsonl:FILE or -")


@contextmanager
def stopped_by_signals() -> Iterator[threading.Event]:
    """An event that SIGTERM and Ctrl-C set; the handlers before are put back."""
    stop = threading.Event()
    wanted = (signal.SIGTERM, signal.SIGINT)
    before = {each: signal.signal(each, lambda *_: stop.set()) for each in wanted}
    try:
        yield stop
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)


def _run(totals: Totals, target: Target, request: Request, stop: threading.Event) -> None:
    profile = read_profile(request.profile)
    subscriber_of(profile)
    group = totals.grant if target.kind != "stdout" else f"{totals.grant}.{request.group or 'stdout'}"
    reader = GrantReader(profile, totals.grant, group=group, stop=stop)
    try:
        sink = _open_sink(reader, target, request)
        try:
            progress = Progress(totals, quiet=target.kind == "stdout")
            try:
                by_group = request.group is not None
                receive_loop(reader, sink, totals, progress, stop, exit_at_end=request.exit_at_end, at_least_once=by_group)
            finally:
                progress.close()
        finally:
            sink.close()
    finally:
        reader.close()


def _open_sink(reader: GrantReader, target: Target, request: Request) -> Sink:
    identity = reader.topic.identity
    if target.kind == "sqlite":
        shape = reader.shape()
        reader.schemas.expect(shape)
        return SqliteSink(target.path, identity, shape, from_anywhere=request.from_anywhere)
    if target.kind == "jsonl":
        return JsonlSink(target.path, identity, from_anywhere=request.from_anywhere)
    committed = reader.topic.committed() if request.group is not None else {}
    return StdoutSink(sys.stdout.buffer, committed, from_anywhere=request.from_anywhere)


def _report(totals: Totals, *, to_stderr: bool, as_json: bool) -> None:
    """The summary, and exit code 5 where something was inconsistent."""
    if as_json:
        print(json.dumps(totals.summary()), file=sys.stderr if to_stderr else sys.stdout, flush=True)
    else:
        print(describe(totals), file=sys.stderr, flush=True)
    if totals.inconsistencies:
        raise DataRejected(f"{totals.inconsistencies} inconsistencies: the target may differ from the grant; ask the hub for a resync")


def main() -> None:
    # A batch makes tens of thousands of objects and no cycles: at the default threshold collecting costs an eighth of the time.
    gc.set_threshold(_GC_THRESHOLD)
    app()
