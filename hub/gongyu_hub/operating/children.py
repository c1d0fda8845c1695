"""The hub's processes on one machine: started in order, watched, started again where they die, stopped in the opposite order.

Enters what to run; `run` returns after `stopping` was set, everything ended. Raises Ended where a process cannot be kept alive: it
ended before it was ever ready, told of wrong usage, or died too often in a row.

No orphans: the system ends every child when this process ends, even by kill -9 (`die_with_parent`), and the children share a lock,
so that whoever starts next can wait until they are gone. Start it in the main thread: the system watches the thread that starts.
"""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gongyu_hub.local_kafka.die_with_parent import guarded
from gongyu_schemas import exit_codes
from gongyu_schemas.errors import FatalError, GongyuError

Say = Callable[[str], None]

#: A process that lived so long had no trouble with its start.
STEADY_S = 60.0
#: In a row, each within STEADY_S of its start: the next is not tried.
DEATHS_MAX = 6
_LONGEST_BACK_OFF_S = 15.0
_POLL_S = 0.1
_LOG_LIMIT_BYTES = 16 * 1024 * 1024
_TAIL_LINES = 5
_SAID_MAX = 500


class Ended(GongyuError):
    """A process of the hub ended and is not started again; the exit code is its own."""

    def __init__(self, text: str, code: int) -> None:
        super().__init__(text)
        self.exit_code = code if code > 0 else exit_codes.FATAL


@dataclass(frozen=True, slots=True)
class Plan:
    """One process: a public command, the line that says it is ready (group 1: its address), how long that and a stop may take."""

    name: str
    arguments: tuple[str, ...]
    ready: str
    ready_s: float
    stop_s: float


class Child:
    """One process and its log; started as often as it takes."""

    def __init__(self, plan: Plan, logs: Path, shared: int) -> None:
        self.plan = plan
        self.log = logs / f"{plan.name}.log"
        self.address: str | None = None  # of the running process, once it is ready
        self.deaths = 0
        self.due: float | None = None  # when it is to be started again
        self.started_at = 0.0
        self._shared = shared
        self._place = 0
        self._popen: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        return None if self._popen is None else self._popen.pid

    def start(self) -> None:
        if self.log.exists() and self.log.stat().st_size > _LOG_LIMIT_BYTES:
            self.log.replace(self.log.with_suffix(".log.1"))
        with self.log.open("ab") as log:
            self._place = log.tell()
            self._popen = subprocess.Popen(
                guarded([str(_script()), *self.plan.arguments]),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                pass_fds=(self._shared,),
                start_new_session=True,  # Ctrl-C in a terminal reaches `up` alone, which then stops them in order
            )
        self.address, self.due, self.started_at = None, None, time.monotonic()

    def ended(self) -> int | None:
        """The exit code; negative for a signal; None while it runs."""
        return None if self._popen is None else self._popen.poll()

    def news(self) -> Iterator[str]:
        """Lines of the log since the last call; notes when it is ready."""
        with self.log.open("rb") as log:
            log.seek(self._place)
            text = log.read()
        whole = text[: text.rfind(b"\n") + 1]
        self._place += len(whole)
        for line in whole.decode(errors="replace").splitlines():
            found = re.match(self.plan.ready, line)
            if found:
                self.address = found[1]
            yield line

    def stop(self) -> None:
        """SIGTERM; kill -9 where that does not end it in time."""
        if self._popen is None or self.ended() is not None:
            return
        self._popen.send_signal(signal.SIGTERM)
        try:
            self._popen.wait(self.plan.stop_s)
        except subprocess.TimeoutExpired:
            self._popen.kill()
            self._popen.wait()

    def last_lines(self) -> str:
        lines = self.log.read_text(encoding="utf-8", errors="replace").splitlines()[-_TAIL_LINES:]
        return f"the end of {self.log}:\n" + "\n".join(f"    {line}" for line in lines)


class Children:
    """The processes in their order; each may need those before it."""

    def __init__(self, plans: list[Plan], logs: Path, shared: int, say: Say) -> None:
        self._children = [Child(plan, logs, shared) for plan in plans]
        self._say = say

    def __iter__(self) -> Iterator[Child]:
        return iter(self._children)

    def start(self, stopping: threading.Event) -> bool:
        """Whether all are ready; False where `stopping` was set before. Raises Ended."""
        for child in self._children:
            child.start()
            while not self._is_ready(child):
                if stopping.wait(_POLL_S):
                    return False
        return True

    def watch(self, stopping: threading.Event) -> None:
        """Until `stopping`. Raises Ended."""
        while not stopping.wait(_POLL_S):
            for child in self._children:
                self._look(child, time.monotonic())

    def stop(self) -> None:
        """Last started, first stopped: a worker finishes its transaction while Kafka is there."""
        for child in reversed(self._children):
            child.stop()

    def _is_ready(self, child: Child) -> bool:
        """At the first start: one that ends or takes too long is not tried again."""
        code, plan = child.ended(), child.plan
        self._tell(child)
        if child.address is not None:
            return True
        if code is not None:
            raise Ended(f"{plan.name} ended with {_how(code)} before it was ready; {child.last_lines()}", code)
        if time.monotonic() - child.started_at > plan.ready_s:
            raise FatalError(f"{plan.name} is not ready within {plan.ready_s:.0f} s; {child.last_lines()}")
        return False

    def _look(self, child: Child, now: float) -> None:
        was_ready = child.address is not None
        if child.due is not None:
            if now >= child.due:
                child.start()
            return
        code = child.ended()
        self._tell(child)
        if code is not None:
            self._judge_death(child, code, now)
        elif not was_ready and child.address is not None:
            self._say(f"{child.plan.name}: ready again at {child.address}")

    def _judge_death(self, child: Child, code: int, now: float) -> None:
        child.deaths = 1 if now - child.started_at > STEADY_S else child.deaths + 1
        name = child.plan.name
        if code == exit_codes.USAGE or child.deaths > DEATHS_MAX:
            often = "" if code == exit_codes.USAGE else f", {child.deaths} times in a row"
            raise Ended(f"{name} ended with {_how(code)}{often}; {child.last_lines()}", code)
        wait_s = min(_LONGEST_BACK_OFF_S, 0.5 * 2 ** (child.deaths - 1))
        child.due = now + wait_s
        self._say(f"{name} ended with {_how(code)}; started again in {wait_s:g} s; its log: {child.log}")

    def _tell(self, child: Child) -> None:
        """Errors in the logs are for the person at the terminal too, and what says of itself that it is to be told."""
        for line in child.news():
            try:
                content = json.loads(line) if line.startswith("{") else None
            except ValueError:
                content = None
            if isinstance(content, dict) and (content.get("level") == "error" or content.get("tell")):
                self._say(f"{child.plan.name}: {_readable(content)}")


def _readable(content: dict[str, Any]) -> str:
    """A log line for a person: what happened first, its details as `name=value`, bounded."""
    more = {name: value for name, value in content.items() if name not in ("level", "timestamp", "event", "tell")}
    details = (f"{name}={value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)}" for name, value in more.items())
    text = ": ".join(part for part in (str(content.get("event")), " ".join(details)) if part)
    return text if len(text) <= _SAID_MAX else f"{text[: _SAID_MAX - 3]}..."


def _how(code: int) -> str:
    return f"code {code}" if code >= 0 else f"signal {-code}"


def _script() -> Path:
    """The command beside this Python; it is installed with the package."""
    script = Path(sys.executable).with_name("gongyu-hub")
    if not script.exists():
        raise FatalError(f"{script} is not installed: run pip install 'gongyu[hub,local]' for this Python")
    return script
