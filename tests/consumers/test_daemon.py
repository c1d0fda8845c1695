"""The daemon: pauses grow and are spread, one line per change of state, the right errors end it."""

from __future__ import annotations

import logging
import random
import threading
from collections.abc import Callable

import pytest

from gongyu_consumers.back_off import OUTAGE, REFUSED, Pauses
from gongyu_consumers.daemon import Service
from gongyu_schemas.errors import ConfigError, CredentialsRefused, DatabaseError, DataRejected, FatalError, KafkaUnavailable


class Stop(threading.Event):
    """Waits no time, and remembers for how long it should have. `clock` is the time that its waiting made."""

    def __init__(self) -> None:
        super().__init__()
        self.waited: list[float] = []

    def wait(self, timeout: float | None = None) -> bool:
        assert timeout is not None
        self.waited.append(timeout)
        return self.is_set()

    def clock(self) -> float:
        return sum(self.waited)


def service(stop: Stop) -> Service:
    return Service(stop, clock=stop.clock, chance=random.Random(1))


def attempts(*outcomes: Exception | None) -> Callable[[], None]:
    waiting = list(outcomes)

    def attempt() -> None:
        outcome = waiting.pop(0)
        if outcome is not None:
            raise outcome

    return attempt


def in_turn(outcomes: list[Callable[[], None]]) -> Callable[[], None]:
    def attempt() -> None:
        outcomes.pop(0)()

    return attempt


@pytest.mark.parametrize("pauses", [OUTAGE, REFUSED])
def test_pauses_double_up_to_their_limit_and_are_spread(pauses: Pauses) -> None:
    chance = random.Random(7)
    for failures in range(1, 200):
        limit = min(pauses.longest_s, pauses.first_s * 2 ** (failures - 1))
        drawn = {pauses.after(failures, chance) for _ in range(20)}
        assert limit / 2 <= min(drawn) < max(drawn) <= limit


def test_outages_are_waited_out_and_the_pauses_grow() -> None:
    stop = Stop()
    service(stop).run(attempts(*[KafkaUnavailable("away")] * 8, DatabaseError("full"), None))
    assert len(stop.waited) == 9
    assert stop.waited[0] <= 1 and stop.waited[6] > 30


def test_refused_credentials_are_not_hammered() -> None:
    stop = Stop()
    done = service(stop)
    done.run(attempts(*[CredentialsRefused("wrong password")] * 10, None))
    assert done.condition.troubles == {"credentials": 10, "kafka": 0, "database": 0}
    assert stop.waited[0] >= 5
    assert len([each for each in stop.waited if each < 60]) <= 4, "a handful of tries, then minutes between them"


@pytest.mark.parametrize("error", [ConfigError("x"), DataRejected("x"), FatalError("x")])
def test_what_no_waiting_mends_ends_it(error: Exception) -> None:
    stop = Stop()
    with pytest.raises(type(error)):
        service(stop).run(attempts(KafkaUnavailable("away"), error))
    assert len(stop.waited) == 1


def test_each_state_is_told_once(caplog: pytest.LogCaptureFixture) -> None:
    stop = Stop()
    done = service(stop)

    def well() -> None:
        done.ready()
        raise KafkaUnavailable("gone again")

    outcomes: list[Callable[[], None]] = [attempts(KafkaUnavailable("away")) for _ in range(5)]
    outcomes += [attempts(KafkaUnavailable("still away, otherwise")), well, attempts(None)]
    with caplog.at_level(logging.INFO, "gongyu.subscriber"):
        done.run(in_turn(outcomes))
    told = [(each.levelname, each.getMessage()) for each in caplog.records]
    assert [level for level, _ in told] == ["WARNING", "WARNING", "INFO", "WARNING"]
    assert "away; trying again" in told[0][1] and "6 attempts" in told[2][1] and "gone again" in told[3][1]


def test_something_received_starts_the_pauses_afresh_and_a_connection_alone_does_not() -> None:
    stop = Stop()
    done = service(stop)

    def connected(progress: bool) -> Callable[[], None]:
        def attempt() -> None:
            done.ready()
            if progress:
                done.progressed()
            raise DatabaseError("disk full")

        return attempt

    outcomes = [connected(False)] * 6 + [connected(True), attempts(None)]
    done.run(in_turn(outcomes))
    assert stop.waited[5] > 15
    assert stop.waited[6] <= 1


def test_a_stop_while_it_waits_ends_it() -> None:
    stop = Stop()

    def attempt() -> None:
        stop.set()
        raise KafkaUnavailable("away")

    service(stop).run(attempt)
    assert len(stop.waited) == 1
