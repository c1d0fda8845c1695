"""`gongyu-hub up`: everything for one machine in one folder, until Ctrl-C or SIGTERM.

Embedded Kafka, the control plane and one worker, each the public command of its own. A second `up` in the folder is refused; one that
was killed leaves nothing that hinders the next.
"""

from __future__ import annotations

import fcntl
import json
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from shlex import quote
from typing import Annotated

import typer

from gongyu_hub.operating.children import Children, Plan
from gongyu_hub.registry.first_account import TOKEN_FILE
from gongyu_hub.registry.postgresql import DATABASE_OPTION, VARIABLE
from gongyu_schemas.errors import ConfigError, reported
from gongyu_schemas.plain_words import why
from gongyu_schemas.private import make_private_folder

#: The first time the jars are fetched, and the kernels compiled.
_KAFKA_READY_S = 600.0
_SERVE_READY_S = 180.0
_WORKER_READY_S = 300.0
#: Processes of an `up` that was killed are ended by the system at once; their memory takes a moment to go.
_GRACE_S = 20.0
_POLL_S = 0.05

EMPTY_POLICY = """\
# The grants of this hub; read again whenever this file changes. Check it with: gongyu-hub check --policy FILE
subscribers: {}
grants: []
"""


def up(
    directory: Annotated[Path, typer.Option("--dir", help="Folder of the hub: all state, profiles and logs. Made where it is missing.")],
    policy: Annotated[Path | None, typer.Option(help="The policy file. Default: DIR/policy.yaml, made empty where it is missing.")] = None,
    types: Annotated[list[Path] | None, typer.Option(help="A folder of further information types; may be repeated.")] = None,
    profile: Annotated[Path | None, typer.Option(help="Administrator's profile of a Kafka of your own, instead of embedded Kafka.")] = None,
    listen: Annotated[str | None, typer.Option(help="Address of the control plane, as for `serve`.")] = None,
    metrics: Annotated[str | None, typer.Option(help="Address of the worker's metrics, as for `work`.")] = None,
    database: Annotated[str | None, DATABASE_OPTION] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the addresses as one JSON document.")] = False,
) -> None:
    """Run embedded Kafka, the control plane and one worker until Ctrl-C; started again, all goes on.

    Example: gongyu-hub up --dir ./hub --policy policy.yaml --types ./types

    A process that dies is started again. Further workers: gongyu-hub work --dir DIR --name worker-2
    """
    with reported():
        stopping = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            if signal.getsignal(number) is not signal.SIG_IGN:  # `nohup` means it
                signal.signal(number, lambda *_: stopping.set())
        folder = directory.absolute()
        _require_files(policy, types or [], profile)
        with _alone(folder) as shared:
            file = policy or _own_policy(folder)
            plans = _plans(folder, file.absolute(), [each.absolute() for each in types or []], profile, listen, metrics)
            if database is not None:
                os.environ[VARIABLE] = database  # of the control plane that is started; with its password no command line may hold it
            make_private_folder(folder / "logs")
            children = Children(plans, folder / "logs", shared, _say)
            try:
                if children.start(stopping):
                    _print_addresses(children, folder, file, as_json)
                    children.watch(stopping)
            finally:
                for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):  # stopping is bounded; nothing may cut it short
                    signal.signal(number, signal.SIG_IGN)
                _say("stopping")
                children.stop()


def _plans(folder: Path, policy: Path, types: list[Path], profile: Path | None, listen: str | None, metrics: str | None) -> list[Plan]:
    more_types = [word for each in types for word in ("--types", str(each))]
    own_kafka = [] if profile is None else ["--profile", str(profile.absolute())]
    at = [] if listen is None else ["--listen", listen]
    where = ("--dir", str(folder))
    serve = ("serve", *where, "--policy", str(policy), *more_types, *own_kafka, *at)
    work = ("work", *where, "--name", "worker-1", *([] if metrics is None else ["--metrics", metrics]))
    kafka = Plan("kafka", ("kafka", *where), r"kafka: ready at (\S+)", _KAFKA_READY_S, 40.0)
    return [
        *([kafka] if profile is None else []),
        Plan("serve", serve, r"control plane: ready at (\S+)", _SERVE_READY_S, 30.0),
        Plan("worker-1", work, r"worker worker-1: ready, metrics at (\S+)", _WORKER_READY_S, 40.0),
    ]


