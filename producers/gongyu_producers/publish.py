"""One run of `gongyu-owner publish`, from a file to committed changes: the owner side's table of contents.

Connect, lock the state, read and stage the whole file (nothing is published before every row has been read), take
over the topic's transactional id, bring the state up to the topic's end, list the changes, write the rejects, pass the
guard, publish. A crash anywhere leaves the topic and the state such that the same command completes the run.
"""

from __future__ import annotations

import re
import sqlite3
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from confluent_kafka.admin import AdminClient
from confluent_kafka.schema_registry import SchemaRegistryClient

from gongyu_producers.catch_up import CaughtUp, TopicReader
from gongyu_producers.compare import Counts, compare_snapshot, keys_of, list_plain
from gongyu_producers.earlier import modified_ns, note_earlier
from gongyu_producers.guard import DeleteLimit, check_deletes
from gongyu_producers.history import PastRun, begin_run, end_run, last_snapshot, stop_run
from gongyu_producers.interrupt import Interrupt
from gongyu_producers.owner_topic import OwnerTopic, SchemaIds, find_schema_ids, find_topic
from gongyu_producers.pace import Pace
from gongyu_producers.progress import Steps
from gongyu_producers.records import Records
from gongyu_producers.rejects import rejects_path, remove_rejects, write_rejects
from gongyu_producers.send import Sender
from gongyu_producers.source import Rows, SourceFile, open_source
from gongyu_producers.staging import Staging
from gongyu_producers.state import State
from gongyu_producers.state_file import open_state
from gongyu_producers.summary import Summary
from gongyu_schemas.envelope import CREATE, DELETE, UPDATE
from gongyu_schemas.errors import ConfigError, DatabaseError, GongyuError
from gongyu_schemas.information_type import InformationType
from gongyu_schemas.names import owner_transactional_prefix
from gongyu_schemas.transport.clients import make_admin, make_registry, require_connection
from gongyu_schemas.transport.profile import Profile
from gongyu_schemas.transport.transactional import TransactionalProducer

_SHOW_EVERY_ROWS = 2_000
_ACT = re.compile(r"[^\s\x00-\x1f\x7f](?:[^\x00-\x1f\x7f]*[^\s\x00-\x1f\x7f])?")
_LONGEST_ACT = 128


@dataclass(frozen=True, slots=True)
class Run:
    """What to publish and how. `delete_limit` None: any number of deletes is allowed."""

    information_type: InformationType
    source: SourceFile
    snapshot: bool
    state_dir: Path
    delete_limit: DeleteLimit | None
    per_transaction: int
    dry_run: bool = False
    rebuild_state: bool = False
    rejects: Path | None = None
    keys_shown: int = 20
    rate: int | None = None
    act: str | None = None


@dataclass(frozen=True, slots=True)
class _Hub:
    """The connections and what they found."""

    profile: Profile
    admin: AdminClient
    registry: SchemaRegistryClient
    topic: OwnerTopic
    ids: SchemaIds


def read_act(text: str) -> str:
    """`--act`: travels in every change of the run. Raises ConfigError where it is no identifier."""
    if len(text) > _LONGEST_ACT or not _ACT.fullmatch(text):
        raise ConfigError(
            f"--act: give 1 to {_LONGEST_ACT} characters without line ends and without spaces around them ({len(text)} given)"
        )
    return text


def publish(run: Run, profile: Profile, steps: Steps) -> Summary:
    """Raises GongyuError's kinds only; see the exit codes of the command."""
    began = time.monotonic()
    records = Records(run.information_type)
    with ExitStack() as stack, _database_errors():
        interrupt = stack.enter_context(Interrupt())
        rows = open_source(run.source, run.information_type, records)
        stack.enter_context(closing(rows.file))
        hub = _connect(profile, run.information_type)
        state, staging = _open(run, hub, records, stack)
        before = last_snapshot(state.connection)
        begin_run(state.connection, run.source.path.name, modified_ns(run.source.path), snapshot=run.snapshot, act=run.act)
        stack.enter_context(_noted_stop(state))
        _stage(rows, records, staging, interrupt, steps)
        producer = None
        if not run.dry_run:
            transactional_id = f"{owner_transactional_prefix(run.information_type.owner)}{run.information_type.name}"
            producer = TransactionalProducer(profile, transactional_id)
            stack.callback(producer.close)
        reader = TopicReader(profile, hub.admin, hub.registry, records, hub.topic.name, hub.ids.value)
        steps.begin("catching up with the topic", 0)
        caught_up = reader.catch_up(state, interrupt.check, lambda done, _todo: steps.show(0, done))
        counts = compare_snapshot(staging, records) if run.snapshot else list_plain(staging)
        rejects = _settle_rejects(run, staging)
        notes = [*_note_others(run, caught_up), *_guard(run, counts, state, before)]
        if producer is not None:
            pace = Pace(run.rate)
            sender = Sender(producer, hub.admin, reader, state, records, hub.topic.name, hub.ids, act=run.act, pace=pace)
            _send(sender, run, counts, interrupt, steps)
        end_run(state.connection, staging.rows, counts.changes, staging.rejected_rows())
        return _summarise(run, hub.topic.name, records, staging, counts, rejects, notes, time.monotonic() - began)


