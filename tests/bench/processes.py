"""Processes under measurement: bound to one core, and what their whole tree has used.

CPU is user and system time of the process, of its living descendants and of those that have ended. Memory is the sum of the
largest resident sizes (VmHWM) of the tree; the anonymous part (RssAnon) leaves out mapped files, whose pages are the kernel's cache.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Self

import psutil

from tests.bench.errors import BenchFailed

_STOP_S = 60.0


@contextmanager
def on_core(core: int) -> Iterator[None]:
    """Processes started in here run on this core: a child inherits the core of the thread that makes it."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {core})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


class Measured:
    """A running system. `with`: ended by force on leaving, if it did not end before."""

    def __init__(self, name: str, command: Sequence[str], core: int, log: Path, environment: Mapping[str, str] | None = None) -> None:
        self.name = name
        self.log = log
        with log.open("ab") as output, on_core(core):
            self._popen = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, env={**os.environ, **(environment or {})}
            )
        self._process = psutil.Process(self._popen.pid)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._popen.poll() is None:
            self._popen.kill()
            self._popen.wait()

    def cpu_s(self) -> float:
        return tree_cpu_s(self._process)

    def peak_bytes(self) -> int:
        return self._memory("VmHWM")

    def anonymous_bytes(self) -> int:
        return self._memory("RssAnon")

    def _memory(self, name: str) -> int:
        return sum(_status_bytes(process.pid, name) for process in [self._process, *self._process.children(recursive=True)])

    def has_said(self, text: str) -> bool:
        """Whether its log has this text. Raises BenchFailed if it has ended."""
        self.require_running()
        return text in self.log.read_text(encoding="utf-8", errors="replace")

    def require_running(self) -> None:
        if self._popen.poll() is not None:
            raise BenchFailed(f"{self.name} ended with code {self._popen.returncode}; its log is {self.log}")

    def stop(self) -> None:
        """SIGTERM, and its clean end."""
        self.require_running()
        self._popen.terminate()
        try:
            self._popen.wait(_STOP_S)
        except subprocess.TimeoutExpired as error:
            raise BenchFailed(f"{self.name} does not end on SIGTERM; its log is {self.log}") from error


def tree_cpu_s(process: psutil.Process) -> float:
    return sum(sum(one.cpu_times()[:4]) for one in [process, *process.children(recursive=True)])


def _status_bytes(pid: int, name: str) -> int:
    for line in Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) * 1024
    return 0
