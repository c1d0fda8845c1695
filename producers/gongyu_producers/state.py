"""What the owner's topic says, kept on the owner's side: the last published image of each record, and up to where.

A cache of the topic in one SQLite file per (cluster, topic): it moves forward only with what is committed there, in
one database transaction with the offsets that it then reflects, so a crash at any moment is healed by reading
the topic from these offsets (`catch_up`). A state that is lost, foreign, ahead of the topic or behind its retention
is refused: it is never taken for an empty register, because that would publish every record as new, or delete all.
SQLite's exclusive lock, held while the file is open, keeps a second run out; it ends with the process.
The file holds the register's content: its folder is the owner's alone (mode 0700).
"""

from __future__ import annotations

import json
import sqlite3
import tempfile
import uuid
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gongyu_producers.history import HISTORY_TABLES, STOPPED_COLUMN, add_counts
from gongyu_producers.records import Records, Unreadable, parse_writer
from gongyu_producers.staging import digest, transaction
from gongyu_schemas.errors import ConfigError, DatabaseError
from gongyu_schemas.fields import Schema
from gongyu_schemas.information_type import InformationType
from gongyu_schemas.plain_words import why

FORMAT = 3
_APPLICATION = 0x676F6E67  # "gong"; marks the file as ours
_TABLES = """
CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE partitions (partition INTEGER PRIMARY KEY, next_offset INTEGER NOT NULL);
CREATE TABLE published (key BLOB PRIMARY KEY, subject BLOB, digest BLOB NOT NULL, image BLOB NOT NULL) WITHOUT ROWID;
"""
#: What makes a state of the format before one of this: run in order, in one transaction with the new number.
_UPGRADES = {1: HISTORY_TABLES, 2: STOPPED_COLUMN}
_PAGE_CACHE_KIB = 65_536
_UPSERT = "INSERT OR REPLACE INTO published VALUES (?, ?, ?, ?)"
_RE_ENCODE_AT_ONCE = 1_000

Published = tuple[bytes, bytes | None, bytes]  # key, subject (None: as the key), image


@dataclass(frozen=True, slots=True)
class Identity:
    """Which topic a state belongs to. `topic_id` changes when a topic is deleted and made again."""

    cluster: str
    topic: str
    topic_id: str
    partitions: int


