"""The control plane's database as a PostgreSQL database that several control planes can reach, one of them at work.

Who works holds an advisory lock of PostgreSQL for as long as its connection lives, so that a control plane that crashed is followed
by the next at once; and has written a token of its own, which each of its transactions finds again before it writes: one that was
cut off from the database and came back later writes nothing more. Enters a URL; leaves an engine and the `Seat`.
"""

from __future__ import annotations

import secrets
import threading

import typer
from sqlalchemy import URL, Connection, Engine, create_engine, make_url, text
from sqlalchemy.exc import ArgumentError
from sqlalchemy.exc import DatabaseError as SqlError
from sqlalchemy.orm import Session

from gongyu_hub.registry.tables import Setting
from gongyu_schemas.errors import ConfigError, DatabaseError

#: Advisory locks are numbers, one space for each database ("gngy").
_LOCK = 0x676E6779
_SEAT = "control_plane"
#: The environment may hold a password, a command line may not.
VARIABLE = "GONGYU_DATABASE"
_CONNECT_TIMEOUT_S = "10"
#: A peer that is gone is noticed within about ten seconds on either side, instead of hours.
_KEEPALIVES = {"keepalives_idle": "4", "keepalives_interval": "2", "keepalives_count": "3", "tcp_user_timeout": "10000"}
_SERVER_KEEPALIVES = "SET tcp_keepalives_idle = 4; SET tcp_keepalives_interval = 2; SET tcp_keepalives_count = 3"


def _without_password(context: typer.Context, parameter: typer.CallbackParam, given: str | None) -> str | None:
    """Command lines can be read by other users of the machine."""
    source = None if given is None else context.get_parameter_source(str(parameter.name))
    if given is not None and source is not None and source.name == "COMMANDLINE" and read_url(given).password:
        raise typer.BadParameter(
            "a password on a command line can be read by others: leave it out here and put it into ~/.pgpass, "
            f"or give the whole URL in the environment as {VARIABLE}"
        )
    return given


DATABASE_OPTION = typer.Option(
    "--database",
    metavar="URL",
    envvar=VARIABLE,
    show_envvar=True,
    callback=_without_password,
    help="PostgreSQL database, as postgresql://USER@HOST:PORT/NAME; default: the file DIR/hub.db.",
)


class SeatTaken(DatabaseError):
    """Another control plane works on this database, and nobody wants to wait for it."""


class Unseated(DatabaseError):
    """Another control plane works on this database now."""


def read_url(given: str) -> URL:
    """Raises ConfigError for anything but PostgreSQL; the error repeats nothing of a URL, as it may hold a password."""
    try:
        url = make_url(given)
    except (ArgumentError, ValueError) as error:
        raise ConfigError("the database's URL cannot be read; write it as postgresql://USER@HOST:PORT/DATABASE") from error
    if url.drivername not in {"postgresql", "postgresql+psycopg"} or not url.database:
        raise ConfigError("the database's URL is not of PostgreSQL; write it as postgresql://USER@HOST:PORT/DATABASE")
    return url.set(drivername="postgresql+psycopg").update_query_dict({"connect_timeout": _CONNECT_TIMEOUT_S, **_KEEPALIVES})


def engine_of(url: URL) -> Engine:
    """Connections that broke while nobody used them are made anew."""
    return create_engine(url, pool_pre_ping=True, pool_size=5, max_overflow=20)


def reading(engine: Engine) -> Engine:
    """The same connections for those who only read: they see one moment, as they do of SQLite."""
    return engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)


class Seat:
    """The right to work on this database."""

    def __init__(self, engine: Engine, where: str) -> None:
        self._engine = engine.execution_options(isolation_level="AUTOCOMMIT")
        self._where = where
        self._token = secrets.token_hex(16)
        self._held: Connection | None = None
        self._turn = threading.RLock()

    def take(self) -> bool:
        """Whether nobody else has it. Raises sqlalchemy's DatabaseError."""
        with self._turn:
            connection = self._engine.connect()
            connection.execute(text(_SERVER_KEEPALIVES))
            if connection.execute(text("SELECT pg_try_advisory_lock(:lock)"), {"lock": _LOCK}).scalar():
                self._held = connection
                return True
            connection.close()
            return False

    def sign(self, connection: Connection) -> None:
        """From now on transactions of whoever had the seat before find another's token."""
        with Session(connection) as session:
            session.merge(Setting(name=_SEAT, value=self._token))
            session.flush()

    def require(self, session: Session) -> None:
        """Inside a transaction that is about to write: nobody else can take over before it ends. Raises Unseated."""
        row = session.get(Setting, _SEAT, with_for_update=True)
        if row is None or row.value != self._token:
            raise self._unseated()

    def keep(self) -> None:
        """Take it again where the connection broke, if nobody else did. Raises Unseated, and sqlalchemy's DatabaseError."""
        with self._turn:
            try:
                if self._held is not None:
                    self._held.execute(text("SELECT 1"))
                    return
            except SqlError:
                self.release()
            if not self.take():
                raise self._unseated()
            with Session(self._engine) as session:
                self.require(session)

    def release(self) -> None:
        with self._turn:
            if self._held is not None:
                self._held.invalidate()
                self._held.close()
                self._held = None

    def _unseated(self) -> Unseated:
        return Unseated(f"another control plane has taken over {self._where}: this one writes nothing more; stop it")
