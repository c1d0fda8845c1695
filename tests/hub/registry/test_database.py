"""The control plane's database is ours, of a known format, and used by one process."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from gongyu_hub.registry.database import DATABASE_FILE, SCHEMA_VERSION, open_database
from gongyu_schemas.errors import DatabaseError


def test_settings_survive_a_new_start(tmp_path: Path) -> None:
    database = open_database(tmp_path)
    database.keep_setting("port", "1")
    database.keep_setting("port", "2")
    database.close()
    database = open_database(tmp_path)
    assert database.setting("port") == "2"
    database.close()


def test_one_control_plane_at_a_time(tmp_path: Path) -> None:
    first = open_database(tmp_path)
    with pytest.raises(DatabaseError, match="another control plane is running"):
        open_database(tmp_path)
    first.close()
    open_database(tmp_path).close()


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


@pytest.mark.parametrize(("version", "why"), [(SCHEMA_VERSION + 1, "written by a newer version"), (0, "no released version")])
def test_another_format_is_refused(tmp_path: Path, version: int, why: str) -> None:
    database = open_database(tmp_path)
    database.keep_setting("schema_version", str(version))
    database.close()
    with pytest.raises(DatabaseError, match=why):
        open_database(tmp_path)


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
