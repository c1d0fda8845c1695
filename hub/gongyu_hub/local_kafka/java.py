"""Kafka's programs as processes of Java: the one place that knows its flags, its environment and how it ends with us."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from gongyu_hub.local_kafka.die_with_parent import guarded
from gongyu_schemas.errors import KafkaUnavailable

_FLAGS = (
    "-Xms128m",
    "-Xmx512m",
    # The least memory and processor time in all for a small heap; its pauses are milliseconds.
    "-XX:+UseSerialGC",
    "-XX:+ExitOnOutOfMemoryError",
    "-XX:-UsePerfData",
    # Kafka unmaps files and loads compression libraries; Java 25 warns of both at each start.
    "--sun-misc-unsafe-memory-access=allow",
    "--enable-native-access=ALL-UNNAMED",
    "-Djava.awt.headless=true",
    "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
    "-Dorg.slf4j.simpleLogger.showDateTime=true",
    "-Dorg.slf4j.simpleLogger.dateTimeFormat=yyyy-MM-dd'T'HH:mm:ss.SSSXXX",
)


@dataclass(frozen=True, slots=True)
class Java:
    """`program`: the one of Java. `jars`: folder of Kafka's. `home`: working directory, with `tmp` and `logs` in it."""

    program: Path
    jars: Path
    home: Path

    def run_kafka(self, properties: str, log: Path, descriptors: Sequence[int], flags: Sequence[str] = ()) -> subprocess.Popen[bytes]:
        """Kafka with a configuration of `home`; it holds the descriptors too, and ends with this process."""
        own = [f"-Djava.io.tmpdir={self.home / 'tmp'}", f"-XX:ErrorFile={self.home / 'logs' / 'hs_err.log'}", *flags]
        with log.open("ab") as output:
            return subprocess.Popen(
                guarded([*self._command(), *own, "kafka.Kafka", properties]),
                cwd=self.home,
                env=_environment(),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                pass_fds=descriptors,
                start_new_session=True,  # Ctrl-C in a terminal reaches the starter alone, which then stops it
            )

    def format_storage(self, arguments: Path) -> None:
        """Initialise the data directory. `arguments`: a file of them. Raises KafkaUnavailable."""
        # "@file" is StorageTool's own way to read arguments. Its output shows the users' stored keys: it is not kept.
        done = subprocess.run(
            [*self._command(), "kafka.tools.StorageTool", f"@{arguments.name}"],
            cwd=self.home,
            env=_environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            timeout=60,
            check=False,
        )
        if done.returncode != 0:
            last = done.stderr.decode(errors="replace").strip().rpartition("\n")[2]
            raise KafkaUnavailable(f"Kafka's storage in {self.home / 'data'} cannot be initialised: {last}")

    def _command(self) -> list[str]:
        return [str(self.program), *_FLAGS, "-cp", f"{self.jars}/*"]


def _environment() -> dict[str, str]:
    """Only what Java needs: a user's CLASSPATH or JAVA_TOOL_OPTIONS is meant for other programs."""
    return {name: value for name, value in os.environ.items() if name in ("PATH", "HOME", "TZ")} | {"LC_ALL": "C.UTF-8"}
