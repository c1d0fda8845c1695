"""The three commands end alike: quietly, with the documented code, while they load and whoever stops reading."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from io import RawIOBase
from pathlib import Path
from typing import Any, cast

import pytest

from gongyu_consumers.sinks.stdout import write_whole
from gongyu_schemas import exit_codes

pytestmark = pytest.mark.thorough  # each test starts processes

COMMANDS = {"gongyu-hub": "gongyu_hub", "gongyu-owner": "gongyu_producers", "gongyu-subscriber": "gongyu_consumers"}
#: Parts of what a command loads, at which Ctrl-C comes.
MOMENTS = (0.02, 0.4, 0.8)
#: How many modules a command loads at least: below it, there would be no moment in which it loads.
MODULES_MIN = 300


def start(package: str, *arguments: str, unbuffered: bool = False, flags: tuple[str, ...] = ()) -> subprocess.Popen[str]:
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    command = [sys.executable, *(["-u"] if unbuffered else []), *flags, "-m", package, *arguments]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def loading(package: str) -> subprocess.Popen[str]:
    """A command that tells on stderr what it loads; it has come to where it listens to Ctrl-C."""
    running = start(package, "--help", flags=("-X", "importtime"))
    assert running.stderr is not None
    for line in running.stderr:
        if line.endswith(" gongyu_schemas.command\n"):
            return running
    raise AssertionError(f"{package} never loads gongyu_schemas.command")


@pytest.mark.parametrize("package", COMMANDS.values())
def test_ctrl_c_while_a_command_loads_ends_it_quietly(package: str) -> None:
    whole = loading(package)
    shown, said = whole.communicate(timeout=60)
    modules = said.count("import time:")
    assert whole.returncode == 0 and "Usage" in shown
    assert modules >= MODULES_MIN, f"{package} loads {modules} modules behind it"
    for moment in MOMENTS:
        running = loading(package)
        assert running.stderr is not None
        for _ in range(int(modules * moment)):
            running.stderr.readline()
        running.send_signal(signal.SIGINT)
        shown, said = running.communicate(timeout=60)
        complaints = [line for line in said.splitlines() if not line.startswith("import time:")]
        assert (running.returncode, shown, complaints) == (exit_codes.INTERRUPTED, "", []), f"at {moment:.0%} of what it loads"


@pytest.mark.parametrize("package", COMMANDS.values())
def test_a_reader_that_leaves_ends_a_command_quietly(package: str) -> None:
    running = start(package, "--help")
    assert running.stdout is not None and running.stderr is not None
    running.stdout.close()
    with running.stderr as complaints:
        assert (running.wait(60), complaints.read()) == (exit_codes.READER_LEFT, "")


@pytest.mark.parametrize("unbuffered", [False, True], ids=["buffered", "unbuffered"])
def test_what_was_not_delivered_is_not_said_to_be(unbuffered: bool) -> None:
    """1 MB, of which a pipe holds the sixteenth part: with PYTHONUNBUFFERED a write takes what it can, and says so to nobody."""
    running = start("gongyu_consumers", "sample", "--type", "resident", "-n", "3000", unbuffered=unbuffered)
    assert running.stdout is not None and running.stderr is not None
    assert running.stdout.readline().startswith('{"op":"m"')
    running.stdout.close()
    with running.stderr as said:
        assert (running.wait(60), said.read()) == (exit_codes.READER_LEFT, "")


def test_lines_are_written_whole_where_the_stream_takes_a_part() -> None:
    class Reluctant(RawIOBase):
        def __init__(self) -> None:
            self.taken = b""

        def write(self, lines: Any) -> int:
            self.taken += bytes(lines[:7])
            return min(7, len(lines))

    stream = Reluctant()
    write_whole(cast(Any, stream), b"0123456789" * 10)
    assert stream.taken == b"0123456789" * 10


def test_a_connection_that_breaks_is_no_reader_that_left() -> None:
    """What typer would end with 1 and without a word."""
    code = "from gongyu_schemas.errors import reported\nwith reported(): raise BrokenPipeError(32, 'of a socket')"
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert ended.returncode == exit_codes.FATAL
    assert "BrokenPipeError" in ended.stderr


BODY = """
import signal
from gongyu_schemas.errors import reported
def main():
    with reported():
        try:
            print("in the body", flush=True)
            signal.pause()
        finally:
            print("put in order", flush=True)
"""


def test_ctrl_c_in_the_body_lets_it_put_its_things_in_order(tmp_path: Path) -> None:
    (tmp_path / "waiting.py").write_text(BODY, encoding="utf-8")
    code = f"import sys; sys.path.insert(0, {str(tmp_path)!r}); from gongyu_schemas.command import run_command; run_command('waiting')"
    running = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    watchdog = threading.Timer(60, running.kill)
    watchdog.start()
    assert running.stdout is not None
    assert running.stdout.readline() == "in the body\n"
    running.send_signal(signal.SIGINT)
    assert (*running.communicate(), running.returncode) == ("put in order\n", "", exit_codes.INTERRUPTED)
    watchdog.cancel()


def test_where_ctrl_c_is_ignored_it_stays_so() -> None:
    """As a shell does for what runs in the background."""
    code = (
        "import signal, sys, types; signal.signal(signal.SIGINT, signal.SIG_IGN); m = types.ModuleType('m');"
        "m.main = lambda: print(signal.getsignal(signal.SIGINT)); sys.modules['m'] = m;"
        "from gongyu_schemas.command import run_command; run_command('m')"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (ended.stdout, ended.returncode) == (f"{signal.SIG_IGN!s}\n", 0)


def test_ctrl_c_behind_the_end_changes_nothing() -> None:
    """The interpreter's own end: what was registered before the command runs behind all that it registers."""
    code = (
        "import atexit, signal, sys, types; atexit.register(lambda: print(signal.getsignal(signal.SIGINT)));"
        "m = types.ModuleType('m'); m.main = lambda: print('done'); sys.modules['m'] = m;"
        "from gongyu_schemas.command import run_command; run_command('m')"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (ended.stdout, ended.returncode) == (f"done\n{signal.SIG_IGN!s}\n", 0)
