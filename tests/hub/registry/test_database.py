"""The control plane's database is ours, of a known format, and used by one process."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from datetime import date
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import text

from gongyu_hub.registry import acts, epochs, postgresql, sqlite_file
from gongyu_hub.registry.database import open_database
from gongyu_hub.registry.policy_check import read_policy
from gongyu_hub.registry.postgresql import SeatTaken
from gongyu_hub.registry.sqlite_file import DATABASE_FILE
from gongyu_hub.registry.tables import Table
from gongyu_schemas.errors import ConfigError, DatabaseError
from tests.hub.registry.conftest import Opened
from tests.hub.registry.policies import grant, make_type, write_policy


def test_settings_survive_a_new_start(tmp_path: Path, opened: Opened) -> None:
    database = opened(tmp_path)
    database.keep_setting("port", "1")
    database.keep_setting("port", "2")
    database.close()
    database = opened(tmp_path)
    assert database.setting("port") == "2"
    database.close()


def test_one_control_plane_at_a_time(tmp_path: Path, opened: Opened) -> None:
    first = opened(tmp_path)
    with pytest.raises((ConfigError, SeatTaken), match="another control plane"):
        opened(tmp_path)
    first.close()
    opened(tmp_path).close()


def test_a_file_that_is_no_database_is_refused_and_left_alone(tmp_path: Path) -> None:
    file = tmp_path / DATABASE_FILE
    file.write_bytes(b"these are the accounts of the village\n" * 100)
    before = file.read_bytes()
    with pytest.raises(DatabaseError, match="cannot be used: file is not a database"):
        open_database(tmp_path)
    assert file.read_bytes() == before


def test_another_programs_database_is_refused_and_left_alone(tmp_path: Path) -> None:
    file = tmp_path / DATABASE_FILE
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("CREATE TABLE account (id INTEGER)")
        connection.commit()
    before = file.read_bytes()
    with pytest.raises(DatabaseError, match="another program's database"):
        open_database(tmp_path)
    assert file.read_bytes() == before


@pytest.mark.parametrize(("told", "why"), [("9", "no released version"), ("0", "no released version")])
def test_a_format_that_nobody_wrote_is_refused(tmp_path: Path, told: str, why: str) -> None:
    first_format(tmp_path)
    with closing(sqlite3.connect(tmp_path / DATABASE_FILE)) as connection:
        connection.execute("UPDATE setting SET value = ? WHERE name = 'schema_version'", (told,))
        connection.commit()
    with pytest.raises(DatabaseError, match=why):
        open_database(tmp_path)


def test_a_newer_form_is_refused(tmp_path: Path, opened: Opened) -> None:
    database = opened(tmp_path)
    with database.writing() as session:
        session.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    database.close()
    with pytest.raises(DatabaseError, match="written by a newer version; install that one"):
        opened(tmp_path)


def test_programs_from_before_alembic_refuse_the_file(tmp_path: Path) -> None:
    """They knew formats up to 2 by this setting."""
    database = open_database(tmp_path)
    assert database.setting("schema_version") == "3"
    database.close()


@pytest.mark.parametrize("form", [1, 2])
def test_a_file_from_before_alembic_is_upgraded_and_keeps_everything(tmp_path: Path, form: int) -> None:
    """The fixture is what version 0.1.0 made, as SQL text."""
    first_format(tmp_path)
    if form == 2:
        second_format(tmp_path)
    for _ in range(2):
        database = open_database(tmp_path)
        with database.reading() as session:
            assert epochs.types_in_force(session) == {"dog"}
            assert set(epochs.known_grants(session)) == {("vet", "all")}
            assert [each.key for each in epochs.decided_records(session)] == [b"grant/vet/all/1", b"epoch/dog/1"]
        database.close()
    open_database(tmp_path / "new").close()
    assert shape(tmp_path) == shape(tmp_path / "new")


def test_an_upgrade_that_does_not_end_leaves_the_file_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first_format(tmp_path)
    before = shape(tmp_path)

    def fail(*_: object, **_named: object) -> None:
        raise sqlite3.OperationalError("disk I/O error")

    with monkeypatch.context() as patched:
        patched.setattr("alembic.op.create_index", fail)  # in the middle of the second form
        with pytest.raises(DatabaseError, match="cannot be used: disk I/O error"):
            open_database(tmp_path)
    assert shape(tmp_path) == before and "act" not in before
    open_database(tmp_path).close()


def test_the_revisions_make_the_tables_that_the_program_uses(tmp_path: Path, url: str | None) -> None:
    open_database(tmp_path, url).close()
    engine = sqlite_file.engine_of(tmp_path / DATABASE_FILE) if url is None else postgresql.engine_of(postgresql.read_url(url))
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"include_object": comparable})
        assert compare_metadata(context, Table.metadata) == []
    engine.dispose()


def test_what_was_decided_is_changed_and_deleted_by_nobody(tmp_path: Path, opened: Opened) -> None:
    dog = make_type(tmp_path / "types")
    policy = read_policy(
        write_policy(tmp_path / "policy.yaml", grant("vet", "all", subjects={"list": "patients"})), {"dog": dog}, date(2026, 3, 1)
    )
    database = opened(tmp_path)
    with database.writing() as session:
        epochs.know_type(session, dog)
        epochs.decide_first_epoch(session, dog, policy.grants, {"grant.vet.all": 4}, key_check="", now_ms=1)
        acts.decide_resume(session, "admin", "dog", 0, 7, 5)
    allowed = ("epoch", "grant_version", "listed_type")
    refused = [
        f"UPDATE {table} SET {column} = {column} || 'x'"
        for table, column in (("epoch", "information_type"), ("act", "who"), ("act", "what"))
    ]
    refused += [f"UPDATE {table} SET record = (SELECT digest FROM schema_text LIMIT 1)" for table in allowed]
    refused += ["UPDATE grant_version SET version = 2", "UPDATE epoch SET epoch = epoch + 5", "UPDATE schema_text SET text = '{}'"]
    refused += ["UPDATE subject_version SET version = version + 1", "UPDATE act SET at_ms = 1"]
    refused += [f"DELETE FROM {table}" for table in (*allowed, "act", "schema_text", "subject_version")]
    for statement in refused:
        with pytest.raises(DatabaseError, match="what was decided stays as it is"), database.writing() as session:
            session.execute(text(statement))
    for table in allowed:
        with database.writing() as session:
            session.execute(text(f"UPDATE {table} SET published = true"))
            session.execute(text(f"UPDATE {table} SET published = true"))  # told again
        with pytest.raises(DatabaseError, match="what was decided stays as it is"), database.writing() as session:
            session.execute(text(f"UPDATE {table} SET published = false"))
    print(f"statements refused: {len(refused) + len(allowed)}")
    database.close()


def test_the_file_is_for_its_user_alone(tmp_path: Path) -> None:
    open_database(tmp_path).close()
    assert (tmp_path / DATABASE_FILE).stat().st_mode & 0o077 == 0


def test_the_files_beside_it_are_for_its_user_alone_from_the_first_moment(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        database = open_database(tmp_path / "made" / "hub")
        database.keep_setting("port", "1")
        modes = {each.name: oct(each.stat().st_mode & 0o777) for each in (tmp_path / "made").rglob("*")}
        database.close()
    finally:
        os.umask(before)
    private = "0o600"
    assert modes == {"hub": "0o700", "hub.db": private, "hub.db.lock": private, "hub.db-wal": private, "hub.db-shm": private}


def comparable(_object: object, name: str | None, kind: str, _reflected: bool, _to: object) -> bool:
    """Alembic cannot compare the descending column of one index."""
    return (kind, name) != ("index", "list_entry_change")


def first_format(folder: Path) -> None:
    with closing(sqlite3.connect(folder / DATABASE_FILE)) as connection:
        connection.executescript((Path(__file__).parent / "hub-format-1.sql").read_text(encoding="utf-8"))


def second_format(folder: Path) -> None:
    """As its program made it of the first."""
    with closing(sqlite3.connect(folder / DATABASE_FILE)) as connection:
        connection.executescript((Path(__file__).parent / "hub-format-2.sql").read_text(encoding="utf-8"))


def shape(folder: Path) -> dict[str, object]:
    with closing(sqlite3.connect(folder / DATABASE_FILE)) as connection:
        names = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%'")]
        found: dict[str, object] = {}
        for name in names:
            columns = connection.execute(f"PRAGMA table_info({name})").fetchall()
            found[name] = [(*row[:2], row[2].replace("BIGINT", "INTEGER"), *row[3:]) for row in columns]  # one and the same to SQLite
            keys = sorted(row[2:5] for row in connection.execute(f"PRAGMA foreign_key_list({name})"))
            indexes = sorted(row[1:5] for row in connection.execute(f"PRAGMA index_list({name})"))
            found[f"{name}'s keys"] = keys, indexes
        return found
