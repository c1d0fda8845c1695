"""The control plane's database is ours, of a known format, and used by one process."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from gongyu_hub.registry import epochs
from gongyu_hub.registry.database import DATABASE_FILE, SCHEMA_VERSION, UPGRADES, open_database
from gongyu_schemas.errors import ConfigError, DatabaseError


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
    with pytest.raises(ConfigError, match="another control plane is running"):
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


def test_a_file_of_the_first_format_is_upgraded_and_keeps_everything(tmp_path: Path) -> None:
    """The fixture is what version 0.1.0 made, as SQL text."""
    with closing(sqlite3.connect(tmp_path / DATABASE_FILE)) as connection:
        connection.executescript((Path(__file__).parent / "hub-format-1.sql").read_text(encoding="utf-8"))
    for _ in range(2):
        database = open_database(tmp_path)
        assert database.setting("schema_version") == str(SCHEMA_VERSION) == "2"
        with database.reading() as session:
            assert epochs.types_in_force(session) == {"dog"}
            assert set(epochs.grants_in_force(session)) == {("vet", "all")}
            assert [each.key for each in epochs.decided_records(session)] == [b"grant/vet/all/1", b"epoch/dog/1"]
        database.close()
    open_database(tmp_path / "new").close()
    assert shape(tmp_path) == shape(tmp_path / "new")


def test_an_upgrade_that_does_not_end_leaves_the_file_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with closing(sqlite3.connect(tmp_path / DATABASE_FILE)) as connection:
        connection.executescript((Path(__file__).parent / "hub-format-1.sql").read_text(encoding="utf-8"))
    with monkeypatch.context() as patched:
        patched.setitem(UPGRADES, 1, (*UPGRADES[1], "this is no SQL"))
        with pytest.raises(DatabaseError, match="cannot be used"):
            open_database(tmp_path)
    with closing(sqlite3.connect(tmp_path / DATABASE_FILE)) as connection:
        assert connection.execute("SELECT value FROM setting WHERE name = 'schema_version'").fetchone() == ("1",)
        assert connection.execute("SELECT count(*) FROM sqlite_master WHERE name = 'act'").fetchone() == (0,)
    open_database(tmp_path).close()


def test_every_format_between_the_first_and_this_one_has_its_upgrade() -> None:
    assert sorted(UPGRADES) == list(range(1, SCHEMA_VERSION))


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


def shape(folder: Path) -> dict[str, object]:
    with closing(sqlite3.connect(folder / DATABASE_FILE)) as connection:
        names = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%'")]
        found: dict[str, object] = {name: connection.execute(f"PRAGMA table_info({name})").fetchall() for name in names}
        for name in names:
            keys = sorted(row[2:5] for row in connection.execute(f"PRAGMA foreign_key_list({name})"))
            indexes = sorted(row[1:5] for row in connection.execute(f"PRAGMA index_list({name})"))
            found[f"{name}'s keys"] = keys, indexes
        return found
