"""A worker's name: its own on this machine by a lock beside its stores, and what to do when the hub's group says that another holds it.

In one folder a second worker of the name is refused before it joins the group, where it would take over what the first one has. On
two machines nothing but the group knows both, and the newer one wins.

The client itself may bring that about: after a session that timed out, its late heartbeat under the old membership meets the new
one, and the broker takes the two for two workers (librdkafka #3437). So being told proves nothing. What proves it: a name that
nobody lives under falls free when its session has timed out; one that another worker lives under stays taken.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from gongyu_schemas.errors import ConfigError, FatalError
from gongyu_schemas.names import HUB_GROUP
from gongyu_schemas.plain_words import why
from gongyu_schemas.private import make_private_folder
from gongyu_schemas.transport.clients import make_admin
from gongyu_schemas.transport.profile import Profile

#: The group notices a session's end late, by its own clock.
_GRACE_S = 5.0
_POLL_S = 0.5
_CALL_TIMEOUT_S = 5.0
LOCK_FILE = "worker.lock"


@contextmanager
def own_name(store_dir: Path, name: str) -> Iterator[None]:
    """The name's lock in this folder; the system frees it when the process ends, however it ends. Raises ConfigError."""
    folder = store_dir / name
    try:
        make_private_folder(folder)
        lock = os.open(folder / LOCK_FILE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise ConfigError(f"{folder} cannot be used: {why(error)}; check --dir and its rights") from error
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            process = os.pread(lock, 32, 0).decode(errors="replace").strip()
            raise ConfigError(
                f"a worker named {name} runs in {store_dir.parent} already (process {process}); stop it, or give this one another --name"
            ) from error
        os.ftruncate(lock, 0)
        os.pwrite(lock, f"{os.getpid()}\n".encode(), 0)
        yield
    finally:
        os.close(lock)


def await_name(profile: Profile, name: str, session_timeout_s: float, stopping: Callable[[], bool]) -> None:
    """Return when no member of the group has this name, or `stopping` says so. Raises FatalError: another worker lives under it."""
    admin = make_admin(profile)
    taken_since: float | None = None
    while not stopping():
        taken = _is_taken(admin, name)
        if taken is False:
            return
        if taken is None:
            taken_since = None  # while nobody answers, sessions do not end either
        elif taken_since is None:
            taken_since = time.monotonic()
        elif time.monotonic() - taken_since > session_timeout_s + _GRACE_S:
            raise FatalError(f"this worker was replaced by another with the same --name {name}; give each worker a name of its own")
        time.sleep(_POLL_S)


def _is_taken(admin: AdminClient, name: str) -> bool | None:
    """None where Kafka does not answer."""
    try:
        group = admin.describe_consumer_groups([HUB_GROUP], request_timeout=_CALL_TIMEOUT_S)[HUB_GROUP].result()
    except KafkaException:
        return None
    return any(member.group_instance_id == name for member in group.members)
