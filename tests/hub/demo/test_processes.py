"""Processes are waited for with a deadline, fail with their last lines, and never outlive the demo."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import psutil
import pytest

from gongyu_hub.demo.processes import Processes
from gongyu_schemas.errors import FatalError

SLEEPER = "import sys, time; print('ready at 42', flush=True); time.sleep(600)"


def nothing() -> None:
    """Nothing to do while waiting."""


def test_a_ready_line_is_found(tmp_path: Path) -> None:
    with Processes(tmp_path) as processes:
        process = processes.start("sleeper", "python", "-c", SLEEPER)
        assert process.wait_ready(r"^ready at (\d+)$", 30, nothing)[1] == "42"
        assert process.peak_memory_bytes() > 1_000_000


def test_all_that_still_run_are_ended_also_after_a_failure(tmp_path: Path) -> None:
    processes = Processes(tmp_path)
    started = [processes.start(f"sleeper-{number}", "python", "-c", SLEEPER) for number in range(2)]
    with pytest.raises(FatalError), processes:
        started[1].wait_ready("never", 0.2, nothing)
    assert not any(psutil.pid_exists(process.pid) for process in started)


def test_one_that_does_not_heed_the_request_is_ended_all_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gongyu_hub.demo.processes._STOP_TIMEOUT_S", 0.2)
    with Processes(tmp_path) as processes:
        process = processes.start("deaf", "python", "-c", "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)\n" + SLEEPER)
        process.wait_ready("ready", 30, nothing)
    assert not psutil.pid_exists(process.pid)


def test_a_signal_while_one_starts_leaves_none_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[subprocess.Popen[bytes]] = []

    def start(*arguments: Any, **options: Any) -> subprocess.Popen[bytes]:
        started.append(popen(*arguments, **options))
        signal.raise_signal(signal.SIGTERM)  # as if it came inside Popen
        return started[-1]

    popen = subprocess.Popen
    monkeypatch.setattr("gongyu_hub.demo.processes.subprocess.Popen", start)
    before = signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        with pytest.raises(SystemExit), Processes(tmp_path) as processes:
            processes.start("sleeper", "python", "-c", SLEEPER)
        assert [process.poll() is None for process in started] == [False]
    finally:
        signal.signal(signal.SIGTERM, before)
        for process in started:
            process.kill()
            process.wait()


def test_an_end_by_itself_is_told_with_the_last_lines(tmp_path: Path) -> None:
    with Processes(tmp_path) as processes:
        process = processes.start("broken", "python", "-c", "import sys; print('what went wrong'); sys.exit(3)")
        with pytest.raises(FatalError, match=r"(?s)broken ended with code 3.*what went wrong"):
            process.wait_ready("ready", 30, nothing)
        with pytest.raises(FatalError):
            processes.require_alive()


def test_not_ready_in_time_is_told_with_the_last_lines(tmp_path: Path) -> None:
    with Processes(tmp_path) as processes:
        process = processes.start("slow", "python", "-c", SLEEPER)
        with pytest.raises(FatalError, match="slow was not ready within 0 s"):
            process.wait_ready("never", 0.2, nothing)


def test_a_command_that_ends_well_gives_its_output_and_one_that_does_not_is_an_error(tmp_path: Path) -> None:
    with Processes(tmp_path) as processes:
        assert "done" in processes.run("good", "python", "-c", "print('done')").wait_done(30, nothing)
        with pytest.raises(FatalError, match="bad ended with code 5"):
            processes.run("bad", "python", "-c", "raise SystemExit(5)").wait_done(30, nothing)


def test_a_killed_process_is_no_failure(tmp_path: Path) -> None:
    with Processes(tmp_path) as processes:
        process = processes.start("victim", "python", "-c", SLEEPER)
        processes.kill(process)
        processes.require_alive()
        assert process.ended()


def test_a_command_that_is_not_installed_is_told(tmp_path: Path) -> None:
    with Processes(tmp_path) as processes, pytest.raises(FatalError, match="is not installed"):
        processes.start("absent", "gongyu-absent")
