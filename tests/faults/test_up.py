"""`gongyu-hub up`: one command for one machine; killed parts come back, a killed whole leaves nothing behind, a restart goes on."""

from __future__ import annotations

import json
import re
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path

import psutil
import pytest
import yaml

from gongyu_schemas import exit_codes
from tests.running import BIN, TYPES, Process
from tests.waiting import wait_until

pytestmark = pytest.mark.kafka

ROWS = "id\tname\tregion\tincome\tscore\tfee\n"


def children(up: Process) -> dict[str, psutil.Process]:
    """Its processes by subcommand."""
    found = {}
    for child in psutil.Process(up.process.pid).children():
        words = child.cmdline()
        found[words[next(index for index, word in enumerate(words) if word.endswith("gongyu-hub")) + 1]] = child
    return found


def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    line = [str(BIN / str(arguments[0])), *map(str, arguments[1:])]
    return subprocess.run(line, capture_output=True, text=True, timeout=120, check=False)


def settled(hub: Path) -> bool:
    done = run("gongyu-hub", "status", "--dir", hub, "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    return found["attention"] == [] and [each["lag"] for each in found["types"]] == [0]


def publish(hub: Path, folder: Path, people: int) -> None:
    """A snapshot of this many people, and what the subscriber has of them afterwards."""
    file = folder / "people.tsv"
    file.write_text(ROWS + "".join(f"p{number}\tKim\t11\t{people}\t1.5\t1.00\n" for number in range(people)), encoding="utf-8")
    of = ("--type", "person", "--types", folder / "types", "--profile", hub / "profiles" / "owner.registry-office.yaml")
    done = run("gongyu-owner", "publish", file, *of, "--snapshot", "--state-dir", folder / "state")
    assert done.returncode == 0, done.stderr


def received(hub: Path, folder: Path) -> int:
    to = ("--to", f"sqlite:///{folder / 'bank.db'}", "--profile", hub / "profiles" / "subscriber.bank.yaml")
    done = run("gongyu-subscriber", "receive", "everybody", *to, "--exit-at-end")
    assert done.returncode == 0, done.stderr
    with closing(sqlite3.connect(folder / "bank.db")) as database:
        (count,) = database.execute('SELECT count(*) FROM "everybody"').fetchone()
    return int(count)


@pytest.mark.timeout(400)
def test_up_from_an_empty_folder_through_kills_to_a_restart(tmp_path: Path) -> None:
    hub, types = tmp_path / "hub", tmp_path / "types"
    worker_log = hub / "logs" / "worker-1.log"
    (types / "person").mkdir(parents=True)
    for name in ("type.yaml", "record.avsc"):
        (types / "person" / name).write_bytes((TYPES / "person" / name).read_bytes())

    def up() -> Process:
        process = Process(tmp_path / "up.log", "gongyu-hub", "up", "--dir", hub, "--types", types)
        process.ready("up: ready", 180)
        return process

    first = up()
    try:
        second = run("gongyu-hub", "up", "--dir", hub)
        assert second.returncode == exit_codes.USAGE
        assert re.search(rf"another `gongyu-hub up` runs in .*process {first.process.pid}", second.stderr)
        grant = {"subscriber": "bank", "grant": "everybody", "information_type": "person", "fields": ["id", "name", "income"]}
        terms = {"purpose": {"code": "c", "text": "t"}, "legal_basis": {"statute": "s", "article": "1", "valid_from": "2020-01-01"}}
        policy = {"subscribers": {"bank": {"title": {"ko": "은행", "en": "Bank"}}}, "grants": [{**grant, **terms}]}
        (hub / "policy.yaml").write_text(yaml.safe_dump(policy, allow_unicode=True), encoding="utf-8")
        wait_until((hub / "profiles" / "subscriber.bank.yaml").exists, 60, "the changed policy is in force")
        publish(hub, tmp_path, 50)
        killed = children(first)
        assert set(killed) == {"kafka", "serve", "work"}
        twin = run("gongyu-hub", "work", "--dir", hub)
        assert twin.returncode == exit_codes.USAGE and f"process {killed['work'].pid}" in twin.stderr
        assert killed["work"].is_running() and "worker-1 ended" not in first.text()
        for name in ("work", "serve"):
            killed[name].kill()
        first.ready("worker-1: ready again", 90)
        first.ready("serve: ready again", 60)
        publish(hub, tmp_path, 60)
        wait_until(lambda: settled(hub), 90, "everything is settled")
        assert received(hub, tmp_path) == 60
        gone = psutil.Process(first.process.pid).children(recursive=True)
        first.kill()
    finally:
        if first.process.poll() is None:
            first.kill()
    _, alive = psutil.wait_procs(gone, 15)
    assert not alive, "a killed `up` leaves nothing behind"

    again = up()
    try:
        publish(hub, tmp_path, 70)
        wait_until(lambda: settled(hub), 90, "everything is settled")
        assert received(hub, tmp_path) == 70
        gone = psutil.Process(again.process.pid).children(recursive=True)
        worked = len(worker_log.read_bytes())
    finally:
        code = again.stop(90)
    assert code == exit_codes.OK
    assert not any(process.is_running() for process in gone)
    said = again.text()
    assert b"transaction lost" not in worker_log.read_bytes()[worked:], "the worker ends before Kafka does"
    assert "error" not in said, said
    print(f"{len(killed)} processes, 3 kill -9, 2 starts, 70 records at the subscriber")


def test_what_a_part_refuses_ends_up_with_its_code(tmp_path: Path, free_port: int) -> None:
    profile = tmp_path / "admin.yaml"
    content = f"bootstrap: 127.0.0.1:{free_port}\nuser: admin\npassword: secret\nregistry: http://127.0.0.1:{free_port}\n"
    profile.write_text(content, encoding="utf-8")
    profile.chmod(0o600)
    done = run("gongyu-hub", "up", "--dir", tmp_path / "hub", "--profile", profile)
    assert done.returncode == exit_codes.KAFKA
    assert "serve ended with code 3 before it was ready" in done.stderr and "does not answer" in done.stderr and "secret" not in done.stderr