def _stage(rows: Rows, records: Records, staging: Staging, interrupt: Interrupt, steps: Steps) -> None:
    steps.begin("reading", rows.file.size)
    for row in rows:
        staging.add(row, records.describe_key(row.key) if row.problems and row.key is not None else None)
        if staging.rows % _SHOW_EVERY_ROWS == 0:
            interrupt.check()
            steps.show(rows.file.bytes_read, staging.rows)
    staging.flush()


def _connect(profile: Profile, information_type: InformationType) -> _Hub:
    require_connection(profile)
    admin, registry = make_admin(profile), make_registry(profile)
    return _Hub(profile, admin, registry, find_topic(admin, information_type), find_schema_ids(registry, information_type))


def _open(run: Run, hub: _Hub, records: Records, stack: ExitStack) -> tuple[State, Staging]:
    opened = open_state(
        run.state_dir, hub.topic, run.information_type, records,
        keep=not run.dry_run, rebuild=run.rebuild_state, needs_images=run.snapshot,
    )  # fmt: skip
    stack.callback(opened.close)
    return opened, Staging(opened.connection)


def _settle_rejects(run: Run, staging: Staging) -> Path | None:
    """The file the rejected rows were written to; None where there are none."""
    path = run.rejects or rejects_path(run.source.path)
    if run.dry_run:
        return None
    if not staging.rejected_rows():
        remove_rejects(path)
        return None
    write_rejects(path, staging.rejects())
    return path


def _note_others(run: Run, caught_up: CaughtUp) -> list[str]:
    """What was found on the topic and is not of this state; a state made anew takes everything there as its own."""
    notes = []
    if caught_up.foreign and not run.rebuild_state:
        notes.append(f"{caught_up.foreign:,} changes were published by another program or machine since the last run here")
    if caught_up.unreadable:
        notes.append(f"{caught_up.unreadable:,} messages on the topic are no changes; passed over")
    return notes


def _guard(run: Run, counts: Counts, state: State, before: PastRun | None) -> list[str]:
    """What to say before a snapshot is published; raises GuardStopped or ConfigError, a dry run only notes what would happen."""
    if not run.snapshot:
        return []
    notes: list[str] = []
    try:
        notes += note_earlier(run.source.path, run.information_type, counts, before)
        if run.delete_limit is not None:
            check_deletes(counts.deleted, state.records(), run.delete_limit)
    except ConfigError as stopped:
        if not run.dry_run:
            raise
        notes.append(f"a run would be stopped: {stopped}")
    return notes


def _send(sender: Sender, run: Run, counts: Counts, interrupt: Interrupt, steps: Steps) -> None:
    steps.begin("publishing", counts.changes)
    sent = 0

    def advance(changes: int) -> None:
        nonlocal sent
        sent += changes
        steps.show(sent, sent)

    sender.send_all(snapshot=run.snapshot, per_transaction=run.per_transaction, check=interrupt.check, advance=advance)


def _summarise(
    run: Run,
    topic: str,
    records: Records,
    staging: Staging,
    counts: Counts,
    rejects: Path | None,
    notes: list[str],
    seconds: float,
) -> Summary:
    keys = {}
    if run.dry_run:
        listed = {"create": CREATE, "update": UPDATE, "delete": DELETE}
        keys = {name: keys_of(staging, records, op, run.keys_shown) for name, op in listed.items()}
    return Summary(
        file=run.source.path,
        information_type=run.information_type.name,
        topic=topic,
        snapshot=run.snapshot,
        dry_run=run.dry_run,
        act=run.act,
        bytes=run.source.path.stat().st_size,
        rows=staging.rows,
        created=counts.created,
        updated=counts.updated,
        deleted=counts.deleted,
        unchanged=counts.unchanged,
        rejected=staging.rejected_rows(),
        deletes_withheld=counts.withheld,
        seconds=round(seconds, 3),
        rejects_file=rejects,
        notes=tuple(notes),
        keys=keys,
    )


@contextmanager
def _noted_stop(state: State) -> Iterator[None]:
    """What stops the run that has begun stands in its history: the user's command line is gone when somebody asks."""
    try:
        yield
    except GongyuError as error:
        stop_run(state.connection, str(error))
        raise


@contextmanager
def _database_errors() -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        raise DatabaseError(f"the local state cannot be used: {error}; is the disk full? Nothing is lost: run again") from error
