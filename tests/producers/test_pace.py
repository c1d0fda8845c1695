"""`--rate`: changes go out no faster than asked, in small transactions, and a signal ends the waiting."""

from __future__ import annotations

import pytest

from gongyu_producers.pace import Pace, read_rate
from gongyu_schemas.errors import ConfigError


class Clock:
    """Time passes only by sleeping."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def nothing() -> None:
    """No signal came."""


@pytest.mark.parametrize("rate", [1, 3, 100, 10_000, 1_000_000])
def test_changes_take_the_time_that_the_rate_gives_them(rate: int) -> None:
    clock = Clock()
    pace = Pace(rate, clock, clock.sleep)
    sent, largest, began = 0, 0, clock.now
    while sent < rate * 5:
        pace.wait(nothing)
        count = min(pace.at_once(10_000), rate * 5 - sent)
        pace.sent(count)
        sent, largest = sent + count, max(largest, count)
    pace.wait(nothing)
    assert largest <= max(1, rate // 4)
    assert 4.7 <= clock.now - began <= 5.3


def test_a_pause_is_not_made_up_for() -> None:
    clock = Clock()
    pace = Pace(100, clock, clock.sleep)
    pace.sent(25)
    clock.now += 60
    pace.sent(25)
    pace.sent(25)
    before = clock.now
    pace.wait(nothing)
    assert clock.now - before >= 0.2


def test_without_a_rate_nothing_waits() -> None:
    clock = Clock()
    pace = Pace(None, clock, clock.sleep)
    pace.sent(10**9)
    pace.wait(nothing)
    assert (clock.now, pace.at_once(7)) == (100.0, 7)


def test_a_signal_ends_the_waiting() -> None:
    clock = Clock()
    pace = Pace(1, clock, clock.sleep)
    pace.sent(1_000)

    def stop() -> None:
        if clock.now > 101:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        pace.wait(stop)
    assert clock.now < 102


@pytest.mark.parametrize(("text", "rate"), [("500", 500), ("500/s", 500), ("1", 1)])
def test_rates_are_read(text: str, rate: int) -> None:
    assert read_rate(text) == rate


@pytest.mark.parametrize("text", ["", "0", "-1", "1.5", "fast", "5/m", "9" * 10])
def test_other_texts_are_no_rate(text: str) -> None:
    with pytest.raises(ConfigError, match="--rate"):
        read_rate(text)
