"""`gongyu-owner generate`: what it says, what it refuses, and that a large register fits into little memory."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import threading
from pathlib import Path

import pytest
from typer.testing import CliRunner

from gongyu_producers.cli import app
from gongyu_producers.generate.registers import KINDS
from gongyu_schemas import exit_codes
from tests.producers.generate.worlds import contents
from tests.producers.owned_topic import COMMAND, quiet_environment
from tests.waiting import wait_until

GENERATE = [*COMMAND[:-1], "generate"]
#: The project's own bound for 5 million residents with days, and what a machine should manage at the least, in records per second.
MOST_MEMORY_BYTES, LEAST_RATE = 1_000_000_000, 20_000


def run(*arguments: str | Path) -> tuple[int, str, str]:
    """In this process: starting one takes longer than most of these registers."""
    ended = CliRunner().invoke(app, ["generate", *map(str, arguments)], env=quiet_environment())
    assert ended.exception is None or isinstance(ended.exception, SystemExit)
    return ended.exit_code, ended.stdout, ended.stderr


REFUSED = [
    (["dog"], "TYPE 'dog' cannot be generated; give one of resident, business"),
    (["vehicle", "--first-day", "tomorrow"], "--first-day 'tomorrow': write a day as YYYY-MM-DD"),
    (["vehicle", "--first-day", "1950-01-01"], "--first-day 1950-01-01: give a day from 2015-01-01"),
    (["vehicle", "--activity", "1001"], "--activity 1001.0: give at most 1000"),
    (["resident", "--residents", "9"], "--residents 9: the register of resident has 100 records; leave --residents away"),
    (["health-insurance", "--residents", "50"], "--records 100: 50 residents have at most 96 records; give more --residents"),
    (["vehicle", "--residents", "90000000"], "--residents 90000000: at most 20,000,000"),
]


@pytest.mark.parametrize(("arguments", "message"), REFUSED)
def test_wrong_usage_is_told_and_writes_nothing(tmp_path: Path, arguments: list[str], message: str) -> None:
    code, out, err = run(*arguments, "--records", "100", "--out", tmp_path / "new")
    assert (code, out) == (exit_codes.USAGE, "")
    assert err.startswith(f"error: {message}")
    assert not (tmp_path / "new").exists()


def test_a_folder_with_such_a_register_is_refused(tmp_path: Path) -> None:
    assert run("vehicle", "--records", "30", "--days", "2", "--out", tmp_path)[0] == exit_codes.OK
    before = contents(tmp_path)
    code, _, err = run("vehicle", "--records", "40", "--out", tmp_path)
    assert code == exit_codes.USAGE
    assert "vehicle.2026-01-01.changes.tsv is there already; remove it or give another folder" in err
    assert contents(tmp_path) == before
    assert run("business", "--records", "30", "--out", tmp_path)[0] == exit_codes.OK


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    code, _, err = run("vehicle", "--records", "30", "--out", tmp_path / "file")
    assert code == exit_codes.USAGE
    assert "cannot be used" in err
    assert "Traceback" not in err


def test_the_summary_says_what_was_written_and_how_to_make_the_others(tmp_path: Path) -> None:
    options = ("--records", "60", "--days", "2", "--activity", "200", "--out", tmp_path)
    code, out, err = run("vehicle", *options)
    assert (code, err) == (exit_codes.OK, "")
    assert "other registers of the same people: --seed 1 --residents 120 --businesses 24 --first-day 2026-01-01 --activity 200" in out
    code, out, _ = run("all", *options[:2], "--out", tmp_path / "all", "--after", "--json")
    summary = json.loads(out)
    assert list(summary) == [*KINDS]
    assert summary["resident"]["records"] == 60
    assert summary["vehicle"]["register"] == str(tmp_path / "all" / "vehicle.tsv")
    assert {Path(each["after"]).name for each in summary.values()} == {f"{name}.after.tsv" for name in KINDS}


def test_help_shows_an_example_and_the_exit_codes() -> None:
    code, out, _ = run("--help")
    assert code == exit_codes.OK
    assert "gongyu-owner generate resident --records 50000" in out
    assert "Exit codes" in out


def test_stopped_it_leaves_no_half_a_register(tmp_path: Path) -> None:
    command = [*GENERATE, "vehicle", "--records", "3000000", "--out", str(tmp_path)]
    running = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=quiet_environment())
    try:
        wait_until((tmp_path / "vehicle.tsv.part").exists, 60, "the register was begun")
        running.send_signal(signal.SIGTERM)
        _, err = running.communicate(timeout=60)
    finally:
        running.kill()
        running.wait(60)
    assert running.returncode == 128 + signal.SIGTERM
    assert "stopped by SIGTERM; run again to generate it" in err
    assert contents(tmp_path) == {}


def most_memory(pid: int) -> int:
    """Bytes that a process had at most so far. (The system's figure for a child that has ended counts what its parent had, too.)"""
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    return next((int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmHWM")), 0)


@pytest.mark.soak
@pytest.mark.parametrize("name", KINDS)
def test_five_million_records_fit_into_a_gigabyte(tmp_path: Path, name: str) -> None:
    options = ["--records", "5000000", "--days", "3", "--activity", "20", "--out", str(tmp_path), "--json"]
    with (tmp_path / "summary").open("wb") as output:
        running = subprocess.Popen([*GENERATE, name, *options], stdout=output, env=quiet_environment())
        peak, pid, pause = 0, 0, threading.Event()
        while not pid:
            peak = max(peak, most_memory(running.pid))
            pause.wait(0.05)
            pid, status, used = os.wait4(running.pid, os.WNOHANG)
    running.returncode = os.waitstatus_to_exitcode(status)
    assert running.returncode == exit_codes.OK
    written = json.loads((tmp_path / "summary").read_text(encoding="utf-8"))[name]
    lines = written["records"] + sum(sum(day["changes"].values()) for day in written["days"])
    rate = lines / used.ru_utime
    print(f"{name}: {lines:,} rows, {rate:,.0f}/s of processor time, {peak / 1e6:,.0f} MB at most")
    assert written["records"] == 5_000_000
    assert peak < MOST_MEMORY_BYTES
    assert rate > LEAST_RATE
