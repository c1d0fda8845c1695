"""`gongyu-hub serve`: the control plane, from its start to a clean stop.

Start: policy and types are read before anything is touched; then the database (one control plane for a folder), the port,
Kafka; then HTTP; then the policy is published, then what changed in subject lists, and the heartbeat begins. While running, a
changed policy file or types folder is read again: what is wrong with it is logged and the policy in force stays.
"""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import partial
from pathlib import Path
from shlex import quote
from typing import Annotated

import structlog
import typer
from fastapi import FastAPI

from gongyu_hub.gateway.app import make_app
from gongyu_hub.gateway.catalogue import Catalogue
from gongyu_hub.gateway.server import Server, read_address, take_port
from gongyu_hub.observe.logs import configure_logs
from gongyu_hub.policy.key_file import KEY_FILE
from gongyu_hub.registry import epochs, subject_lists
from gongyu_hub.registry.control import Control
from gongyu_hub.registry.credentials import Credentials
from gongyu_hub.registry.database import Database, open_database
from gongyu_hub.registry.heart import Heart
from gongyu_hub.registry.hub_offsets import has_read
from gongyu_hub.registry.kafka_admin import KafkaAdmin
from gongyu_hub.registry.list_gate import ListGate
from gongyu_hub.registry.list_publisher import ListPublisher
from gongyu_hub.registry.policy_check import Policy, Types, read_policy
from gongyu_hub.registry.policy_topic import next_sequence
from gongyu_hub.registry.postgresql import DATABASE_OPTION, SeatTaken, Unseated
from gongyu_hub.registry.pseudonym_key import keep_key
from gongyu_hub.registry.readiness import Readiness
from gongyu_hub.registry.refusals import Refusals, TypesBroken
from gongyu_hub.registry.unread_removals import UnreadRemovals
from gongyu_hub.registry.users import keep_administrator, profile_file
from gongyu_hub.registry.watch import fingerprint
from gongyu_schemas.errors import ConfigError, DatabaseError, FatalError, GongyuError, reported
from gongyu_schemas.information_type import load_types, shipped_types
from gongyu_schemas.names import ADMIN_USER
from gongyu_schemas.transport.clients import require_connection
from gongyu_schemas.transport.profile import Profile, read_profile

LOG = structlog.get_logger()
WATCH_INTERVAL_S = 1.0
STAND_BY_INTERVAL_S = 0.2
_TELL_INTERVAL_S = 0.1
#: No file has this fingerprint: read again.
_UNSEEN = b""
_PORT = "port"
_CONNECT_TIMEOUT_S = 10.0


@dataclass(frozen=True, slots=True)
class Sources:
    """Where the policy is read from."""

    policy: Path
    folders: tuple[Path, ...]

    def fingerprint(self) -> bytes:
        return fingerprint(self.policy, self.folders)

    def read(self, database: Database) -> tuple[Types, Policy]:
        """Raises ConfigError with every mistake."""
        try:
            types = load_types(*self.folders)
        except ConfigError as error:
            raise TypesBroken(str(error)) from error
        with database.reading() as session:
            in_force = epochs.grants_in_force(session)
        return types, read_policy(self.policy, types, _today(), in_force)


def serve(
    directory: Annotated[Path, typer.Option("--dir", help="Directory of this hub; database and profiles stay there.")],
    policy: Annotated[Path, typer.Option(help="The policy file (YAML); read again whenever it changes.")],
    types: Annotated[list[Path] | None, typer.Option(help="A folder of further information types; may be repeated.")] = None,
    listen: Annotated[str, typer.Option(help="Loopback address and port; port 0: the one used before, else a free one.")] = "127.0.0.1:0",
    profile: Annotated[Path | None, typer.Option(help="Administrator's profile; default: DIR/profiles/admin.yaml.")] = None,
    database: Annotated[str | None, DATABASE_OPTION] = None,
) -> None:
    """Run the control plane: schema registry, topics, users and rights, and the policy for the workers.

    Example: gongyu-hub serve --dir ./hub --policy policy.yaml

    With a PostgreSQL database a second control plane may be started: it stands by, and takes over when the first one is gone.
    """
    configure_logs()
    with reported():
        stopping = _stop_on_signals()
        sources = Sources(policy, (shipped_types(), *(types or [])))
        host, port = read_address(listen)
        administrator = _read_administrator(directory, profile)
        with ExitStack() as held:
            opened = _open(directory, database, stopping)
            if opened is not None:
                held.callback(opened.close)
                _run(held, opened, directory, administrator, (host, port), sources, stopping)


def _open(directory: Path, url: str | None, stopping: threading.Event) -> Database | None:
    """None where it was told to stop while it stood by."""
    stood_by = False

    def stand_by() -> bool:
        nonlocal stood_by
        if not stood_by:
            LOG.info("standing by: another control plane works on this database")
        stood_by = True
        return not stopping.wait(STAND_BY_INTERVAL_S)

    try:
        return open_database(directory, url, stand_by)
    except SeatTaken:  # it stopped waiting because it was told to stop
        return None


