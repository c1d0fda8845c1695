"""The control plane's database as one SQLite file in the hub's folder, used by one process at a time.

Enters the hub's folder; leaves an engine and the lock on the folder. Can go wrong: the file is no database, belongs to another
program, or another control plane has it. Decision: synchronous=FULL, because a schema id that was answered must survive a power cut:
handed out twice it would make old messages readable under a wrong schema.
"""

from __future__ import annotations

import fcntl
import os
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, text

from gongyu_schemas.errors import ConfigError, DatabaseError
from gongyu_schemas.plain_words import why
from gongyu_schemas.private import make_private_file, make_private_folder

DATABASE_FILE = "hub.db"
LOCK_FILE = "hub.db.lock"
#: Marks the file as ours in SQLite's own header ("gngy").
APPLICATION_ID = 0x676E6779


def take_lock(file: Path) -> int:
    """A handle to be closed. Raises ConfigError where another control plane has it."""
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


def engine_of(file: Path) -> Engine:
    engine = create_engine(f"sqlite:///{file}", connect_args={"timeout": 10})
    event.listen(engine, "connect", _configure)
    event.listen(engine, "begin", _begin)
    return engine


def make_ready(file: Path) -> None:
    """The file is there, ours or empty, and for its user alone. Raises DatabaseError, OSError, sqlite3.Error."""
    make_private_file(file)
    _refuse_foreign(file)
    file.chmod(0o600)  # one that came from a copy; before the first write, as its WAL takes its mode


def mark(connection: Connection) -> None:
    """As ours."""
    connection.execute(text(f"PRAGMA application_id={APPLICATION_ID}"))


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
