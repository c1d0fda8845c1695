"""What the control plane promises of its database holds of both kinds of it."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path

import pytest

from gongyu_hub.registry.database import Database, open_database
from tests.postgres import Server

Opened = Callable[[Path], Database]
_numbers = itertools.count()


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest) -> str | None:
    """Of a new database; None for a file in a folder."""
    if request.param == "sqlite":
        return None
    server: Server = request.getfixturevalue("postgres")
    return server.make(f"registry-{next(_numbers)}")


@pytest.fixture
def opened(url: str | None) -> Opened:
    """Opens this test's one database of either kind."""
    return lambda folder: open_database(folder, url)
