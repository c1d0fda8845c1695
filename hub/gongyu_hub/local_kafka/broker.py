"""One embedded Kafka in one directory: start, stop, kill, start again.

    DIR/kafka/    node.json, server.properties (both 0600), data/, logs/kafka.log, lock
    DIR/profiles/admin.yaml    the administrator's profile, 0600

Enters: a directory. Leaves: a running broker and the administrator's profile.
Wrong: another one runs in the directory, or its port is taken (ConfigError); Kafka ends or stays silent
(KafkaUnavailable, naming its log).

No orphans: the system ends the broker when its starter ends, even by kill -9 (see `die_with_parent`), and starter and
broker share one file lock, so that a second start in the directory is refused while either of them lives.
Passwords: StorageTool and the broker read them from 0600 files, never from a command line.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import socket
import subprocess
import time
from dataclasses import replace
from pathlib import Path
from typing import IO, Self

from pydantic import SecretStr

from gongyu_hub.local_kafka.former_life import crashed, end_former_life
from gongyu_hub.local_kafka.jars import Say, bring_jars, default_jar_directory, find_java
from gongyu_hub.local_kafka.java import Java
from gongyu_hub.local_kafka.node import Node, new_node, read_node, write_node, write_private
from gongyu_hub.local_kafka.ports import LOOPBACK, free_port, is_free
from gongyu_hub.local_kafka.properties import controller_properties, format_arguments, server_properties
from gongyu_schemas.errors import ConfigError, KafkaUnavailable
from gongyu_schemas.names import ADMIN_USER
from gongyu_schemas.plain_words import why
from gongyu_schemas.private import make_private_folder
from gongyu_schemas.transport.clients import require_connection
from gongyu_schemas.transport.profile import Profile, write_profile

_LOG_LIMIT_BYTES = 16 * 1024 * 1024
#: A broker whose starter was killed is ended by the system at once; its memory takes a moment to go.
_LOCK_GRACE_S = 3.0
_POLL_S = 0.03


def _silent(_line: str) -> None:
    """Say nothing."""


class LocalKafka:
    """`with LocalKafka(directory) as kafka:` or start() and stop(). Start it in a thread that outlives the broker."""

    def __init__(self, directory: Path, *, port: int | None = None, jars: Path | None = None, say: Say = _silent) -> None:
        """`port` None: the one kept in the directory, else a free one. `jars`: directory of the jars if not the user's cache."""
        self.directory = directory.absolute()
        self._home = self.directory / "kafka"
        self._wanted_port = port
        self._jars = jars
        self._say = say
        self._process: subprocess.Popen[bytes] | None = None
        self._lock: IO[str] | None = None
        self._node: Node | None = None

    def __enter__(self) -> Self:
        """Started."""
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stopped."""
        self.stop()

    @property
    def profile(self) -> Profile:
        """The administrator's; also in DIR/profiles/admin.yaml."""
        node = self._known_node()
        return Profile(bootstrap=f"{LOOPBACK}:{node.port}", user=ADMIN_USER, password=SecretStr(node.admin_password))

    @property
    def profile_path(self) -> Path:
        """The administrator's profile file."""
        return self.directory / "profiles" / "admin.yaml"

    @property
    def port(self) -> int:
        """Where clients connect."""
        return self._known_node().port

    @property
    def pid(self) -> int | None:
        """Process id of the running broker."""
        return self._process.pid if self._process is not None and self.running else None

    @property
    def running(self) -> bool:
        """True while the broker's process lives."""
        return self._process is not None and self._process.poll() is None

    @property
    def log(self) -> Path:
        """Kafka's warnings and errors."""
        return self._home / "logs" / "kafka.log"

    def start(self, timeout_s: float = 60.0) -> None:
        """Return when the administrator can use it. Fetches the jars at the first start on a machine."""
        if self.running:
            return
        self._release()  # what a broker that ended by itself has left
        self._make_directories()
        lock = self._take_lock()
        try:
            self._node = self._prepare_node()
            java = Java(find_java(), bring_jars(self._jars or default_jar_directory(), self._say), self._home)
            self._write_properties(self._node)
            if not self._node.formatted:
                self._node = self._format_storage(java, self._node)
            deadline = time.monotonic() + timeout_s
            if crashed(self._home):
                end_former_life(java, "controller.properties", [lock.fileno()], deadline)
            self._process = self._launch(java, lock)
            self._wait_until_usable(deadline)
            write_profile(self.profile_path, self.profile)
        except BaseException:
            self.kill()
            raise

    def stop(self, timeout_s: float = 20.0) -> None:
        """End it cleanly; after `timeout_s` by force, which Kafka survives as well."""
        if self._process is not None:
            self._process.terminate()
            try:
                self._process.wait(timeout_s)
            except subprocess.TimeoutExpired:
                self._process.kill()
        self._release()

    def kill(self) -> None:
        """End it as a power cut would: kill -9."""
        if self._process is not None:
            self._process.kill()
        self._release()

    def restart(self) -> None:
        """Stop if it runs, and start with the same port, passwords and data."""
        self.stop()
        self.start()

    def wait(self) -> int:
        """Wait until the broker ends; its exit code."""
        return 0 if self._process is None else self._process.wait()

    def _known_node(self) -> Node:
        node = self._node or read_node(self._home / "node.json")
        if node is None:
            raise ConfigError(f"no Kafka was started in {self.directory} yet: gongyu-hub kafka --dir {self.directory}")
        return node

    def _make_directories(self) -> None:
        try:
            for name in ("logs", "tmp"):
                make_private_folder(self._home / name)
        except OSError as error:
            raise ConfigError(f"{self._home} cannot be used: {why(error)}; choose another --dir") from error

    def _take_lock(self) -> IO[str]:
        lock = (self._home / "lock").open("a+", encoding="ascii")
        deadline = time.monotonic() + _LOCK_GRACE_S
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    lock.seek(0)
                    processes = lock.read().strip()
                    lock.close()
                    raise ConfigError(
                        f"another Kafka runs in {self.directory} (processes {processes}); stop it or choose another --dir"
                    ) from None
                time.sleep(_POLL_S)
        self._lock = lock
        _note(lock, str(os.getpid()))
        return lock

    def _prepare_node(self) -> Node:
        path = self._home / "node.json"
        known = read_node(path)
        node = known or new_node(self._wanted_port or free_port())
        if self._wanted_port is not None:
            node = replace(node, port=self._wanted_port)
        if not is_free(node.port):
            kept = "which this Kafka keeps between starts" if known is not None and known.port == node.port else "which was asked for"
            raise ConfigError(
                f"port {node.port} on {LOOPBACK}, {kept}, is used by another program; end that program or choose another port: --port N"
            )
        if node != known:
            write_node(path, node)
        return node

    def _write_properties(self, node: Node) -> None:
        # Nobody else needs to know the controller's port, so it is a free one each time.
        port = free_port()
        write_private(self._home / "server.properties", server_properties(node, port))
        write_private(self._home / "controller.properties", controller_properties(node, port))

    def _format_storage(self, java: Java, node: Node) -> Node:
        """Initialise the data directory; one left half done by a crash is begun anew, as no broker ever used it."""
        shutil.rmtree(self._home / "data", ignore_errors=True)
        arguments = self._home / "format.arguments"
        write_private(arguments, format_arguments(node))
        try:
            java.format_storage(arguments)
        finally:
            arguments.unlink()
        node = replace(node, formatted=True)
        write_node(self._home / "node.json", node)
        return node

    def _launch(self, java: Java, lock: IO[str]) -> subprocess.Popen[bytes]:
        if self.log.exists() and self.log.stat().st_size > _LOG_LIMIT_BYTES:
            self.log.replace(self.log.with_suffix(".log.1"))
        process = java.run_kafka("server.properties", self.log, [lock.fileno()])  # the broker holds the lock too
        _note(lock, f"{os.getpid()} and {process.pid}")
        return process

    def _wait_until_usable(self, deadline: float) -> None:
        while True:
            if not self.running:
                raise KafkaUnavailable(f"Kafka ended while starting; its log is {self.log}{self._last_log_line()}")
            if time.monotonic() > deadline:
                raise KafkaUnavailable(f"Kafka is not ready in time; its log is {self.log}{self._last_log_line()}")
            try:
                with socket.create_connection((LOOPBACK, self.port), timeout=1.0):
                    break
            except OSError:
                time.sleep(_POLL_S)
        require_connection(self.profile, max(1.0, deadline - time.monotonic()))

    def _last_log_line(self) -> str:
        lines = self.log.read_text(encoding="utf-8", errors="replace").strip().splitlines() if self.log.exists() else []
        return f" and ends with: {lines[-1]}" if lines else ""

    def _release(self) -> None:
        if self._process is not None:
            self._process.wait()
            self._process = None
        if self._lock is not None:
            self._lock.close()
            self._lock = None


def _note(lock: IO[str], processes: str) -> None:
    """Who holds the lock, for the one who finds it taken."""
    lock.truncate(0)
    lock.write(f"{processes}\n")
    lock.flush()
