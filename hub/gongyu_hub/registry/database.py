"""The control plane's database: one SQLite file in the hub's folder, used by one process at a time.

Enters the hub's folder; leaves an open `Database` whose format is this program's. Can go wrong: the file is no
database, belongs to another program or to a newer version, or another control plane has it.
An older file is upgraded in one transaction: a crash leaves it as it was.
Decision: synchronous=FULL, because a schema id that was answered must survive a power cut: handed out twice it would
make old messages readable under a wrong schema.
"""

from __future__ import annotations

import fcntl
import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, create_engine, event, inspect
from sqlalchemy.exc import DatabaseError as SqlError
from sqlalchemy.orm import Session

from gongyu_hub.registry.tables import Setting, Table
from gongyu_schemas.errors import ConfigError, DatabaseError
from gongyu_schemas.plain_words import why
from gongyu_schemas.private import make_private_file, make_private_folder

DATABASE_FILE = "hub.db"
LOCK_FILE = "hub.db.lock"
#: Grows with every change of the tables; an older file is upgraded, a newer one refused.
SCHEMA_VERSION = 2
#: Format -> the statements that make the next one of it. Literal, so that they stay what they were when the tables move on.
UPGRADES: dict[int, tuple[str, ...]] = {
    1: (
        """CREATE TABLE act (
            information_type VARCHAR NOT NULL, epoch INTEGER NOT NULL, at_ms INTEGER NOT NULL, who VARCHAR NOT NULL, what VARCHAR NOT NULL,
            PRIMARY KEY (information_type, epoch),
            FOREIGN KEY(information_type, epoch) REFERENCES epoch (information_type, epoch)
        )""",
        """CREATE TABLE listed_type (
            information_type VARCHAR NOT NULL, record BLOB NOT NULL, published BOOLEAN NOT NULL, PRIMARY KEY (information_type),
            FOREIGN KEY(information_type) REFERENCES information_type (name)
        )""",
        """CREATE TABLE subject_list (
            id INTEGER NOT NULL, information_type VARCHAR NOT NULL, subscriber VARCHAR NOT NULL, name VARCHAR NOT NULL, PRIMARY KEY (id),
            UNIQUE (information_type, subscriber, name), FOREIGN KEY(information_type) REFERENCES listed_type (information_type)
        )""",
        """CREATE TABLE list_entry (
            list_id INTEGER NOT NULL, subject BLOB NOT NULL, until_ms INTEGER, removed BOOLEAN NOT NULL, change INTEGER NOT NULL,
            PRIMARY KEY (list_id, subject), FOREIGN KEY(list_id) REFERENCES subject_list (id)
        ) WITHOUT ROWID""",
        "CREATE INDEX list_entry_change ON list_entry (change, removed DESC) WHERE change > 0",
        "CREATE INDEX list_entry_told ON list_entry (change) WHERE change < 0",
        "CREATE INDEX list_entry_until ON list_entry (until_ms) WHERE until_ms IS NOT NULL",
        """CREATE TABLE uploaded_entry (
            upload VARCHAR NOT NULL, subject BLOB NOT NULL, until_ms INTEGER, PRIMARY KEY (upload, subject)
        ) WITHOUT ROWID""",
    ),
}
#: Marks the file as ours in SQLite's own header ("gngy").
APPLICATION_ID = 0x676E6779
_VERSION = "schema_version"


class Database:
    """Sessions on the open file. Writers take turns, so a transaction never meets another's half-way."""

    def __init__(self, engine: Engine, lock: int | None) -> None:
        self._engine = engine
        self._lock = lock
        self._writing = threading.Lock()

    @contextmanager
    def reading(self) -> Iterator[Session]:
        with _translated(), Session(self._engine) as session:
            yield session

    @contextmanager
    def writing(self) -> Iterator[Session]:
        """One transaction: committed at the end, rolled back by any error."""
        with self._writing, _translated(), Session(self._engine, expire_on_commit=False) as session, session.begin():
            yield session

    def check(self) -> None:
        """Raises DatabaseError where the file cannot be read any more."""
        with self.reading() as session:
            session.get(Setting, _VERSION)

    def setting(self, name: str) -> str | None:
        with self.reading() as session:
            row = session.get(Setting, name)
            return None if row is None else row.value

    def keep_setting(self, name: str, value: str) -> None:
        with self.writing() as session:
            session.merge(Setting(name=name, value=value))

    def close(self) -> None:
        self._engine.dispose()
        if self._lock is not None:
            os.close(self._lock)


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except SqlError as error:
        raise DatabaseError(f"the database failed: {error.orig}; check the disk and the file's rights") from error


