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

from gongyu_hub.gateway import participants
from gongyu_hub.gateway.app import make_app
from gongyu_hub.gateway.catalogue import Catalogue
from gongyu_hub.gateway.listening import listen as listen_at
from gongyu_hub.gateway.server import Server, read_address
from gongyu_hub.observe.logs import configure_logs
from gongyu_hub.policy.key_file import KEY_FILE
from gongyu_hub.registry import epochs, subject_lists
from gongyu_hub.registry.clock import BrokerClock, Clock, ClockWrong
from gongyu_hub.registry.control import Control
from gongyu_hub.registry.credentials import Credentials
from gongyu_hub.registry.database import Database, open_database
from gongyu_hub.registry.effect import Effects, following
from gongyu_hub.registry.heart import Heart
from gongyu_hub.registry.hub_offsets import has_read
from gongyu_hub.registry.kafka_admin import KafkaAdmin
from gongyu_hub.registry.lapses import Lapses
from gongyu_hub.registry.list_gate import ListGate
from gongyu_hub.registry.list_publisher import ListPublisher
from gongyu_hub.registry.policy_check import Policy, Types, read_policy
from gongyu_hub.registry.policy_topic import PolicyWriter, next_sequence
from gongyu_hub.registry.postgresql import DATABASE_OPTION, SeatTaken, Unseated
from gongyu_hub.registry.pseudonym_key import keep_key
from gongyu_hub.registry.readiness import Readiness
from gongyu_hub.registry.refusals import Refusals, TypesBroken
from gongyu_hub.registry.token_checks import TokenChecks
from gongyu_hub.registry.unread_removals import UnreadRemovals
from gongyu_hub.registry.users import keep_administrator, profile_file
from gongyu_hub.registry.watch import fingerprint
from gongyu_schemas.errors import ConfigError, DatabaseError, FatalError, GongyuError, reported
from gongyu_schemas.information_type import load_types, shipped_types
from gongyu_schemas.metrics_server import read_address as read_metrics_address
from gongyu_schemas.names import ADMIN_USER
from gongyu_schemas.transport.clients import require_connection
from gongyu_schemas.transport.profile import Profile, read_profile

LOG = structlog.get_logger()
WATCH_INTERVAL_S = 1.0
STAND_BY_INTERVAL_S = 0.2
_TELL_INTERVAL_S = 0.1
#: No file has this fingerprint: read again.
_UNSEEN = b""
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
            known = epochs.known_grants(session)
        return types, read_policy(self.policy, types, _today(), known)


def serve(
    directory: Annotated[Path, typer.Option("--dir", help="Directory of this hub; database and profiles stay there.")],
    policy: Annotated[Path, typer.Option(help="The policy file (YAML); read again whenever it changes.")],
    types: Annotated[list[Path] | None, typer.Option(help="A folder of further information types; may be repeated.")] = None,
    listen: Annotated[str, typer.Option(help="Loopback address and port; port 0: the one used before, else a free one.")] = "127.0.0.1:0",
    metrics: Annotated[str, typer.Option(help="Address for Prometheus; port 0 = any free one, told in the log.")] = "127.0.0.1:0",
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
        metrics_at = read_metrics_address(metrics)
        administrator = _read_administrator(directory, profile)
        with ExitStack() as held:
            opened = _open(directory, database, stopping)
            if opened is not None:
                held.callback(opened.close)
                _run(held, opened, directory, administrator, (host, port), metrics_at, sources, stopping)


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
    metrics: tuple[str, int],
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
    checks = TokenChecks(database, _now_ms)
    app = make_app(database, credentials, readiness, catalogue, checks)
    server, url = listen_at(app, database, address)
    held.callback(server.stop)
    require_connection(administrator, _CONNECT_TIMEOUT_S)
    participants.keep_operator_token(directory, database, checks)
    admin = KafkaAdmin(administrator)
    refusals = Refusals(_now_ms)
    with database.reading() as session:
        clock = Clock(_now_ms, BrokerClock(administrator), epochs.last_published_ms(session), readiness)
    control = Control(
        database=database,
        credentials=credentials,
        admin=admin,
        gate=ListGate(database, admin.ends, partial(has_read, administrator)),
        profile=administrator.model_copy(update={"registry": url}),
        profiles=directory / "profiles",
        key_check=key_check,
        clock=clock,
        writer=PolicyWriter(administrator),
    )
    policy_topic, lapses = control.prepare(), Lapses(control)
    try:
        decided = control.apply(known_types, policy)
        lapses.look()
    except ClockWrong:  # it is told, and what was in force stays so
        seen = _UNSEEN
    else:
        LOG.info("policy in force", types=len(known_types), grants=len(policy.grants), new_epochs=decided)
    catalogue.show(known_types)
    participants.make_known(database, known_types, policy, _now_ms())
    app.state.control = control
    app.state.effects = effects = held.enter_context(following(administrator, database, _now_ms, metrics))
    removals = UnreadRemovals(database, admin.ends, partial(has_read, administrator), time.monotonic)
    removals.check()
    lists = ListPublisher(administrator, database, readiness, _now_ms)
    lists.start()
    held.callback(lists.stop)
    heart = Heart(administrator, database, next_sequence(policy_topic), readiness, refusals, lists.hindrance)
    heart.start()
    held.callback(heart.stop)
    readiness.report("start", "telling Kafka what changed in subject lists")
    while not (lists.told.wait(_TELL_INTERVAL_S) or lists.replaced or stopping.is_set()):
        _require_alive((server, heart, effects, lists))
    readiness.clear("start")
    if lists.told.is_set():
        print(f"control plane: ready at {url}", flush=True)
    _watch(control, lapses, removals, catalogue, sources, refusals, seen, (server, heart, effects, lists), stopping)
    LOG.info("stopping")


def _watch(
    control: Control,
    lapses: Lapses,
    removals: UnreadRemovals,
    catalogue: Catalogue,
    sources: Sources,
    refusals: Refusals,
    seen: bytes,
    threads: tuple[Server, Heart, Effects, ListPublisher],
    stopping: threading.Event,
) -> None:
    """Until told to stop. One that was replaced publishes nothing more. Raises FatalError where a thread has ended by itself."""
    *_, lists = threads
    while not stopping.wait(WATCH_INTERVAL_S):
        _require_alive(threads)
        if not _can_read(control.database) or lists.replaced:  # in this order: who lost its database to another ends
            continue
        _publish_waiting(control, lapses, removals)
        now = sources.fingerprint()
        if now == seen:
            continue
        seen = now
        try:
            known_types, policy = sources.read(control.database)
            decided = control.apply(known_types, policy)
            participants.make_known(control.database, known_types, policy, _now_ms())
            with control.database.reading() as session:
                in_force = epochs.newest_epochs(session)
        except ConfigError as error:
            refusals.refuse(error)
        except ClockWrong:  # it is told
            seen = _UNSEEN
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


def _require_alive(threads: Sequence[Server | Heart | Effects | ListPublisher]) -> None:
    if not all(thread.alive for thread in threads):
        raise FatalError("a part of the control plane has ended by itself; see the log above and start it again")


def _publish_waiting(control: Control, lapses: Lapses, removals: UnreadRemovals) -> None:
    """Epochs whose lists had to reach the hub first, lists of types that had none, ends that are due, and removals that have not been read
    for long.
    """
    try:
        removals.check()
        control.publish_decided()
        lapses.look()
    except ClockWrong:  # it is told until it is right
        return
    except GongyuError as error:
        LOG.warning("decided but not published yet; tried again", cause=str(error))


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
