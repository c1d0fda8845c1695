"""Processes are started in order, started again where they die, stopped in the opposite order, and never outlive their starter."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from gongyu_hub.operating import children as module
from gongyu_hub.operating.children import Children, Ended, Plan
from gongyu_schemas.errors import FatalError
from tests.waiting import wait_until

pytestmark = pytest.mark.thorough  # each test starts processes

LIVE = "import time; print('ready at {name}', flush=True); time.sleep(600)"
STOP = """
import signal, sys, time
def stop(*_):
    open({file!r}, 'a').write({name!r} + ' ')
    sys.exit(0)
signal.signal(signal.SIGTERM, stop)
print('ready at {name}', flush=True)
time.sleep(600)
"""


def plan(name: str, code: str, ready_s: float = 30) -> Plan:
    return Plan(name, ("-c", code), r"ready at (\S+)", ready_s, 10)


class Said:
    def __init__(self) -> None:
        self.lines: list[str] = []

    def __call__(self, line: str) -> None:
        self.lines.append(line)

    def has(self, words: str) -> bool:
        return any(words in line for line in self.lines)


@pytest.fixture
def make(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., tuple[Children, Said]]:
    """Python instead of `gongyu-hub`, so that a child does what a test says."""
    monkeypatch.setattr(module, "_script", lambda: Path(sys.executable))
    shared = os.open(tmp_path / "lock", os.O_RDWR | os.O_CREAT)

    def build(*plans: Plan) -> tuple[Children, Said]:
        said = Said()
        return Children(list(plans), tmp_path, shared, said), said

    return build


def watching(children: Children, stopping: threading.Event) -> tuple[threading.Thread, list[Ended]]:
    raised: list[Ended] = []

    def watch() -> None:
        try:
            children.watch(stopping)
        except Ended as error:
            raised.append(error)

    thread = threading.Thread(target=watch)
    thread.start()
    return thread, raised


def test_one_starts_when_the_one_before_is_ready_and_stops_before_it(make: Callable[..., tuple[Children, Said]], tmp_path: Path) -> None:
    file = str(tmp_path / "stopped")
    children, _ = make(*(plan(name, STOP.format(name=name, file=file)) for name in ("first", "second", "third")))
    assert children.start(threading.Event())
    assert [child.address for child in children] == ["first", "second", "third"]
    children.stop()
    assert Path(file).read_text() == "third second first "
    assert not any(psutil.pid_exists(child.pid or 0) for child in children)


def test_one_that_ends_before_it_is_ready_is_told_with_its_code_and_last_lines(make: Callable[..., tuple[Children, Said]]) -> None:
    children, _ = make(plan("live", LIVE.format(name="live")), plan("broken", "print('port taken'); raise SystemExit(4)"))
    with pytest.raises(Ended, match=r"(?s)broken ended with code 4.*port taken") as error:
        children.start(threading.Event())
    assert error.value.exit_code == 4
    children.stop()


def test_one_that_is_never_ready_is_told(make: Callable[..., tuple[Children, Said]]) -> None:
    children, _ = make(plan("slow", "import time; time.sleep(600)", 0.3))
    with pytest.raises(FatalError, match="slow is not ready"):
        children.start(threading.Event())
    children.stop()


def test_a_stop_while_starting_is_heeded(make: Callable[..., tuple[Children, Said]]) -> None:
    children, _ = make(plan("slow", "import time; time.sleep(600)"), plan("never", LIVE.format(name="never")))
    stopping = threading.Event()
    stopping.set()
    assert not children.start(stopping)
    children.stop()
    assert [child.pid is None for child in children] == [False, True]


def test_a_killed_one_is_started_again_and_said_and_the_others_go_on(make: Callable[..., tuple[Children, Said]]) -> None:
    children, said = make(plan("first", LIVE.format(name="first")), plan("second", LIVE.format(name="second")))
    children.start(threading.Event())
    first, second = children
    untouched, killed, stopping = first.pid, second.pid or 0, threading.Event()
    # The system ends children with the thread that started them, so this thread stays.
    thread, raised = watching(children, stopping)
    os.kill(killed, signal.SIGKILL)
    wait_until(lambda: said.has("second: ready again"), 30, "the second is ready again")
    pid = second.pid
    stopping.set()
    thread.join(30)
    assert said.has("second ended with signal 9") and pid != killed and first.pid == untouched and not raised
    children.stop()


def test_one_that_dies_again_and_again_ends_all_with_its_code(
    make: Callable[..., tuple[Children, Said]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_LONGEST_BACK_OFF_S", 0.01)
    children, said = make(plan("moody", "print('ready at x', flush=True); raise SystemExit(3)"))
    children.start(threading.Event())
    with pytest.raises(Ended, match=f"code 3, {module.DEATHS_MAX + 1} times in a row") as error:
        children.watch(threading.Event())
    assert error.value.exit_code == 3
    assert sum("started again" in line for line in said.lines) == module.DEATHS_MAX


def test_wrong_usage_is_not_tried_again(make: Callable[..., tuple[Children, Said]]) -> None:
    children, said = make(plan("wrong", "print('ready at x', flush=True); raise SystemExit(2)"))
    children.start(threading.Event())
    with pytest.raises(Ended, match="code 2"):
        children.watch(threading.Event())
    assert not said.has("started again")


def test_errors_in_a_log_are_said(make: Callable[..., tuple[Children, Said]]) -> None:
    line = json.dumps({"event": "changed policy refused", "reason": "line 3", "level": "error", "timestamp": "now"})
    mended = json.dumps({"event": "mended", "epochs": 3, "tell": True, "level": "info", "timestamp": "now"})
    long = json.dumps({"event": "failed", "cause": "x" * 2000, "level": "error", "timestamp": "now"})
    quiet = json.dumps({"event": "policy read", "level": "info"})
    children, said = make(
        plan("serve", f"print('''{line}'''); print('''{quiet}'''); print('''{mended}'''); print('''{long}'''); " + LIVE.format(name="x"))
    )
    children.start(threading.Event())
    children.stop()
    assert said.lines[:2] == ["serve: changed policy refused: reason=line 3", "serve: mended: epochs=3"]
    assert [(line[:23], len(line)) for line in said.lines[2:]] == [("serve: failed: cause=xx", 507)]


def test_a_killed_starter_takes_its_children_with_it(tmp_path: Path) -> None:
    code = f"""
import os, sys, threading
from pathlib import Path
from gongyu_hub.operating import children as module
module._script = lambda: Path(sys.executable)
plan = module.Plan("child", ("-c", {LIVE.format(name="x")!r}), r"ready at (\\S+)", 30, 10)
children = module.Children([plan], Path({str(tmp_path)!r}), os.open({str(tmp_path / "lock")!r}, os.O_RDWR | os.O_CREAT), print)
children.start(threading.Event())
print(next(iter(children)).pid, flush=True)
children.watch(threading.Event())
"""
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as starter:
        assert starter.stdout is not None
        child = int(starter.stdout.readline())
        assert psutil.pid_exists(child)
        starter.kill()
    wait_until(lambda: not psutil.pid_exists(child), 10, "the child is gone")
