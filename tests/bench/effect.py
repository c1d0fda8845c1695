"""How soon the end of a grant is in effect: grants are stopped one after the other while their type's stream runs, on a real Kafka.

Measured from the operator's request on, by one clock: until the control plane answers; until every partition has recorded the epoch
(time to effect); and for a subscriber that is connected and reading, until its next fetch is refused, with what the broker served it
meanwhile (time to cut-off). Leaves effect.json and effect.md. Exit code 1: the goal was missed in a full measurement.
"""

from __future__ import annotations

import json
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Self

import httpx2
import typer
from confluent_kafka import Consumer, KafkaError, TopicPartition

from gongyu_hub.local_kafka import LocalKafka
from gongyu_schemas import exit_codes
from gongyu_schemas.names import ADOPTIONS_TOPIC, grant_topic, subscriber_group_prefix, subscriber_user
from gongyu_schemas.transport.clients import make_consumer, make_producer
from gongyu_schemas.transport.profile import write_profile
from tests.bench.errors import BenchFailed
from tests.bench.machine import describe_machine
from tests.running import Published, RunningHub, people
from tests.waiting import wait_until

GOAL_S = 1.0
_FULL_STOPS = 200
_REGIONS = 20
_WAIT_S = 30.0


@dataclass(frozen=True, slots=True)
class Stop:
    """One of them. Seconds since the request. `served`: messages that the reader got after it; `last_offset`: of the last one it got."""

    answered_s: float
    effect_s: float
    refused_s: float
    served: int
    last_offset: int


class Stream:
    """Changes of random people, so many a second, while it runs."""

    def __init__(self, of: Published, rate: int) -> None:
        rows = [row for n in range(_REGIONS) for row in people(range(n * 50, n * 50 + 50), region=f"{n:02d}")]
        self._messages = [(of.key(row), of.value("u", None, {**row, "name": name})) for name in ("Kim", "Lee") for row in rows]
        self._topic, self._rate, self.sent = of.topic, rate, 0
        self._producer = make_producer(of.hub.profile(f"owner.{of.type.owner}"), **{"linger.ms": 5})
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="stream")

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._thread.join()
        self._producer.flush(_WAIT_S)

    def _run(self) -> None:
        began = time.monotonic()
        while not self._stopping.wait(0.01):
            for _ in range(int((time.monotonic() - began) * self._rate) - self.sent):
                key, value = self._messages[self.sent % len(self._messages)]
                self._producer.produce(self._topic, value, key)
                self.sent += 1
            self._producer.poll(0)


class Reader:
    """A subscriber that reads one grant to its end and on, in a thread of its own."""

    def __init__(self, of: Published, grant: str) -> None:
        settings = {"enable.auto.commit": False, "auto.offset.reset": "earliest", "fetch.wait.max.ms": 100}
        group = subscriber_group_prefix(of.subscriber) + "bench"
        self._consumer: Consumer = make_consumer(of.hub.profile(subscriber_user(of.subscriber)), **{"group.id": group, **settings})
        self._consumer.assign([TopicPartition(grant_topic(of.subscriber, grant), number) for number in range(of.type.partitions)])
        self.received: list[tuple[float, int]] = []  # when, offset
        self.refused_at: float | None = None
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="reader")
        self._thread.start()

    def close(self) -> None:
        self._stopping.set()
        self._thread.join()
        self._consumer.close()

    def _run(self) -> None:
        while not self._stopping.is_set():
            message = self._consumer.poll(0.05)
            error = None if message is None else message.error()
            if message is not None and error is None:
                self.received.append((time.monotonic(), message.offset() or 0))
            elif error is not None and error.code() == KafkaError.TOPIC_AUTHORIZATION_FAILED:
                self.refused_at = time.monotonic()
                return


class Adoptions:
    """What partitions have recorded, as it comes."""

    def __init__(self, of: Published) -> None:
        settings = {"isolation.level": "read_committed", "fetch.wait.max.ms": 100, "enable.auto.commit": False}
        self._consumer: Consumer = make_consumer(of.hub.profile("admin"), **{"group.id": "bench.adoptions", **settings})
        self._consumer.assign([TopicPartition(ADOPTIONS_TOPIC, 0, 0)])
        self._of, self._newest = of.type, dict.fromkeys(range(of.type.partitions), 0)

    def wait(self, epoch: int) -> float:
        """When the last partition has recorded it."""
        deadline = time.monotonic() + _WAIT_S
        while min(self._newest.values()) < epoch:
            message = self._consumer.poll(0.5)
            if message is not None and message.error() is None:
                record = json.loads(message.value() or b"null")
                if record["information_type"] == self._of.name:
                    self._newest[record["partition"]] = record["epoch"]
            if time.monotonic() > deadline:
                raise BenchFailed(f"epoch {epoch} is not in effect after {_WAIT_S:.0f} s: {self._newest}")
        return time.monotonic()

    def close(self) -> None:
        self._consumer.close()


