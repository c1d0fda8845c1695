"""The control plane on PostgreSQL: what holds on a file holds there, and another one takes over where one is gone."""

from __future__ import annotations

import itertools
import random
import signal
import subprocess
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import httpx2
import psycopg
import pytest

from gongyu_hub.policy.records import Heartbeat
from gongyu_schemas.transport.profile import Profile
from tests.hub.commands import SERVE, Running, run
from tests.hub.registry.policies import grant, write_policy, write_type
from tests.kafka.hub_on_kafka import HubFiles, empty_hub, heartbeats, policy_records
from tests.postgres import Server
from tests.waiting import wait_until

pytestmark = pytest.mark.kafka

_numbers = itertools.count()


@pytest.fixture
def hub(tmp_path: Path, admin: Profile, postgres: Server) -> HubFiles:
    """Dogs for a vet, cats for a shop."""
    files = replace(empty_hub(tmp_path, admin), database=postgres.make(f"hub-{next(_numbers)}"))
    write_type(files.types, "dog", "kennel", partitions=6)
    write_type(files.types, "cat", "cattery", partitions=2)
    write_policy(files.policy, grant("vet", "dogs", rows="town = 'x'"), grant("shop", "cats", "cat"))
    return files


def last_beat(admin: Profile) -> int:
    found = heartbeats(admin)
    return Heartbeat.model_validate_json(found[-1]).sequence if found else 0


def beats_on(admin: Profile, deadline_s: float = 20) -> None:
    last = last_beat(admin)
    wait_until(lambda: last_beat(admin) > last, deadline_s, "heartbeats go on")


def test_kill_9_at_any_moment_never_makes_a_second_epoch(hub: HubFiles, admin: Profile) -> None:
    chance = random.Random(5)
    for _ in range(5):
        with Running(SERVE, *hub.arguments(), log=hub.log) as control, suppress(subprocess.TimeoutExpired):
            control.process.wait(1.4 + 2.5 * chance.random())
    with hub.serve() as (control, _):
        records = policy_records(admin)
        assert not (hub.directory / "hub.db").exists()
        assert control.stop() == 0
    values: dict[bytes, set[bytes]] = {}
    for key, value in records:
        values.setdefault(key, set()).add(value)
    assert set(values) == {b"grant/shop/cats/1", b"grant/vet/dogs/1", b"epoch/cat/1", b"epoch/dog/1"}
    assert all(len(each) == 1 for each in values.values()), "every repetition has the same bytes"


def test_one_that_stands_by_takes_over_when_the_first_is_killed(hub: HubFiles, admin: Profile) -> None:
    with hub.serve() as (first, _):
        beats_on(admin)
        before = policy_records(admin)
        with Running(SERVE, *hub.arguments(), log=hub.log) as second:
            wait_until(lambda: "standing by: another control plane works on this database" in hub.log.read_text(), 20, "standing by")
            beats_on(admin)  # the first one's
            first.process.kill()
            last = last_beat(admin)
            url = second.line("control plane: ready at ")
            wait_until(lambda: last_beat(admin) > last, 20, "heartbeats of the one that took over")
            assert httpx2.get(f"{url}/health/ready").status_code == 200
            assert policy_records(admin) == before
            write_type(hub.types, "bird", "aviary")
            write_policy(hub.policy, grant("vet", "dogs", rows="town = 'x'"), grant("shop", "cats", "cat"), grant("zoo", "birds", "bird"))
            wait_until(lambda: b"epoch/bird/1" in dict(policy_records(admin)), 20, "an epoch of the one that took over")
            assert second.stop() == 0


def test_who_stands_by_ends_when_told_to(hub: HubFiles) -> None:
    with hub.serve(), Running(SERVE, *hub.arguments(), log=hub.log) as second:
        wait_until(lambda: "standing by" in hub.log.read_text(), 20, "standing by")
        assert second.stop() == 0


def test_one_that_was_cut_off_and_replaced_ends(hub: HubFiles, admin: Profile, free_port: int) -> None:
    assert hub.database is not None
    elsewhere = hub.arguments("--listen", f"127.0.0.1:{free_port}")
    with hub.serve() as (first, _), Running(SERVE, *elsewhere, log=hub.log) as second:
        wait_until(lambda: "standing by" in hub.log.read_text(), 20, "standing by")
        first.process.send_signal(signal.SIGSTOP)
        with psycopg.connect(hub.database, autocommit=True) as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        url = second.line("control plane: ready at ")
        before = policy_records(admin)
        first.process.send_signal(signal.SIGCONT)
        assert first.process.wait(30) == 4
        assert "another control plane has taken over" in hub.log.read_text()
        beats_on(admin)
        assert policy_records(admin) == before and httpx2.get(f"{url}/health/ready").status_code == 200


def test_through_an_outage_of_postgresql_the_heart_stands_still_and_goes_on(hub: HubFiles, admin: Profile, postgres: Server) -> None:
    with hub.serve() as (control, url):
        beats_on(admin)
        before = policy_records(admin)
        postgres.kill()
        try:
            wait_until(lambda: httpx2.get(f"{url}/health/ready").status_code == 503, 20, "not ready without its database")
            last = last_beat(admin)
            assert httpx2.get(f"{url}/health/live").status_code == 200
            refused = run(SERVE, *hub.arguments())
            assert refused.returncode == 4 and "cannot be used" in refused.stderr and "check its URL" in refused.stderr
            assert last_beat(admin) == last, "no heartbeat without the database"
        finally:
            postgres.start()
        wait_until(lambda: httpx2.get(f"{url}/health/ready").status_code == 200, 30, "ready again")
        beats_on(admin)
        assert policy_records(admin) == before
        assert control.stop() == 0
