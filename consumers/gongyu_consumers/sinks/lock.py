"""Who may write a target: one receiver alone, or several that share it. A lock on FILE.lock, let go by the kernel however
the process ends. It is left beside the target for the next receiver, but not where the target was refused: `withdraw`.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from gongyu_schemas.errors import ConfigError, DatabaseError
from gongyu_schemas.plain_words import why


class TargetLock:
    """Held until `release`; `shared`: beside others that share it too. Raises DatabaseError where another receiver is in the way.

    Decision: a file of its own, because SQLite's locks on the database vanish when any descriptor of it is closed.
    """

    def __init__(self, target: Path, *, shared: bool = False) -> None:
        self._path = target.with_name(target.name + ".lock")
        try:
            self._made = not self._path.exists()
            self._take(target, shared)
            while not self._is_in_place():  # another receiver has withdrawn it meanwhile
                os.close(self._handle)
                self._take(target, shared)
        except OSError as error:
            raise ConfigError(f"{target}: cannot be used: {why(error)}; check the folder and its rights") from error

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

    def withdraw(self) -> None:
        """Release it, and leave no file behind where there was none before and nobody else has it now."""
        if self._made:
            with suppress(OSError):  # another receiver shares it, or has taken the file away
                fcntl.flock(self._handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                self._path.unlink()
        os.close(self._handle)

    def _take(self, target: Path, shared: bool) -> None:
        self._handle = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._handle, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
        except BlockingIOError as error:
            os.close(self._handle)
            advice = "the other one without --share; stop it, or start both with it" if shared else "stop that one or use another file"
            raise DatabaseError(f"{target} is locked: another receiver is writing to it; {advice}") from error

    def _is_in_place(self) -> bool:
        """A lock on a file that is no longer there would keep nobody out."""
        try:
            return os.path.samestat(os.fstat(self._handle), self._path.stat())
        except FileNotFoundError:
            return False
