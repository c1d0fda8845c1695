"""The demo exits 0 with a clean self-check, 1 when the hub delivers something wrong, and leaves no process behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from gongyu_schemas import exit_codes
from tests.waiting import wait_until

pytestmark = pytest.mark.kafka

DEMO = [str(Path(sys.executable).with_name("gongyu-hub")), "demo", "--residents", "400", "--businesses", "150"]
#: Every process of the demo runs this at its start; only the worker decides.
MUTATION = """
import sys
if "work" in sys.orig_argv:
    from gongyu_hub import entitle
    entitle.TABLE[1, 1, 1] = 1
"""


def run_demo(*arguments: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [*DEMO, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=280, env={**os.environ, **environment}, check=False)


def test_the_demo_shares_everything_right_although_the_worker_is_killed() -> None:
    done = run_demo()
    assert done.returncode == exit_codes.OK, done.stdout + done.stderr
    assert "worker killed (kill -9" in done.stdout
    assert "self-check: all 0" in done.stdout
    for text in ("bank-maru/resident-address", "loan-review", "Electronic Government Act, Article 36"):
        assert text in done.stdout


def test_the_self_check_fails_when_a_row_of_the_table_is_changed(tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text(MUTATION, encoding="utf-8")
    done = run_demo(PYTHONPATH=str(tmp_path))
    assert done.returncode == exit_codes.FATAL, done.stdout + done.stderr
    assert "self-check: FAILED" in done.stdout
    assert "missing: grant." in done.stdout


def test_a_folder_with_something_in_it_is_refused(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("mine", encoding="utf-8")
    done = run_demo("--dir", tmp_path)
    assert done.returncode == exit_codes.USAGE
    assert "is not empty" in done.stderr


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_interrupted_it_ends_all_that_it_started(tmp_path: Path, number: signal.Signals) -> None:
    folder = tmp_path / "demo"
    with (tmp_path / "output").open("wb") as output:
        demo = subprocess.Popen([*DEMO, "--dir", str(folder)], stdout=output, stderr=subprocess.STDOUT)
    try:
        wait_until((folder / "logs" / "serve.log").exists, 60, "the control plane started")
        children = psutil.Process(demo.pid).children(recursive=True)
        demo.send_signal(number)
        assert demo.wait(60) == 128 + number
    finally:
        demo.terminate()  # no kill: it must have the time to end what it started
        demo.wait(60)
    assert len(children) >= 2
    _, alive = psutil.wait_procs(children, 10)
    assert not alive