def open_database(folder: Path) -> Database:
    """Raises DatabaseError where the file cannot be used, ConfigError where another control plane uses it."""
    lock = _take_lock(folder / LOCK_FILE)
    file = folder / DATABASE_FILE
    engine = create_engine(f"sqlite:///{file}", connect_args={"timeout": 10})
    event.listen(engine, "connect", _configure)
    event.listen(engine, "begin", _begin)
    try:
        make_private_file(file)
        _refuse_foreign(file)
        file.chmod(0o600)  # one that came from a copy; before the first write, as its WAL takes its mode
        _prepare(engine, file)
    except (sqlite3.Error, SqlError) as error:
        _let_go(engine, lock)
        cause = error.orig if isinstance(error, SqlError) else error
        raise DatabaseError(
            f"{file} cannot be used: {cause}; if it is not the hub's database, move it away; otherwise restore it from a copy"
        ) from error
    except OSError as error:
        _let_go(engine, lock)
        raise DatabaseError(f"{file} cannot be opened: {why(error)}; check --dir and its rights") from error
    except DatabaseError:
        _let_go(engine, lock)
        raise
    return Database(engine, lock)


def _let_go(engine: Engine, lock: int) -> None:
    engine.dispose()
    os.close(lock)


def _take_lock(file: Path) -> int:
    try:
        make_private_folder(file.parent)
        handle = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise DatabaseError(f"{file} cannot be opened: {why(error)}; check --dir and its rights") from error
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(handle)
        raise ConfigError(f"another control plane is running on {file.parent}; stop it first, or give this one another --dir") from error
    return handle


def _configure(connection: Any, _record: object) -> None:
    connection.isolation_level = None  # transactions are begun by `_begin`, not by the driver's guess
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
        connection.execute(f"PRAGMA {pragma}")


def _begin(connection: Any) -> None:
    connection.exec_driver_sql("BEGIN")


def _refuse_foreign(file: Path) -> None:
    """Look before `_configure` changes the file's journal mode: another program's database stays as it is."""
    with closing(sqlite3.connect(file, timeout=10)) as connection:
        (application,) = connection.execute("PRAGMA application_id").fetchone()
        (tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    if application != APPLICATION_ID and (application or tables):
        raise DatabaseError(f"{file} is another program's database; move it away or give another --dir")


def _prepare(engine: Engine, file: Path) -> None:
    with Session(engine) as session, session.begin():
        connection = session.connection()
        if not inspect(connection).get_table_names():
            connection.exec_driver_sql(f"PRAGMA application_id={APPLICATION_ID}")
            Table.metadata.create_all(connection)
            session.add(Setting(name=_VERSION, value=str(SCHEMA_VERSION)))
        row = session.get(Setting, _VERSION)
        version = 0 if row is None else int(row.value)
        _check_version(file, version)
        for step in range(version, SCHEMA_VERSION):
            for statement in UPGRADES[step]:
                connection.exec_driver_sql(statement)
        if version < SCHEMA_VERSION:
            session.merge(Setting(name=_VERSION, value=str(SCHEMA_VERSION)))


def _check_version(file: Path, version: int) -> None:
    if version > SCHEMA_VERSION:
        raise DatabaseError(
            f"{file} has format {version}, this program knows {SCHEMA_VERSION}: it was written by a newer version; install that one"
        )
    if version < min(UPGRADES):
        raise DatabaseError(f"{file} has format {version}, which no released version wrote; restore it from a copy")
