"""The API on both kinds of database."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import pytest
from argon2 import PasswordHasher
from structlog.testing import capture_logs

from gongyu_hub.registry.database import open_database
from tests.hub.gateway.api.world_of_roles import World, world
from tests.postgres import Server

_numbers = itertools.count()


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def roles(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """One world for a module: tests add what they change."""
    url = None
    if request.param == "postgresql":
        server: Server = request.getfixturevalue("postgres")
        url = server.make(f"api-{next(_numbers)}")
    folder = tmp_path_factory.mktemp("hub")
    database = open_database(folder, url)
    with pytest.MonkeyPatch.context() as patched, capture_logs():
        patched.setattr("gongyu_hub.registry.tokens.HASHER", PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))  # the tests' time
        with world(database, folder) as made:
            yield made
    database.close()
