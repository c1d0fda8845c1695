"""Opening an SQLite sink's file: made anew, recognised as this grant's, or refused untouched.

Enters a path and what is wanted; leaves a connection in WAL mode whose tables exist. Nothing is written to a file that
is not ours; a new one is its user's alone (0600). Raises ConfigError (foreign file) and DatabaseError (newer format, no
right to make the file); sqlite3.Error passes through.
"""

from __future__ import annotations

import hashlib
import json
import secrets
import sqlite3
from dataclasses import asdict
from pathlib import Path

from gongyu_consumers.copies import Standing
from gongyu_consumers.sinks.sink import Identity, Shape, require_same
from gongyu_consumers.sinks.tables import META_TABLE, Statements, column_types, read_meta_text
from gongyu_schemas.errors import ConfigError, DatabaseError
from gongyu_schemas.plain_words import why
from gongyu_schemas.private import make_private_file

#: Version of the tables' format. A file with a newer one is refused.
FORMAT = 1
_MAGIC = b"SQLite format 3\x00"
#: How long another program's write lock is waited for.
_BUSY_S = 10.0
#: Several receivers of one file wait for each other's batches.
_BUSY_SHARED_S = 60.0


def open_file(path: Path, identity: Identity, shape: Shape, sql: Statements, *, shared: bool = False) -> sqlite3.Connection:
    _require_sqlite(path)
    try:
        make_private_file(path)
    except OSError as error:
        raise DatabaseError(f"{path} cannot be made: {why(error)}") from error
    database = sqlite3.connect(path, timeout=_BUSY_SHARED_S if shared else _BUSY_S, isolation_level=None)
    try:
        tables = {name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        if tables:
            _require_ours(path, database, tables, identity, shape)
        database.execute("PRAGMA journal_mode = WAL").fetchone()
        database.execute("PRAGMA synchronous = NORMAL")
        if not tables:
            _make(database, identity, shape, sql)
        if shared:
            database.execute(sql.create_claims)
            database.execute(sql.put_meta_once, ("file", secrets.token_hex(8)))
    except BaseException:
        database.close()
        raise
    return database


def read_standings(database: sqlite3.Connection, sql: Statements) -> dict[int, Standing]:
    return {partition: Standing(number, open=bool(is_open)) for partition, number, is_open in database.execute(sql.read_copies)}


def file_name_of(database: sqlite3.Connection, path: Path) -> str:
    """A name that this file alone has, also beside copies of it: receivers of one file form one consumer group."""
    meta: dict[str, str] = dict(database.execute(read_meta_text()).fetchall())
    return hashlib.sha256(f"{meta['file']} {path.stat().st_ino}".encode()).hexdigest()[:12]


def _require_sqlite(path: Path) -> None:
    try:
        with path.open("rb") as file:
            start = file.read(len(_MAGIC))
    except FileNotFoundError:
        return
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {why(error)}") from error
    if start and start != _MAGIC:
        raise ConfigError(f"{path} is no SQLite database; name another file")


def _require_ours(path: Path, database: sqlite3.Connection, tables: set[str], identity: Identity, shape: Shape) -> None:
    if META_TABLE not in tables:
        raise ConfigError(f"{path} is a database of something else (no table {META_TABLE}); name another file")
    meta: dict[str, str] = dict(database.execute(read_meta_text()).fetchall())
    if int(meta["format"]) > FORMAT:
        raise DatabaseError(f"{path} has format {meta['format']}, this program knows up to {FORMAT}: update gongyu")
    require_same(str(path), Identity(**json.loads(meta["identity"])), identity)
    if json.loads(meta["columns"]) != column_types(shape) or json.loads(meta["key"]) != list(shape.key):
        raise ConfigError(f"{path} was made for other columns than the grant has now; receive into a new file")


def _make(database: sqlite3.Connection, identity: Identity, shape: Shape, sql: Statements) -> None:
    meta = {
        "format": str(FORMAT),
        "identity": json.dumps(asdict(identity)),
        "columns": json.dumps(column_types(shape), ensure_ascii=False),
        "key": json.dumps(shape.key, ensure_ascii=False),
    }
    database.execute("BEGIN IMMEDIATE")
    for create in sql.create:
        database.execute(create)
    database.executemany(sql.put_meta, meta.items())
    database.execute("COMMIT")
