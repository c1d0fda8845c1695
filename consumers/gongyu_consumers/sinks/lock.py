"""Who may write a target: one receiver alone, or several that share it. A lock on FILE.lock, let go by the kernel however
the process ends.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from gongyu_schemas.errors import ConfigError, DatabaseError


class TargetLock:
    """Held until `release`; `shared`: beside others that share it too. Raises DatabaseError where another receiver is in the way.

    Decision: a file of its own, because SQLite's locks on the database vanish when any descriptor of it is closed.
    """

    def __init__(self, target: Path, *, shared: bool = False) -> None:
        path = target.with_name(target.name + ".lock")
        try:
            self._handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise ConfigError(f"{target}: cannot be used: {error.strerror}; check the folder and its rights") from error
        try:
            fcntl.flock(self._handle, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
        except BlockingIOError as error:
            os.close(self._handle)
            advice = "the other one without --share; stop it, or start both with it" if shared else "stop that one or use another file"
            raise DatabaseError(f"{target} is locked: another receiver is writing to it; {advice}") from error

    @contextmanager
    def alone(self) -> Iterator[None]:
        """For a moment no other receiver is in here: of those that start together one makes the file."""
        fcntl.lockf(self._handle, fcntl.LOCK_EX)
        try:
            yield
        finally:
            fcntl.lockf(self._handle, fcntl.LOCK_UN)

    def release(self) -> None:
        os.close(self._handle)
