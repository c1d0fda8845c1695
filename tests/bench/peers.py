"""The peers: the plain Python loop, and the Kafka Streams twin that also keeps each record's last message.

Their code, loader, topic maker and checker are read from a folder beside the repository and built into the user's cache. A peer
whose tools this machine lacks is skipped, and the report says so.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from tests.bench.broker import Broker
from tests.bench.drain import Work, drain
from tests.bench.errors import BenchFailed
from tests.bench.job import Job
from tests.bench.processes import Measured
from tests.bench.results import Run

_CHECK_WAIT_S = 60
_INPUT = "j.in"
_APPENDED = re.compile(r"^first (\d+) last (\d+) ", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Peer:
    """`folder`: of the peers' sources. `tools`: programs without which it cannot be built or run."""

    name: str
    folder: str
    tools: tuple[str, ...]
    environment: tuple[tuple[str, str], ...] = ()


LOOP = Peer("loop", "plainpy", ("python3",))
TWIN = Peer("twin", "streams", ("java", "mvn"), (("STATE", "1"),))


class Peers:
    """The peers on one broker."""

    def __init__(self, sources: Path, build: Path, broker: Broker, job: Job, core: int, logs: Path) -> None:
        self._sources = sources
        self._build = build
        self._broker = broker
        self._job = job
        self._core = core
        self._logs = logs

    def missing(self, peer: Peer) -> str | None:
        """Why a peer cannot be measured here; None if it can. Builds it at first use."""
        absent = [tool for tool in peer.tools if shutil.which(tool) is None]
        if absent:
            return f"needs {' and '.join(absent)}"
        if (self._build / f"{peer.folder}.ready").exists():
            return None
        print(f"{peer.name}: building into {self._build} (once)", flush=True)
        self._build.mkdir(parents=True, exist_ok=True)
        done = subprocess.run(
            ["sh", str(self._sources / peer.folder / "build.sh")], env=self._environment(peer), capture_output=True, text=True, check=False
        )
        if done.returncode != 0:
            return f"does not build: {(done.stderr or done.stdout).strip()[-300:]}"
        (self._build / f"{peer.folder}.ready").touch()
        return None

    def load(self) -> None:
        """The peers' input, once for all their runs."""
        print(self._tool("load.py", self._broker.bootstrap, str(self._job.peer_input)).strip(), flush=True)

    def run(self, peer: Peer, grants: int, label: str) -> Run:
        """One drain with output topics made anew. Raises BenchFailed if its outputs are not the oracle's."""
        self._broker.delete_topics(lambda name: name != _INPUT)
        self._tool("topics.py", self._broker.bootstrap, str(grants))
        group = f"{peer.name}-{grants}-{time.time_ns()}"
        work = Work(group, _INPUT, self._broker.ends([_INPUT]))
        command = ["sh", str(self._sources / peer.folder / "run.sh"), self._broker.bootstrap, str(grants)]
        with tempfile.TemporaryDirectory(prefix="bench-state-") as state:
            environment = {**self._environment(peer), "GROUP": group, "STATE_DIR": state}
            began = time.time()
            with Measured(peer.name, command, self._core, self._logs / f"{label}.log", environment) as system:
                drained = drain(system, work, self._broker, began)
                system.stop()
        oracle = str(self._job.oracle_file)
        told = self._tool("check.py", self._broker.bootstrap, str(grants), oracle, "1", str(_CHECK_WAIT_S))
        appended = _APPENDED.search(told)
        if appended is None:
            raise BenchFailed(f"{peer.name}: the checker tells no times: {told[-300:]}")
        first, last = (int(milliseconds) / 1000 for milliseconds in appended.groups())
        return Run.of(peer.name, grants, self._job.oracle, drained, first, last)

    def versions(self, peer: Peer) -> str:
        """What it runs on."""
        if peer is TWIN:
            java = subprocess.run(["java", "-version"], capture_output=True, text=True, check=True).stderr.splitlines()[0]
            return f"Kafka Streams and Avro as in {peer.folder}/pom.xml, {java}, -Xmx512m, exactly_once_v2, store and changelog"
        python = str(self._build / peer.folder / "bin" / "python")
        code = "import confluent_kafka, fastavro; print(confluent_kafka.__version__, confluent_kafka.libversion()[0], fastavro.__version__)"
        told = subprocess.run([python, "-c", code], capture_output=True, text=True, check=True).stdout.split()
        return f"confluent-kafka {told[0]} (librdkafka {told[1]}), fastavro {told[2]}"

    def _tool(self, script: str, *arguments: str) -> str:
        done = subprocess.run(
            [sys.executable, str(self._sources / "common" / script), *arguments], capture_output=True, text=True, check=False
        )
        if done.returncode != 0:
            raise BenchFailed(f"{script} {' '.join(arguments)}: {(done.stdout + done.stderr).strip()[-800:]}")
        return done.stdout

    def _environment(self, peer: Peer) -> dict[str, str]:
        return {**os.environ, "PEERS_DIR": str(self._build), **dict(peer.environment)}
