"""`gongyu-subscriber receive`: once to the end, until stopped, or as a daemon. Credentials come from the profile file only."""

from __future__ import annotations

import json
import logging
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from gongyu_consumers.daemon import Service
from gongyu_consumers.logs import log_to_stderr
from gongyu_consumers.metrics import Metrics
from gongyu_consumers.progress import Progress, Totals, describe
from gongyu_consumers.reading import GrantReader
from gongyu_consumers.receive import Watch
from gongyu_consumers.receive import receive as receive_loop
from gongyu_consumers.sinks.sink import Effects, Shape, Sink
from gongyu_consumers.targets import Target, open_lines, open_stdout, open_table, read_target
from gongyu_consumers.topic import subscriber_of
from gongyu_schemas.errors import ConfigError, DataRejected, KafkaUnavailable, reported
from gongyu_schemas.metrics_server import read_address, serving
from gongyu_schemas.names import check_name
from gongyu_schemas.transport.profile import Profile, read_profile

LOG = logging.getLogger("gongyu.subscriber")


@dataclass(frozen=True, slots=True)
class Request:
    """How to receive, as the options say it."""

    profile: Path
    target: Target
    group: str | None
    exit_at_end: bool
    from_anywhere: bool
    share: bool
    daemon: bool
    metrics: tuple[str, int] | None
    as_json: bool


def receive(
    grant: Annotated[str, typer.Argument(help="Name of the grant.")],
    to: Annotated[str, typer.Option(help="sqlite:///FILE (table, exactly once), jsonl:FILE (lines, exactly once) or - (standard output).")],
    profile: Annotated[Path, typer.Option(help="Profile file with the subscriber's credentials.")],
    exit_at_end: Annotated[bool, typer.Option(help="Stop at the end that the topic has now; otherwise go on for ever.")] = False,
    from_anywhere: Annotated[bool, typer.Option(help="Take what there is where the beginning is missing.")] = False,
    group: Annotated[str | None, typer.Option(help="For -: go on behind what this consumer group has committed.")] = None,
    share: Annotated[bool, typer.Option(help="For sqlite: several receivers on this machine fill one file, each its partitions.")] = False,
    daemon: Annotated[bool, typer.Option(help="Outlive outages: try again, less and less often (stays in the foreground).")] = False,
    metrics: Annotated[str | None, typer.Option(help="Serve metrics for Prometheus at HOST:PORT (:PORT is loopback; 0 any port).")] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Log lines and summary as JSON (the summary to standard error if the target is -).")
    ] = False,
) -> None:
    """Receive a grant, go on where the last run stopped, keep the target up to date.

    SIGTERM and Ctrl-C finish what was read and end with code 0. Codes: 1 fatal, 2 usage, a foreign file or a grant that has ended (also
    with --daemon: the hub says since when and why), 3 Kafka or registry, 4 target,
    5 inconsistent deliveries or a missing beginning (a resync is needed).
    """
    with reported():
        served_at = None if metrics is None else read_address(metrics)
        request = Request(profile, read_target(to), group, exit_at_end, from_anywhere, share, daemon, served_at, as_json)
        _check(request)
        log_to_stderr(check_name(grant, "grant"), as_json=as_json)
        totals = Totals(grant)
        with stopped_by_signals() as stop:
            Receiving(totals, request, stop).run()
        _report(totals, to_stderr=request.target.kind == "stdout", as_json=as_json)


def _check(request: Request) -> None:
    kind = request.target.kind
    if request.group is not None and kind != "stdout":
        raise ConfigError("--group belongs to `--to -`: the other targets remember their positions themselves")
    if request.group is not None:
        check_name(request.group, "--group")
    if request.share and kind != "sqlite":
        raise ConfigError("--share belongs to `--to sqlite:///FILE`: each receiver of lines writes a file of its own, with everything")
    if request.daemon and request.exit_at_end:
        raise ConfigError("--daemon and --exit-at-end exclude each other: a daemon has no end")
    if request.daemon and kind == "stdout" and request.group is None:
        raise ConfigError("--daemon with `--to -` needs --group NAME: without one it would begin anew after each outage")


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


