"""A clock is believed that goes on and is Kafka's to within five seconds; what is wrong with it is told until it is right."""

from __future__ import annotations

import pytest

from gongyu_hub.registry.clock import Clock, ClockWrong
from gongyu_hub.registry.readiness import Readiness

NOON = 1_000_000_000


class Times:
    """`own` and `broker` are what the clocks show."""

    def __init__(self, published_ms: int = 0) -> None:
        self.own = self.broker = NOON
        self.readiness = Readiness()
        self.clock = Clock(lambda: self.own, lambda: self.broker, published_ms, self.readiness)

    def told(self) -> str | None:
        return self.readiness.reasons().get("clock")


@pytest.mark.parametrize("off", [-5000, 0, 5000])
def test_up_to_five_seconds_are_no_difference(off: int) -> None:
    times = Times()
    times.own += off
    assert times.clock.require() == NOON + off and times.told() is None


@pytest.mark.parametrize("off", [-3_600_000, -5001, 5001, 3_600_000])
def test_more_is_one_and_passes_when_it_is_mended(off: int) -> None:
    times = Times()
    times.own += off
    for _ in range(2):
        with pytest.raises(ClockWrong, match="differ by more than 5 s"):
            times.clock.require()
    assert "differ" in str(times.told())
    times.own = NOON
    assert times.clock.require() == NOON and times.told() is None, "a time that was not believed is forgotten"


def test_a_step_back_waits_until_it_is_made_up_for() -> None:
    times = Times()
    times.clock.require()
    times.own -= 2000
    with pytest.raises(ClockWrong, match=r"stepped back by 2\.0 s"):
        times.clock.require()
    times.own = times.broker = NOON + 1
    assert times.clock.require() == NOON + 1 and times.told() is None


def test_an_epoch_is_never_earlier_than_the_one_before() -> None:
    with pytest.raises(ClockWrong, match=r"stepped back by 3\.0 s"):
        Times(published_ms=NOON + 3000).clock.require()
    assert Times(published_ms=NOON + 86_400_000).clock.require() == NOON, "of a clock that was wrong"
