"""The daemon: outages of everything are waited out, told once, visible in its metrics; nothing is asked in a hot loop."""

from __future__ import annotations

import json
import re
import sqlite3
import subprocess
import threading
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from pydantic import SecretStr

from gongyu_hub.local_kafka import LocalKafka
from gongyu_schemas import exit_codes
from gongyu_schemas.transport.profile import Profile, write_profile
from tests.consumers import receiver
from tests.consumers.fed_grant import Event, FedGrant, fed_grant
from tests.kafka.test_receive_copies import copy, delete_records, table
from tests.waiting import wait_until

pytestmark = pytest.mark.kafka


@pytest.fixture
def fed(admin: Profile, tmp_path: Path, unique: Callable[[str], str]) -> Iterator[FedGrant]:
    with fed_grant(admin, tmp_path, unique("bank")) as made:
        yield made


class Daemon:
    """A receiver in the background: its lines so far, and its metrics."""

    def __init__(self, process: subprocess.Popen[str], port: int) -> None:
        self.process, self._port = process, port
        self.lines: list[str] = []
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stderr is not None
        with self.process.stderr as lines:
            for line in lines:
                self.lines.append(line)

    def said(self, words: str) -> int:
        return sum(words in line for line in list(self.lines))

    def metric(self, name: str, *labels: str) -> float:
        """The sum over the series of a metric that have these labels; 0 where there is none."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self._port}/metrics", timeout=5) as answer:
            text = answer.read().decode()
        series = (line for line in text.splitlines() if re.match(rf"gongyu_receiver_{name}\{{", line))
        return sum(float(line.rpartition(" ")[2]) for line in series if all(label in line for label in labels))

    def stop(self) -> int:
        self.process.terminate()
        return self.process.wait(30)

    def close(self) -> None:
        self._reader.join(10)
        assert self.process.stdout is not None
        self.process.stdout.close()


@contextmanager
def daemon(fed: FedGrant, to: str, port: int, *options: str) -> Iterator[Daemon]:
    process = receiver.start(fed, to, "--daemon", "--metrics", f":{port}", *options)
    made = Daemon(process, port)
    try:
        wait_until(lambda: made.said("metrics at http"), 30, "the metrics")
        yield made
    finally:
        process.kill()
        process.wait()
        made.close()


def test_a_wrong_password_is_told_once_not_hammered_and_mended_without_a_restart(fed: FedGrant, tmp_path: Path, free_port: int) -> None:
    path = tmp_path / "bank.db"
    fed.publish(*copy(1, Event("r", "1", "Seoul")))
    write_profile(fed.profile_path, fed.profile.model_copy(update={"password": SecretStr("wrong")}))
    with daemon(fed, f"sqlite:///{path}", free_port) as running:
        wait_until(lambda: running.metric("troubles_total", 'cause="credentials"'), 30, "the refusal")
        assert running.metric("back_off_seconds") >= 5
        assert running.metric("connected") == 0
        write_profile(fed.profile_path, fed.profile)
        wait_until(lambda: path.exists() and table(path) == {"1": "Seoul"}, 60, "the table")
        assert (running.metric("attempts_total"), running.metric("connected"), running.metric("back_off_seconds")) == (2, 1, 0)
        assert running.stop() == exit_codes.OK
    assert (running.said("wrong password"), running.said("going on after")) == (1, 1), running.lines


def test_outages_of_registry_and_kafka_are_waited_out(fed: FedGrant, kafka: LocalKafka, tmp_path: Path, free_port: int) -> None:
    path = tmp_path / "bank.db"
    fed.registry.broken = True
    with daemon(fed, f"sqlite:///{path}", free_port, "--json") as running:
        wait_until(lambda: running.metric("troubles_total", 'cause="kafka"'), 40, "the registry's outage")
        fed.registry.broken = False
        fed.publish(*copy(1, Event("r", "1", "Seoul")))
        wait_until(lambda: path.exists() and table(path) == {"1": "Seoul"}, 40, "the table")
        kafka.kill()
        wait_until(lambda: running.metric("connected") == 0, 40, "Kafka's outage")
        kafka.start()
        fed.publish(Event("c", "2", "Busan"))
        wait_until(lambda: table(path) == {"1": "Seoul", "2": "Busan"}, 60, "the change after Kafka's outage")
        wait_until(lambda: running.metric("connected") == 1, 20, "connected again")
        assert running.process.poll() is None
        assert running.stop() == exit_codes.OK
    assert running.said("schema registry") == 1, running.lines
    logged = [json.loads(line) for line in running.lines if line.startswith("{")]
    assert len(logged) >= 4
    assert {tuple(each) for each in logged} == {("time", "level", "grant", "message")}
    assert {each["grant"] for each in logged} == {fed.grant}


def test_metrics_say_what_was_received_and_hold_no_record(fed: FedGrant, tmp_path: Path, free_port: int) -> None:
    path = tmp_path / "bank.jsonl"
    fed.publish(*copy(1, Event("r", "1", "Secret-Street")), Event("begin", number=2))
    with daemon(fed, f"jsonl:{path}", free_port) as running:
        wait_until(lambda: running.metric("copies_open") == 1, 30, "the open copy")
        fed.publish(Event("r", "2", "Secret-Street"), Event("r", "1", "Secret-Street"))
        wait_until(lambda: running.metric("deliveries_total") == 6, 30, "six deliveries")
        wait_until(lambda: running.metric("position", 'partition="0"') >= 8 and running.metric("lag_messages") == 0, 20, "the position")
        assert (running.metric("deliveries_total", 'op="r"'), running.metric("deliveries_total", 'op="m"')) == (3, 3)
        assert running.metric("commit_seconds_count") >= 2
        assert running.metric("last_delivery_timestamp_seconds") > 1_700_000_000
        with urllib.request.urlopen(f"http://127.0.0.1:{free_port}/metrics", timeout=5) as answer:
            assert b"Secret" not in answer.read()
        assert running.stop() == exit_codes.OK


def test_a_locked_target_is_waited_out_and_retention_that_passed_meanwhile_ends_it_instead_of_a_jump(
    fed: FedGrant, tmp_path: Path, free_port: int
) -> None:
    path = tmp_path / "bank.db"
    fed.publish(*copy(1, Event("r", "1", "Seoul")))
    with daemon(fed, f"sqlite:///{path}", free_port) as running:
        wait_until(lambda: path.exists() and table(path) == {"1": "Seoul"}, 30, "the table")
        with closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("BEGIN EXCLUSIVE")
            fed.publish(Event("c", "2", "Busan"))
            wait_until(lambda: running.metric("troubles_total", 'cause="database"'), 40, "the locked target")
            fed.publish(Event("c", "3", "Jeju"))
            delete_records(fed, 6)
        assert running.process.wait(60) == exit_codes.REJECTED
    assert running.said("behind retention") == 1 and running.said("ask the hub for a resync") == 1, running.lines
    assert table(path) == {"1": "Seoul"}


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (["--daemon", "--exit-at-end"], "exclude each other"),
        (["--daemon"], "--group NAME"),
        (["--share"], "belongs to `--to sqlite"),
        (["--metrics", "nowhere"], "HOST:PORT"),
    ],
)
def test_options_that_do_not_fit_are_refused(fed: FedGrant, options: list[str], text: str) -> None:
    code, _, err = receiver.run(fed, "-", *options)
    assert (code, text in err) == (exit_codes.USAGE, True), err
