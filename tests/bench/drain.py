"""The measurement itself: the input is there, a system starts, and works until it has committed all of it.

All systems are told to be done by one thing: their consumer group's committed offsets have reached the ends of the input topic.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

import psutil

from tests.bench.broker import Broker
from tests.bench.errors import BenchFailed
from tests.bench.processes import Measured, tree_cpu_s

_POLL_S = 0.1
_TIMEOUT_S = 1800.0


@dataclass(frozen=True, slots=True)
class Drain:
    """`began_s`: Unix time of the start of the process. `ready_cpu_s`: used until it said that it is ready, if it says so.
    `anonymous_bytes`: the most that was seen, looking every 0.1 s.
    """

    began_s: float
    wall_s: float
    cpu_s: float
    ready_cpu_s: float | None
    broker_cpu_s: float
    peak_bytes: int
    anonymous_bytes: int


@dataclass(frozen=True, slots=True)
class Work:
    """What is to be drained: by which group, from which topic, up to which ends."""

    group: str
    topic: str
    ends: dict[tuple[str, int], int]


def drain(system: Measured, work: Work, broker: Broker, began_s: float, ready: str | None = None) -> Drain:
    """Watch a system that has just been started."""
    kafka = psutil.Process(broker.pid)
    broker_before, ready_cpu, anonymous = tree_cpu_s(kafka), None, 0
    deadline = time.monotonic() + _TIMEOUT_S
    while broker.committed(work.group, work.topic) != work.ends:
        system.require_running()
        anonymous = max(anonymous, system.anonymous_bytes())
        if ready is not None and ready_cpu is None and system.has_said(ready):
            ready_cpu = system.cpu_s()
        if time.monotonic() > deadline:
            raise BenchFailed(f"{system.name} has not read its input in {_TIMEOUT_S:.0f} s; its log is {system.log}")
        time.sleep(_POLL_S)
    wall, cpu = time.time() - began_s, system.cpu_s()
    return Drain(began_s, wall, cpu, ready_cpu, tree_cpu_s(kafka) - broker_before, system.peak_bytes(), anonymous)
