"""One world of six registers for all tests of this folder."""

from __future__ import annotations

import datetime as dt

import pytest

from gongyu_producers.generate.calendar_days import day_number
from gongyu_producers.generate.world import World
from tests.producers.generate.worlds import Lives, live

#: From Friday on, over the weekend and the three days on which January's bills are sent, to the second day behind them.
FIRST_DAY, DAYS = dt.date(2026, 1, 9), 6


@pytest.fixture(scope="session")
def lives(tmp_path_factory: pytest.TempPathFactory) -> Lives:
    """10,000 residents on days of which each is as twenty-five."""
    return live(World(7, 10_000, 2_000, day_number(FIRST_DAY), 25.0), DAYS, tmp_path_factory.mktemp("registers"))