class Receiving:
    """One command: its parts, made anew for every attempt of a daemon, and what stays between attempts."""

    def __init__(self, totals: Totals, request: Request, stop: threading.Event) -> None:
        self._totals, self._request, self._stop = totals, request, stop
        self._service = Service(stop)
        self._metrics = Metrics(totals.grant, self._service.condition)
        self._begun = False

    def run(self) -> None:
        with ExitStack() as held:
            if self._request.metrics is not None:
                served = held.enter_context(serving(self._metrics.registry, *self._request.metrics))
                print(f"metrics at http://{served}/metrics", file=sys.stderr, flush=True)
            self._progress = Progress(self._totals, quiet=self._request.target.kind == "stdout")
            held.callback(self._progress.close)
            if self._request.daemon:
                self._service.run(self._attempt)
            else:
                self._attempt()

    def _attempt(self) -> None:
        request, grant = self._request, self._totals.grant
        reader = GrantReader(self._read_profile(), grant, stop=self._stop)
        with ExitStack() as held:
            held.callback(reader.close)
            sink = self._start(reader, held)
            self._service.ready()
            watch = Watch(self._applied, lambda: self._looked(reader, sink))
            by_group = request.group is not None
            receive_loop(reader, sink, self._totals, watch, self._stop, exit_at_end=request.exit_at_end, at_least_once=by_group)

    def _read_profile(self) -> Profile:
        """Read for every attempt: a password may have been rotated. One that is being written is tried again."""
        try:
            profile = read_profile(self._request.profile)
            subscriber_of(profile)
        except ConfigError as error:
            if not self._begun:
                raise
            raise KafkaUnavailable(str(error)) from error
        self._begun = True
        return profile

    def _start(self, reader: GrantReader, held: ExitStack) -> Sink:
        """Open the target and begin to read from where it stands."""
        request, grant, identity, anywhere = self._request, self._totals.grant, reader.topic.identity, self._request.from_anywhere
        if request.share:
            shared = open_table(request.target, identity, self._expect(reader), from_anywhere=anywhere, shared=True)
            held.callback(shared.close)
            reader.join(shared, f"{grant}.{shared.file_name}", from_anywhere=anywhere)
            return shared
        sink: Sink
        if request.target.kind == "stdout":
            reader.topic.open(f"{grant}.{request.group or 'stdout'}")
            sink = open_stdout(reader.topic.committed() if request.group is not None else {}, from_anywhere=anywhere)
        elif request.target.kind == "sqlite":
            sink = open_table(request.target, identity, self._expect(reader), from_anywhere=anywhere)
            reader.topic.open(grant)
        else:
            sink = open_lines(request.target, identity, from_anywhere=anywhere)
            reader.topic.open(grant)
        held.callback(sink.close)
        if request.target.kind != "stdout" and not sink.positions:
            self._tell_of_earlier(reader)
        reader.start(sink.positions, from_anywhere=sink.copies.from_anywhere)
        return sink

    def _tell_of_earlier(self, reader: GrantReader) -> None:
        """A new target of a grant that was received before: perhaps the old one was lost."""
        if reader.topic.committed():
            LOG.warning(
                "%s holds nothing yet, but this grant was received before: if that target was lost, this one is filled anew from the begin "
                "of a copy; where the topic holds none any more, a resync is needed",
                self._request.target.path,
            )

    @staticmethod
    def _expect(reader: GrantReader) -> Shape:
        """The grant's columns; from now on a view with others is refused."""
        shape = reader.shape()
        reader.schemas.expect(shape)
        return shape

    def _applied(self, effects: Effects, seconds: float) -> None:
        self._service.progressed()
        self._metrics.applied(effects, seconds)

    def _looked(self, reader: GrantReader, sink: Sink) -> None:
        self._metrics.looked(reader, sink)
        if reader.membership is not None:
            self._metrics.rebalanced(reader.membership.take_rebalances())
        self._progress.show(lambda: sum(reader.topic.lags(reader.positions).values()))


def _report(totals: Totals, *, to_stderr: bool, as_json: bool) -> None:
    """The summary, and exit code 5 where something was inconsistent."""
    if as_json:
        print(json.dumps(totals.summary()), file=sys.stderr if to_stderr else sys.stdout, flush=True)
    else:
        print(describe(totals), file=sys.stderr, flush=True)
    if totals.inconsistencies:
        raise DataRejected(f"{totals.inconsistencies} inconsistencies: the target may differ from the grant; ask the hub for a resync")