def _run(
    held: ExitStack,
    database: Database,
    directory: Path,
    administrator: Profile,
    address: tuple[str, int],
    sources: Sources,
    stopping: threading.Event,
) -> None:
    seen = sources.fingerprint()
    known_types, policy = sources.read(database)
    key_check = keep_key(directory / KEY_FILE, database)
    readiness, credentials = Readiness(), Credentials(database)
    keep_administrator(administrator, credentials)
    with database.writing() as session:  # before anybody can send a new one
        subject_lists.drop_upload(session)
    catalogue = Catalogue()
    app = make_app(database, credentials, readiness, catalogue)
    server, url = _listen(app, database, address)
    held.callback(server.stop)
    require_connection(administrator, _CONNECT_TIMEOUT_S)
    admin = KafkaAdmin(administrator)
    refusals = Refusals(_now_ms)
    control = Control(
        database=database,
        credentials=credentials,
        admin=admin,
        gate=ListGate(database, admin.ends, partial(has_read, administrator)),
        profile=administrator.model_copy(update={"registry": url}),
        profiles=directory / "profiles",
        key_check=key_check,
        now_ms=_now_ms,
    )
    policy_topic = control.prepare()
    decided = control.apply(known_types, policy)
    catalogue.show(known_types)
    LOG.info("policy in force", types=len(known_types), grants=len(policy.grants), new_epochs=decided)
    for name in policy.lapsed(_today()):
        LOG.error("a grant in force has lapsed; ending grants is not supported", grant=name)
    app.state.control = control
    removals = UnreadRemovals(database, admin.ends, partial(has_read, administrator), time.monotonic)
    removals.check()
    lists = ListPublisher(administrator, database, readiness, control.now_ms)
    lists.start()
    held.callback(lists.stop)
    heart = Heart(administrator, database, next_sequence(policy_topic), readiness, refusals, lists.hindrance)
    heart.start()
    held.callback(heart.stop)
    readiness.report("start", "telling Kafka what changed in subject lists")
    while not (lists.told.wait(_TELL_INTERVAL_S) or lists.replaced or stopping.is_set()):
        _require_alive((server, heart, lists))
    readiness.clear("start")
    if lists.told.is_set():
        print(f"control plane: ready at {url}", flush=True)
    _watch(control, removals, catalogue, sources, refusals, seen, (server, heart, lists), stopping)
    LOG.info("stopping")


def _watch(
    control: Control,
    removals: UnreadRemovals,
    catalogue: Catalogue,
    sources: Sources,
    refusals: Refusals,
    seen: bytes,
    threads: tuple[Server, Heart, ListPublisher],
    stopping: threading.Event,
) -> None:
    """Until told to stop. One that was replaced publishes nothing more. Raises FatalError where a thread has ended by itself."""
    *_, lists = threads
    while not stopping.wait(WATCH_INTERVAL_S):
        _require_alive(threads)
        if not _can_read(control.database) or lists.replaced:  # in this order: who lost its database to another ends
            continue
        _publish_waiting(control, removals)
        now = sources.fingerprint()
        if now == seen:
            continue
        seen = now
        try:
            known_types, policy = sources.read(control.database)
            decided = control.apply(known_types, policy)
            with control.database.reading() as session:
                in_force = epochs.newest_epochs(session)
        except ConfigError as error:
            refusals.refuse(error)
        except GongyuError as error:
            _log_delay(error)
            seen = _UNSEEN
        else:
            catalogue.show(known_types)
            LOG.info("changed policy in force", types=len(known_types), grants=len(policy.grants), new_epochs=decided)
            refusals.mended(in_force, decided)


def _can_read(database: Database) -> bool:
    """Raises Unseated where another control plane took over."""
    try:
        database.check()
    except Unseated:
        raise
    except DatabaseError:  # told by the heart, which stands still meanwhile
        return False
    return True


def _require_alive(threads: Sequence[Server | Heart | ListPublisher]) -> None:
    if not all(thread.alive for thread in threads):
        raise FatalError("a part of the control plane has ended by itself; see the log above and start it again")


def _publish_waiting(control: Control, removals: UnreadRemovals) -> None:
    """Epochs whose lists had to reach the hub first, lists of types that had none, and removals that have not been read for long."""
    try:
        control.publish_decided()
        removals.check()
    except GongyuError as error:
        LOG.warning("decided but not published yet; tried again", cause=str(error))


def _listen(app: FastAPI, database: Database, address: tuple[str, int]) -> tuple[Server, str]:
    host, port = address
    kept = database.setting(_PORT)
    listener = take_port(host, port or int(kept or 0), kept=port == 0 and kept is not None)
    port = listener.getsockname()[1]
    database.keep_setting(_PORT, str(port))
    server = Server(app, listener)
    server.start()
    return server, f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _read_administrator(directory: Path, profile: Path | None) -> Profile:
    file = profile or profile_file(directory / "profiles", ADMIN_USER)
    if profile is None and not file.exists():
        raise ConfigError(f"{file} is not there: start `gongyu-hub kafka --dir {quote(str(directory))}` first, or give --profile")
    return read_profile(file)


def _log_delay(error: GongyuError) -> None:
    LOG.error("changed policy not published yet; tried again", cause=str(error))


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


def _today() -> date:
    return datetime.now(UTC).date()


def _stop_on_signals() -> threading.Event:
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    return stopping