class State:
    """An open, locked state. `position` is the next number to give to a change of this state's `source`."""

    def __init__(self, path: Path | None, *, keep: bool = True) -> None:
        """Opens the file, or memory where `path` is None. Without `keep` nothing of this run is saved in it.

        The rows of the run (schema `run`) lie in a file of their own beside it, empty at first and gone at the end.
        """
        self.path = path
        self.connection = _connect(path)
        self._resources = ExitStack()
        self._attach_rows()
        if not keep or path is None:
            self.connection.execute("BEGIN IMMEDIATE")  # never committed
        self.source = ""
        self.position = 0
        self.next_offsets: dict[int, int] = {}

    def is_new(self) -> bool:
        return self.connection.execute("SELECT name FROM main.sqlite_master").fetchone() is None

    def create(self, identity: Identity, information_type: InformationType, next_offsets: Mapping[int, int]) -> None:
        """Start empty, reflecting the topic up to these offsets; forgets the state that was in the file."""
        if not self.is_new():
            self._require_ours()
        with transaction(self.connection):
            for name in ("meta", "partitions", "published", "counts", "runs"):
                self.connection.execute(f"DROP TABLE IF EXISTS main.{name}")
            for statement in (_TABLES + HISTORY_TABLES + STOPPED_COLUMN).strip().splitlines():
                self.connection.execute(statement)
            self.connection.execute(f"PRAGMA main.user_version = {FORMAT}")
            self.connection.execute(f"PRAGMA main.application_id = {_APPLICATION}")
            self._write("topic", _as_text(identity))
            self._write("type", _type_text(information_type))
            self._write("record", json.dumps(information_type.record_schema))
            self._write("source", f"gongyu-owner/{uuid.uuid4()}")
            self._write("position", "1")
            self.connection.executemany("INSERT INTO partitions VALUES (?, ?)", next_offsets.items())
        self._load()

    def check(self, identity: Identity, information_type: InformationType, records: Records) -> None:
        """Load what the file holds, upgraded if need be. Raises ConfigError where it belongs elsewhere or to a newer program."""
        self._require_ours()
        self._upgrade()
        if self._read("topic") != _as_text(identity):
            raise ConfigError(
                f"{self.path}: belongs to another topic than {identity.topic!r} is now (deleted and made again, or other partitions); "
                "if the topic holds all that was ever published, run once with --rebuild-state"
            )
        if self._read("type") != _type_text(information_type):
            raise ConfigError(
                f"{self.path}: type {information_type.name!r} has other key or subject fields now; these never change in a topic"
            )
        self._load()
        if self._read("record") != json.dumps(information_type.record_schema):
            self._re_encode(information_type, records)

    def apply(
        self,
        changes: Iterable[tuple[bytes, Published | None]],
        next_offsets: Mapping[int, int],
        position: int,
        counts: Mapping[str, int] | None = None,
    ) -> None:
        """Take over committed changes (key, what is published now) in order, with the offsets and position they end at.

        `counts` are those of them that were published from here, by operation.
        """
        latest = dict(changes)
        with transaction(self.connection):
            kept = [(key, subject, digest(image), image) for key, subject, image in filter(None, latest.values())]
            self.connection.executemany(_UPSERT, kept)
            gone = [(key,) for key, published in latest.items() if published is None]
            self.connection.executemany("DELETE FROM published WHERE key = ?", gone)
            self.connection.executemany("INSERT OR REPLACE INTO partitions VALUES (?, ?)", next_offsets.items())
            self._write("position", str(max(position, self.position)))
            add_counts(self.connection, counts or {})
        self.next_offsets.update(next_offsets)
        self.position = max(position, self.position)

    def records(self) -> int:
        return int(self.connection.execute("SELECT count(*) FROM published").fetchone()[0])

    def close(self) -> None:
        if self.connection.in_transaction:
            self.connection.execute("ROLLBACK")
        self.connection.close()
        self._resources.close()

    def _attach_rows(self) -> None:
        if self.path is None:
            rows = Path(self._resources.enter_context(tempfile.TemporaryDirectory(prefix="gongyu-owner-"))) / "run.rows"
        else:
            rows = self.path.with_suffix(".rows")
            rows.unlink(missing_ok=True)  # of a run that was killed; the lock is ours
            self._resources.callback(rows.unlink, missing_ok=True)
        self.connection.execute("ATTACH DATABASE ? AS run", (str(rows),))
        self.connection.execute("PRAGMA run.journal_mode = MEMORY")
        self.connection.execute("PRAGMA run.synchronous = OFF")
        self.connection.execute(f"PRAGMA run.cache_size = -{_PAGE_CACHE_KIB}")

    def _require_ours(self) -> None:
        version = is_ours(self.connection)
        if version is None:
            raise ConfigError(f"{self.path}: not a state of gongyu-owner; give another --state-dir")
        if version > FORMAT:
            raise ConfigError(f"{self.path}: written by a newer version of gongyu-owner (format {version}); upgrade this one")

    def _upgrade(self) -> None:
        with transaction(self.connection):
            for version in range(is_ours(self.connection) or FORMAT, FORMAT):
                for statement in _UPGRADES[version].strip().splitlines():
                    self.connection.execute(statement)
                self.connection.execute(f"PRAGMA main.user_version = {version + 1}")

    def _load(self) -> None:
        self.source = self._read("source")
        self.position = int(self._read("position"))
        self.next_offsets = dict(self.connection.execute("SELECT partition, next_offset FROM partitions"))

    def _re_encode(self, information_type: InformationType, records: Records) -> None:
        """The record schema has changed: the same images in the new schema, so that only real changes differ."""
        writer = parse_writer(json.loads(self._read("record")))
        with transaction(self.connection):
            after = b""
            while page := self.connection.execute(
                "SELECT key, image FROM published WHERE key > ? ORDER BY key LIMIT ?", (after, _RE_ENCODE_AT_ONCE)
            ).fetchall():
                after = page[-1][0]
                images = [(self._in_new_schema(image, writer, records), key) for key, image in page]
                self.connection.executemany(
                    "UPDATE published SET image = ?, digest = ? WHERE key = ?", [(image, digest(image), key) for image, key in images]
                )
            self._write("record", json.dumps(information_type.record_schema))

    def _in_new_schema(self, image: bytes, writer: Schema, records: Records) -> bytes:
        try:
            return records.image(records.read_image(image, writer))
        except Unreadable as error:
            raise ConfigError(f"{self.path}: published records do not fit the type's record schema as it is now: {error}") from error

    def _read(self, name: str) -> str:
        return str(self.connection.execute("SELECT value FROM meta WHERE name = ?", (name,)).fetchone()[0])

    def _write(self, name: str, value: str) -> None:
        self.connection.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (name, value))


def is_ours(connection: sqlite3.Connection) -> int | None:
    """The format of a state; None where the file is no state."""
    [application], [version] = (connection.execute(f"PRAGMA main.{name}").fetchone() for name in ("application_id", "user_version"))
    return int(version) if application == _APPLICATION else None


def _connect(path: Path | None) -> sqlite3.Connection:
    try:
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        connection = sqlite3.connect(":memory:" if path is None else path, timeout=0, isolation_level=None)
    except OSError as error:
        raise DatabaseError(f"state {path} cannot be opened: {why(error)}; give another --state-dir") from error
    except sqlite3.Error as error:
        raise DatabaseError(f"state {path} cannot be opened: {error}; give another --state-dir") from error
    try:
        connection.execute("PRAGMA locking_mode = EXCLUSIVE")
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")  # what a power cut takes is read from the topic again
        connection.execute(f"PRAGMA main.cache_size = -{_PAGE_CACHE_KIB}")
        connection.execute("BEGIN EXCLUSIVE")
        connection.execute("COMMIT")
    except sqlite3.OperationalError as error:
        connection.close()
        if error.sqlite_errorcode == sqlite3.SQLITE_BUSY:
            raise ConfigError(f"{path}: another gongyu-owner publishes to this topic now; wait until it has ended") from error
        raise DatabaseError(f"state {path} cannot be used: {error}") from error
    except sqlite3.DatabaseError as error:
        connection.close()
        raise DatabaseError(f"state {path} is damaged: {error}; restore it, or remove it and run once with --rebuild-state") from error
    return connection


def _as_text(identity: Identity) -> str:
    return json.dumps([identity.cluster, identity.topic, identity.topic_id, identity.partitions])


def _type_text(information_type: InformationType) -> str:
    declared: dict[str, Any] = {field["name"]: field["type"] for field in information_type.record_schema["fields"]}
    return json.dumps([[(name, declared[name]) for name in names] for names in (information_type.key, information_type.subject)])
