"""Of several control planes on one PostgreSQL database, one works; who was replaced writes nothing more."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Annotated

import psycopg
import pytest
import typer
from typer.testing import CliRunner

from gongyu_hub.registry.database import open_database
from gongyu_hub.registry.postgresql import DATABASE_OPTION, VARIABLE, Unseated, read_url
from gongyu_schemas.errors import ConfigError, DatabaseError
from tests.postgres import Server

_numbers = itertools.count()


@pytest.fixture
def url(postgres: Server) -> str:
    return postgres.make(f"seat-{next(_numbers)}")


def cut_off(url: str) -> int:
    """End every connection but this one, as a network or an administrator would; how many there were."""
    with psycopg.connect(url, autocommit=True) as connection:
        found = connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
        ).fetchall()
        return len(found)


def test_a_second_control_plane_stands_by_and_takes_over_when_the_first_is_gone(tmp_path: Path, url: str) -> None:
    first = open_database(tmp_path, url)
    waited = 0

    def stand_by() -> bool:
        nonlocal waited
        waited += 1
        if waited == 3:
            first.close()
        return waited < 100

    second = open_database(tmp_path, url, stand_by)
    assert waited == 3
    second.keep_setting("port", "2")
    second.close()


def test_who_was_replaced_while_it_was_cut_off_writes_nothing_more(tmp_path: Path, url: str) -> None:
    first = open_database(tmp_path, url)
    first.keep_setting("port", "1")
    assert cut_off(url) >= 1
    second = open_database(tmp_path, url)
    with pytest.raises(Unseated, match="another control plane has taken over database seat-"):
        first.keep_setting("port", "wrong")
    with pytest.raises(Unseated):
        first.check()
    second.check()
    assert second.setting("port") == "1"
    second.close()
    with pytest.raises(Unseated):  # nor when the other is gone: who comes next reads everything anew
        first.check()
    first.close()


def test_who_was_cut_off_and_not_replaced_goes_on_and_has_its_seat_again(tmp_path: Path, url: str) -> None:
    first = open_database(tmp_path, url)
    assert cut_off(url) >= 1
    first.check()
    first.keep_setting("port", "1")
    with pytest.raises(DatabaseError, match="another control plane works on"):
        open_database(tmp_path, url)
    first.close()


def test_a_reader_sees_one_moment(tmp_path: Path, url: str) -> None:
    database = open_database(tmp_path, url)
    database.keep_setting("port", "1")
    with database.reading() as session:
        before = session.connection().exec_driver_sql("SELECT value FROM setting WHERE name = 'port'").scalar()
        database.keep_setting("port", "2")
        after = session.connection().exec_driver_sql("SELECT value FROM setting WHERE name = 'port'").scalar()
    assert before == after == "1" and database.setting("port") == "2"
    database.close()


def test_another_programs_database_is_refused_and_left_alone(tmp_path: Path, url: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("CREATE TABLE account (id integer)")
    with pytest.raises(DatabaseError, match="is another program's database"):
        open_database(tmp_path, url)
    with psycopg.connect(url, autocommit=True) as connection:
        tables = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
    assert tables == [("account",)]


def test_a_database_that_cannot_be_reached_is_named_without_its_password(tmp_path: Path, free_port: int) -> None:
    with pytest.raises(DatabaseError) as caught:
        open_database(tmp_path, f"postgresql://hub:geheim@127.0.0.1:{free_port}/registry")
    said = str(caught.value)
    assert "database registry on 127.0.0.1 cannot be used" in said and "refused" in said and "geheim" not in said


@pytest.mark.parametrize(
    "wrong", ["hub.db", "sqlite:///hub.db", "mysql://hub:geheim@here/x", "postgresql://hub:geheim@here", "postgresql://[::1/x"]
)
def test_what_is_no_url_of_postgresql_is_refused_without_repeating_it(wrong: str) -> None:
    with pytest.raises(ConfigError, match="postgresql://USER@HOST:PORT/DATABASE") as caught:
        read_url(wrong)
    assert "geheim" not in str(caught.value)


def test_a_password_may_stand_in_the_environment_and_not_on_a_command_line() -> None:
    app = typer.Typer()

    @app.command()
    def show(database: Annotated[str | None, DATABASE_OPTION] = None) -> None:
        print("given", database is not None)

    secret, plain = "postgresql://hub:geheim@here/x", "postgresql://hub@here/x"
    refused = CliRunner().invoke(app, ["--database", secret])
    assert refused.exit_code == 2 and "~/.pgpass" in refused.output and VARIABLE in refused.output and "geheim" not in refused.output
    assert CliRunner().invoke(app, ["--database", plain]).output == "given True\n"
    assert CliRunner().invoke(app, [], env={VARIABLE: secret}).output == "given True\n"
    assert CliRunner().invoke(app, []).output == "given False\n"