def _require_files(policy: Path | None, types: list[Path], profile: Path | None) -> None:
    """What `serve` would refuse after Kafka's start. Raises ConfigError."""
    for option, file in (("--policy", policy), ("--profile", profile)):
        if file is not None and not file.is_file():
            raise ConfigError(f"{option} {file}: {'it is a folder; name a file' if file.is_dir() else 'there is no such file'}")
    for each in types:
        if not each.is_dir():
            raise ConfigError(f"--types {each}: there is no such folder of information types")


def _own_policy(folder: Path) -> Path:
    file = folder / "policy.yaml"
    if not file.exists():
        file.write_text(EMPTY_POLICY, encoding="utf-8")
    return file


@contextmanager
def _alone(folder: Path) -> Iterator[int]:
    """One `up` in a folder; yields the lock that its children hold too. Raises ConfigError."""
    try:
        make_private_folder(folder)
        own = os.open(folder / "up.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        shared = os.open(folder / "up.children.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise ConfigError(f"{folder} cannot be used: {why(error)}; choose another --dir") from error
    try:
        if not _take(own, 0):
            process = os.pread(own, 32, 0).decode(errors="replace").strip()
            raise ConfigError(f"another `gongyu-hub up` runs in {folder} (process {process}); stop it or choose another --dir")
        os.ftruncate(own, 0)
        os.pwrite(own, f"{os.getpid()}\n".encode(), 0)
        if not _take(shared, _GRACE_S):
            raise ConfigError(f"processes of an earlier `gongyu-hub up` in {folder} still run; end them first")
        yield shared
    finally:
        os.close(shared)
        os.close(own)


def _take(lock: int, patience_s: float) -> bool:
    deadline = time.monotonic() + patience_s
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        except BlockingIOError:
            if time.monotonic() >= deadline:
                return False
            time.sleep(_POLL_S)


def _print_addresses(children: Children, folder: Path, policy: Path, as_json: bool) -> None:
    at = {child.plan.name: child.address for child in children}
    profiles = folder / "profiles"
    if as_json:
        content = {"kafka": at.get("kafka"), "control_plane": at["serve"], "metrics": at["worker-1"]}
        places = {"policy": str(policy), "profiles": str(profiles), "logs": str(folder / "logs")}
        print(json.dumps({**content, **places}, ensure_ascii=False), flush=True)
        return
    kafka = at.get("kafka")
    lines = [
        "up: ready; Ctrl-C stops it, the same command goes on",
        *([] if kafka is None else [f"  Kafka            {kafka} (SASL_PLAINTEXT, SCRAM-SHA-512)"]),
        f"  control plane    {at['serve']} (schema registry)",
        f"  worker's metrics {at['worker-1']}",
        f"  policy           {policy} (read again whenever it changes)",
        f"  profiles         {profiles} (credentials of operator, owners and subscribers)",
        f"  operator's token {folder / TOKEN_FILE} (for `gongyu-hub org`, `account`, `token`, and /api/v1)",
        f"  logs             {folder / 'logs'}",
        "in another terminal:",
        f"  gongyu-hub status --dir {quote(str(folder))}",
        f"  gongyu-owner publish FILE --type TYPE --snapshot --state-dir DIR --profile {quote(str(profiles))}/owner.OWNER.yaml",
        f"  gongyu-subscriber receive GRANT --to sqlite:///FILE --profile {quote(str(profiles))}/subscriber.SUBSCRIBER.yaml",
    ]
    print("\n".join(lines), flush=True)


def _say(line: str) -> None:
    print(f"up: {line}", file=sys.stderr, flush=True)
