"""Public commands as processes of their own: started from their functions, so that a test loads one part only."""

from __future__ import annotations

import os
import queue
import signal
import subprocess
import sys
import threading
from pathlib import Path
from types import TracebackType
from typing import Self

SERVE = "gongyu_hub.gateway.command:serve"
CHECK = "gongyu_hub.registry.command:check"


def command_line(command: str, *arguments: str | Path) -> list[str]:
    module, _, function = command.partition(":")
    code = f"import typer; from {module} import {function}; typer.run({function})"
    return [sys.executable, "-c", code, *map(str, arguments)]


def run(command: str, *arguments: str | Path, timeout_s: float = 90) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command_line(command, *arguments), capture_output=True, text=True, timeout=timeout_s, check=False)


class Running:
    """A command in the background; its lines on stdout are waited for. Ended by kill -9 if nothing else ended it."""

    def __init__(self, command: str, *arguments: str | Path, log: Path) -> None:
        self.log = log
        with log.open("ab") as stderr:
            self.process = subprocess.Popen(command_line(command, *arguments), stdout=subprocess.PIPE, stderr=stderr, text=True)
        self._lines: queue.Queue[str | None] = queue.Queue()
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        self.process.kill()
        self.process.wait()
        self._reader.join()

    def line(self, start: str, timeout_s: float = 60) -> str:
        """The rest of the first line that begins with `start`."""
        while True:
            line = self._lines.get(timeout=timeout_s)
            assert line is not None, f"ended with {self.process.wait()} before {start!r}: {self.log.read_text()}"
            if line.startswith(start):
                return line.removeprefix(start).strip()

    def stop(self, timeout_s: float = 30) -> int:
        """SIGTERM; the exit code."""
        os.kill(self.process.pid, signal.SIGTERM)
        return self.process.wait(timeout_s)

    def _read(self) -> None:
        assert self.process.stdout is not None
        with self.process.stdout as lines:
            for line in lines:
                self._lines.put(line)
        self._lines.put(None)
