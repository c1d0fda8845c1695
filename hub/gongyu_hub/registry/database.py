"""The control plane's database: a SQLite file in the hub's folder, or a PostgreSQL database by its URL.

Leaves an open `Database` whose tables are this program's. Can go wrong: the database cannot be reached, belongs to another program or
to a newer version, or another control plane works on it. An older one is upgraded in one transaction (`migrations`).
"""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from sqlalchemy import Engine
from sqlalchemy.exc import DatabaseError as SqlError
from sqlalchemy.orm import Session

from gongyu_hub.registry import migrations, sqlite_file
from gongyu_hub.registry.postgresql import Seat, SeatTaken, engine_of, read_url, reading
from gongyu_hub.registry.tables import Setting
from gongyu_schemas.errors import DatabaseError
from gongyu_schemas.plain_words import why


class Database:
    """Sessions on the open database. Writers take turns, so a transaction never meets another's half-way."""

    def __init__(self, engine: Engine, remedy: str, held: ExitStack, seat: Seat | None = None) -> None:
        self._engine = engine
        self._reading = engine if seat is None else reading(engine)
        self._remedy = remedy
        self._seat = seat
        self._held = held
        self._writing = threading.Lock()

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """What the database holds at one moment."""
        with self._translated(), Session(self._reading) as session:
            yield session

    @contextmanager
    def writing(self) -> Iterator[Session]:
        """One transaction: committed at the end, rolled back by any error. Raises Unseated where another control plane took over."""
        with self._writing, self._translated(), Session(self._engine, expire_on_commit=False) as session, session.begin():
            if self._seat is not None:
                self._seat.require(session)
            yield session

    def check(self) -> None:
        """Raises DatabaseError where the database cannot be read any more, Unseated where another control plane works on it."""
        with self._translated():
            if self._seat is not None:
                self._seat.keep()
        self.setting(migrations.FORMAT)

    def setting(self, name: str) -> str | None:
        with self.reading() as session:
            row = session.get(Setting, name)
            return None if row is None else row.value

    def keep_setting(self, name: str, value: str) -> None:
        with self.writing() as session:
            session.merge(Setting(name=name, value=value))

    def close(self) -> None:
        self._held.close()

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except SqlError as error:
            raise DatabaseError(f"the database failed: {_said(error)}; {self._remedy}") from error


def open_database(folder: Path, url: str | None = None, stand_by: Callable[[], bool] = lambda: False) -> Database:
    """The folder's SQLite file, or the PostgreSQL database of `url`.

    While another control plane works on a PostgreSQL database, `stand_by` is called, which waits a moment and says whether to try again.
    Raises DatabaseError where the database cannot be used, SeatTaken where nobody waits any longer for the control plane that works on it;
    ConfigError where another control plane has the folder, or the URL is none.
    """
    return _open_sqlite(folder) if url is None else _open_postgresql(url, stand_by)


def _open_sqlite(folder: Path) -> Database:
    file = folder / sqlite_file.DATABASE_FILE
    with ExitStack() as held:
        held.callback(os.close, sqlite_file.take_lock(folder / sqlite_file.LOCK_FILE))
        engine = sqlite_file.engine_of(file)
        held.callback(engine.dispose)
        try:
            sqlite_file.make_ready(file)
            with engine.begin() as connection:
                sqlite_file.mark(connection)
                migrations.upgrade(connection, str(file))
        except (sqlite3.Error, SqlError) as error:
            raise DatabaseError(
                f"{file} cannot be used: {_said(error)}; if it is not the hub's database, move it away; otherwise restore it from a copy"
            ) from error
        except OSError as error:
            raise DatabaseError(f"{file} cannot be opened: {why(error)}; check --dir and its rights") from error
        return Database(engine, "check the disk and the file's rights", held.pop_all())


def _open_postgresql(given: str, stand_by: Callable[[], bool]) -> Database:
    url = read_url(given)
    where, engine = f"database {url.database} on {url.host or 'this machine'}", engine_of(url)
    seat = Seat(engine, where)
    with ExitStack() as held:
        held.callback(engine.dispose)
        held.callback(seat.release)
        try:
            while not seat.take():
                if not stand_by():
                    raise SeatTaken(f"another control plane works on {where}; stop it first")
            with engine.begin() as connection:
                migrations.upgrade(connection, where)
                seat.sign(connection)
        except SqlError as error:
            raise DatabaseError(f"{where} cannot be used: {_said(error)}; check its URL, its password and that it runs") from error
        return Database(engine, f"check that {where} runs and can be reached", held.pop_all(), seat)


def _said(error: Exception) -> str:
    """In the database's own words, the first line of them: further ones may show values."""
    cause = error.orig if isinstance(error, SqlError) else error
    return str(cause).strip().partition("\n")[0]