def effect(
    out: Annotated[Path, typer.Option(help="Folder of the report.")],
    stops: Annotated[int, typer.Option(min=1, help="Grants that are stopped.")] = _FULL_STOPS,
    rate: Annotated[int, typer.Option(min=1, help="Changes a second of the stream.")] = 500,
) -> None:
    """Measure.

    Example: python -m tests.bench.effect --out build/bench
    """
    out.mkdir(parents=True, exist_ok=True)
    try:
        found, sent = _measure(stops, rate)
    except BenchFailed as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(exit_codes.FATAL) from error
    text = _describe(found, sent, rate)
    (out / "effect.md").write_text(text, encoding="utf-8")
    (out / "effect.json").write_text(json.dumps([asdict(each) for each in found], indent=1) + "\n", encoding="utf-8")
    print(f"\n{text}\nwritten to {out}/effect.md and effect.json", flush=True)
    if stops >= _FULL_STOPS and _percentile([each.effect_s for each in found], 99) >= GOAL_S:
        raise typer.Exit(exit_codes.FATAL)


def _measure(stops: int, rate: int) -> tuple[list[Stop], int]:
    grants = {f"g{n:03d}": {"fields": ["id", "name", "region"], "rows": f"region = '{n % _REGIONS:02d}'"} for n in range(stops)}
    with tempfile.TemporaryDirectory(prefix="bench-") as work, _hub(Path(work)) as hub:
        of = hub.add_type("person", "effect", grants)
        adoptions, found = Adoptions(of), []
        try:
            with hub.working("worker-1"):
                with Stream(of, rate) as stream:
                    adoptions.wait(1)
                    for number, grant in enumerate(grants):
                        found.append(_stop(of, grant, adoptions))
                        if (number + 1) % 20 == 0:
                            told = f"the last in effect after {found[-1].effect_s * 1000:.0f} ms"
                            print(f"{number + 1} of {stops} stopped, {told}", flush=True)
                of.settled()
            of.check()
        finally:
            adoptions.close()
    return found, stream.sent


@contextmanager
def _hub(work: Path) -> Iterator[RunningHub]:
    directory, types = work / "hub", work / "types"
    (directory / "profiles").mkdir(parents=True, mode=0o700)
    types.mkdir()
    with LocalKafka(work / "kafka") as kafka:
        write_profile(directory / "profiles" / "admin.yaml", kafka.profile)
        hub = RunningHub(directory, types, work / "policy.yaml")
        hub.start()
        try:
            yield hub
        finally:
            if hub.control is not None:
                hub.control.stop()


def _stop(of: Published, grant: str, adoptions: Adoptions) -> Stop:
    login = ("admin", of.hub.profile("admin").password.get_secret_value())
    url = f"{of.hub.profile('hub').registry}/operation/grants/{of.subscriber}/{grant}/stop"
    reader = Reader(of, grant)
    try:
        with httpx2.Client(auth=login, timeout=_WAIT_S, trust_env=False) as client:
            wait_until(lambda: len(reader.received) > 1 and time.monotonic() - reader.received[-1][0] < 0.2, _WAIT_S, "a live reader")
            began = time.monotonic()
            answer = client.post(url, json={"reason": "measured"})
            answered = time.monotonic()
            if answer.status_code != 200:
                raise BenchFailed(f"the control plane refuses: {answer.text}")
            in_effect = adoptions.wait(int(answer.json()["epoch"]))
            wait_until(lambda: reader.refused_at is not None, _WAIT_S, "the reader refused")
    finally:
        reader.close()
    served = [offset for at, offset in reader.received if at > began]
    refused_at = reader.refused_at or 0.0
    return Stop(answered - began, in_effect - began, refused_at - began, len(served), max(offset for _, offset in reader.received))


def _percentile(values: Sequence[float], percent: int) -> float:
    """The smallest value that so many of a hundred do not exceed."""
    return sorted(values)[max(0, -(-len(values) * percent // 100) - 1)]


def _describe(found: Sequence[Stop], sent: int, rate: int) -> str:
    columns = {
        "control plane has answered": [each.answered_s for each in found],
        "**in effect everywhere**": [each.effect_s for each in found],
        "connected reader refused": [each.refused_s for each in found],
    }
    lines = [f"# Time to effect: {len(found)} stops in a stream of {rate} changes a second ({sent:,} sent)", ""]
    lines += ["| ms since the request | p50 | p99 | max |", "|---|---|---|---|"]
    for name, values in columns.items():
        cells = (_percentile(values, 50), _percentile(values, 99), max(values))
        lines.append(f"| {name} | {' | '.join(f'{value * 1000:.0f}' for value in cells)} |")
    p99 = _percentile(columns["**in effect everywhere**"], 99)
    served = sorted(each.served for each in found)
    lines += [
        "",
        f"- {'met   ' if p99 < GOAL_S else 'MISSED'} time to effect, p99: {p99:.3f} s, less than {GOAL_S:g}",
        f"- messages that the connected reader was still served after the request: median {served[len(served) // 2]}, most {served[-1]}",
        "- every message of every grant topic equals the independent reference's, up to where each grant ended",
        *(f"- {name}: {fact}" for name, fact in describe_machine().items()),
    ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    typer.run(effect)
