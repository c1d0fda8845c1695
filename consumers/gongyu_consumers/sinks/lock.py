"""One receiver per target: an exclusive lock on FILE.lock, let go by the kernel however the process ends."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from gongyu_schemas.errors import ConfigError, DatabaseError


class TargetLock:
    """Held until `release`. Raises DatabaseError where another receiver holds it.

    Decision: a file of its own, because SQLite's locks on the database vanish when any descriptor of it is closed.
    """

    def __init__(self, target: Path) -> None:
        path = target.with_name(target.name + ".lock")
        try:
            self._handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise ConfigError(f"{target}: cannot be used: {error.strerror}; check the folder and its rights") from error
        try:
            fcntl.flock(self._handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            os.close(self._handle)
            raise DatabaseError(f"{target} is locked: another receiver is writing to it; stop that one or use another file") from error

    def release(self) -> None:
        os.close(self._handle)
