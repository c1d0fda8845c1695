"""The desk at which the guide's chapters are walked through: a folder, a shell, and one running hub.

Everything is done by the public commands. What this module adds is waiting: a chapter says what should be so, and it is
waited for, with a deadline.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import sqlite3
import subprocess
import urllib.request
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tests.running import BIN, Process
from tests.waiting import wait_until

TYPES = Path(__file__).parent / "types"


@dataclass(frozen=True, slots=True)
class Done:
    """What a command said and how it ended."""

    code: int
    out: str
    err: str

    @property
    def said(self) -> str:
        """All of it as one line, because a terminal's width breaks lines anywhere."""
        return " ".join(f"{self.out} {self.err}".split())


class Desk:
    """A folder with `types/`, `policy.yaml` and `hub/`, and the three processes of a hub: Kafka, control plane, worker."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        shutil.copytree(TYPES, folder / "types")
        self.write("policy.yaml", "subscribers: {}\ngrants: []\n")
        self._processes: dict[str, Process] = {}

    def open(self) -> None:
        """What `gongyu-hub up` starts, as processes of their own; each needs what the one before it makes."""
        self.begin("gongyu-hub kafka --dir hub", "kafka: ready at")
        self.begin("gongyu-hub serve --dir hub --policy policy.yaml --types types", "control plane: ready at")
        self.begin("gongyu-hub work --dir hub", "worker worker-1: ready")

    def close(self) -> None:
        for process in reversed(self._processes.values()):
            process.stop()

    def begin(self, command: str, ready: str) -> str:
        """Start a command in the background; the line that says it is ready."""
        name = shlex.split(command)[1]
        process = Process(self.folder / f"{name}.log", *shlex.split(command), folder=self.folder)
        self._processes[name] = process
        return process.ready(ready)

    def kill(self, name: str) -> None:
        """kill -9, as a power cut would."""
        self._processes[name].kill()

    def leave(self, command: str) -> Process:
        """Type a command that has to work, and go on without waiting; `finished` does that later."""
        return Process(self.folder / "left.log", *shlex.split(command), folder=self.folder)

    def finished(self, process: Process) -> str:
        code = process.process.wait(120)
        assert code == 0, f"ended with {code}: {process.text()}"
        process.stop()
        return process.text()

    def type(self, command: str) -> Done:
        """Type a command in the folder, and wait for its end."""
        words = shlex.split(command)
        environment = {**os.environ, "COLUMNS": "200"}
        done = subprocess.run(
            [str(BIN / words[0]), *words[1:]], cwd=self.folder, env=environment, capture_output=True, text=True, timeout=120, check=False
        )
        return Done(done.returncode, done.stdout, done.stderr)

    def do(self, command: str) -> Done:
        """Type a command that has to work."""
        done = self.type(command)
        assert done.code == 0, f"{command}\nended with {done.code}: {done.out}\n{done.err}"
        return done

    def write(self, name: str, text: str, encoding: str = "utf-8") -> Path:
        file = self.folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(text.lstrip("\n").encode(encoding))
        return file

    def agree(self, policy: str) -> None:
        """Add these subscribers and grants to policy.yaml, and wait until they are in force."""
        added = yaml.safe_load(policy)
        whole = yaml.safe_load((self.folder / "policy.yaml").read_text(encoding="utf-8"))
        whole["subscribers"] |= added["subscribers"]
        whole["grants"] += added["grants"]
        self.write("policy.new", yaml.safe_dump(whole, allow_unicode=True)).replace(self.folder / "policy.yaml")
        types = {grant["information_type"] for grant in added["grants"]}
        wait_until(lambda: all(self._in_force(each) for each in types), 60, f"in force: {types}")

    def decided(self, information_type: str, inputs: int) -> None:
        """Wait until the hub has decided so many messages of a type since its worker started."""
        wait_until(lambda: self.metric("gongyu_inputs_total", information_type) == inputs, 60, f"{inputs} of {information_type} decided")

    def metric(self, name: str, information_type: str) -> float:
        """Of one type, summed over its partitions and outcomes."""
        address = self._processes["work"].ready("metrics at").rpartition(" ")[2]
        with urllib.request.urlopen(address, timeout=10) as answer:  # noqa: S310 - the worker's own address
            text = answer.read().decode()
        lines = re.findall(rf'^{name}{{[^}}]*information_type="{information_type}"[^}}]*}} (\S+)', text, re.MULTILINE)
        return sum(map(float, lines))

    def table(self, database: str, grant: str, columns: str = "*") -> list[tuple[Any, ...]]:
        """The rows of a subscriber's table, in the order of their keys."""
        with closing(sqlite3.connect(self.folder / database)) as connection:
            return sorted(connection.execute(f'SELECT {columns} FROM "{grant}"'))  # noqa: S608 - names of the chapter's own

    def _in_force(self, information_type: str) -> bool:
        said = self._processes["serve"].text()
        assert "the policy in force stays" not in said, said
        return any("policy in force" in line and f'"{information_type}"' in line for line in said.splitlines())
