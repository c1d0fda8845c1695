"""The forms that the control plane's database has had, one Alembic revision each, and the way from any of them to the newest.

Enters an open transaction of SQLite or PostgreSQL; leaves the newest form. A database from before Alembic tells its form in its
settings and goes on from there. Everything happens in the caller's transaction: a crash leaves the database as it was.
A revision is never changed once it is on main: it says what the tables were, whatever they become.
"""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, inspect, text

from gongyu_schemas.errors import DatabaseError

#: The setting in which the formats before Alembic tell their number, and which keeps their programs away from newer ones.
FORMAT = "schema_version"
#: Format before Alembic -> the revision that is the same.
_BEFORE = {"1": "0001", "2": "0002"}
_KEPT_BY_ALEMBIC = "3"


def upgrade(connection: Connection, where: str) -> None:
    """Bring the database to the newest form. Raises DatabaseError where a newer program, or none of ours, has made it."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    tables = set(inspect(connection).get_table_names())
    if not tables:
        command.upgrade(config, "head")
        connection.execute(text("INSERT INTO setting (name, value) VALUES (:name, :value)"), {"name": FORMAT, "value": _KEPT_BY_ALEMBIC})
        return
    if "alembic_version" not in tables:
        command.stamp(config, _before_alembic(connection, tables, where))
    else:
        _require_known(connection, config, where)
    command.upgrade(config, "head")
    connection.execute(text("UPDATE setting SET value = :value WHERE name = :name"), {"name": FORMAT, "value": _KEPT_BY_ALEMBIC})


def _before_alembic(connection: Connection, tables: set[str], where: str) -> str:
    if "setting" not in tables:
        raise DatabaseError(f"{where} is another program's database; give the hub one of its own")
    told = connection.execute(text("SELECT value FROM setting WHERE name = :name"), {"name": FORMAT}).scalar()
    if told not in _BEFORE:
        raise DatabaseError(f"{where} has format {told}, which no released version wrote; restore it from a copy")
    return _BEFORE[told]


def _require_known(connection: Connection, config: Config, where: str) -> None:
    revision = MigrationContext.configure(connection).get_current_revision()
    known = [each.revision for each in ScriptDirectory.from_config(config).walk_revisions()]
    if revision not in known:
        raise DatabaseError(
            f"{where} has form {revision}, this program knows {known[-1]} to {known[0]}: "
            "it was written by a newer version; install that one"
        )
