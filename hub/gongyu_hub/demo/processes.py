"""The public commands as processes: started, waited for, and ended by their own id in every case.

Enters argument lists; every process writes to a log file of its own. A process that ends by itself, or is not ready in
time, is a FatalError with the last lines of its log. Processes get a session of their own, so that Ctrl-C reaches the
demo alone, which then ends them: the first one started (Kafka) last, the others at once.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

from gongyu_schemas.errors import FatalError

#: Signals that end a command: Ctrl-C, a service manager, a terminal that is closed.
ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

_POLL_S = 0.05
_STOP_TIMEOUT_S = 15.0
_TAIL_LINES = 15


class Process:
    """One running command."""

    def __init__(self, name: str, arguments: Sequence[str], log: Path) -> None:
        self.name = name
        self.log = log
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("ab") as output:
            self._popen = subprocess.Popen(
                _command(arguments), stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, start_new_session=True
            )

    @property
    def pid(self) -> int:
        """The process id."""
        return self._popen.pid

    def ended(self) -> bool:
        """Whether it has ended, by itself or not."""
        return self._popen.poll() is not None

    def require_alive(self) -> None:
        """Raises FatalError if it has ended."""
        if self.ended():
            raise FatalError(f"{self.name} ended with code {self._popen.returncode}; {self._last_lines()}")

    def wait_ready(self, pattern: str, timeout_s: float, meanwhile: Callable[[], None]) -> re.Match[str]:
        """The first line of its log that has the pattern. Raises FatalError."""
        deadline = time.monotonic() + timeout_s
        while True:
            found = re.search(pattern, self._text(), re.MULTILINE)
            if found:
                return found
            self.require_alive()
            if time.monotonic() > deadline:
                raise FatalError(f"{self.name} was not ready within {timeout_s:.0f} s; {self._last_lines()}")
            meanwhile()
            time.sleep(_POLL_S)

    def wait_done(self, timeout_s: float, meanwhile: Callable[[], None]) -> str:
        """All it has written, once it has ended with code 0. Raises FatalError."""
        deadline = time.monotonic() + timeout_s
        while not self.ended():
            if time.monotonic() > deadline:
                raise FatalError(f"{self.name} was not done within {timeout_s:.0f} s; {self._last_lines()}")
            meanwhile()
            time.sleep(_POLL_S)
        if self._popen.returncode != 0:
            self.require_alive()
        return self._text()

    def peak_memory_bytes(self) -> int:
        """The most memory it has had at once; 0 where the system does not tell (it is read from Linux's /proc)."""
        try:
            status = Path(f"/proc/{self.pid}/status").read_text(encoding="ascii")
        except OSError:
            return 0
        found = re.search(r"^VmHWM:\s+(\d+) kB$", status, re.MULTILINE)
        return int(found[1]) * 1024 if found else 0

    def kill(self) -> None:
        """End it at once, as a power cut would."""
        self._popen.kill()
        self._popen.wait()

    def ask_to_stop(self) -> None:
        """Ask it to end, as a service manager would."""
        if not self.ended():
            self._popen.terminate()

    def stop(self) -> None:
        """Ask it to end; end it where it does not."""
        self.ask_to_stop()
        try:
            self._popen.wait(_STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self.kill()

    def _text(self) -> str:
        return self.log.read_text(encoding="utf-8", errors="replace")

    def _last_lines(self) -> str:
        lines = self._text().splitlines()[-_TAIL_LINES:]
        return f"the end of {self.log}:\n" + "\n".join(f"    {line}" for line in lines)


class Processes:
    """The processes of a run; leaving the context ends all that still run."""

    def __init__(self, logs: Path) -> None:
        self._logs = logs
        self._started: list[Process] = []
        self._lasting: list[Process] = []

    def start(self, name: str, *arguments: str | Path) -> Process:
        """A command that goes on until it is stopped."""
        process = self.run(name, *arguments)
        self._lasting.append(process)
        return process

    def run(self, name: str, *arguments: str | Path) -> Process:
        """A command that ends by itself."""
        with _signals_wait():
            process = Process(name, [str(each) for each in arguments], self._logs / f"{name}.log")
            self._started.append(process)
        return process

    def kill(self, process: Process) -> None:
        """End a lasting process at once; its end is no failure."""
        self._lasting.remove(process)
        process.kill()

    def require_alive(self) -> None:
        """Raises FatalError if one that should last has ended."""
        for process in self._lasting:
            process.require_alive()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None) -> None:
        before = {number: signal.signal(number, signal.SIG_IGN) for number in ENDING}  # a second Ctrl-C must leave nothing behind
        try:
            for process in self._started[1:]:
                process.ask_to_stop()
            for process in reversed(self._started):
                process.stop()
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


@contextmanager
def _signals_wait() -> Iterator[None]:
    """One that comes meanwhile is heard afterwards: while a process starts, its end would leave that process behind unknown."""
    came: list[int] = []
    before = {number: signal.signal(number, lambda number, _frame: came.append(number)) for number in ENDING}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        if came:
            signal.raise_signal(came[0])


def _command(arguments: Sequence[str]) -> list[str]:
    """The console script beside this Python; it is installed with the package."""
    script = Path(sys.executable).with_name(arguments[0] + (".exe" if os.name == "nt" else ""))
    if not script.exists():
        raise FatalError(f"{script} is not installed: run pip install 'gongyu[hub,owner,subscriber,local]' for this Python")
    return [str(script), *arguments[1:]]
