"""What a changed policy file or type folder was refused for: told in short lines, and held until it is mended.

Enters the error that reading or applying it ended with. The refusal travels with the heartbeat, so that `gongyu-hub status` shows it
wherever it is asked; the lines are for the log and whoever watches `gongyu-hub up`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import structlog

from gongyu_hub.policy.records import Refusal
from gongyu_schemas.errors import ConfigError

LOG = structlog.get_logger()
#: `gongyu-hub check` tells every mistake; a log line is read by a person.
_TOLD_MAX = 10
_CHARS_MAX = 300


class TypesBroken(ConfigError):
    """An information type's folder cannot be used; every mistake is a line that begins with its file."""


class PolicyRefused(ConfigError):
    """The policy would change what is in force; every difference is a line."""

    def __init__(self, changes: Sequence[str]) -> None:
        lines = "\n  ".join(changes)
        super().__init__(
            "this policy changes what is in force, which is not supported; undo these changes "
            f"(new information types and their grants may be added):\n  {lines}"
        )
        self.changes = changes


class Refusals:
    """`current`: None while what the files say is in force. Told by one thread, read by another."""

    def __init__(self, now_ms: Callable[[], int]) -> None:
        self.current: Refusal | None = None
        self._now_ms = now_ms

    def refuse(self, error: ConfigError) -> None:
        what = "information type broken" if isinstance(error, TypesBroken) else "changed policy refused"
        reasons = [_shortened(reason) for reason in _reasons(error)]
        more = f" (and {len(reasons) - 1:,} more)" if len(reasons) > 1 else ""
        since_ms = self._now_ms() if self.current is None else self.current.since_ms
        self.current = Refusal(since_ms=since_ms, what=what, reason=f"{reasons[0]}{more}")
        if isinstance(error, TypesBroken):
            LOG.error("information type broken; the policy in force stays", reason=self.current.reason)
        else:
            LOG.error("changed policy refused; the policy in force stays", reason=self.current.reason)
        for reason in reasons[1:_TOLD_MAX]:
            LOG.error("also wrong", reason=reason)

    def mended(self, epochs: Mapping[str, int], new: Sequence[str]) -> None:
        """What the files say is in force. `epochs`: of every type its newest; `new`: types that have their first one by it."""
        if self.current is not None:
            first = sorted(epochs, key=lambda name: name not in new)[:_TOLD_MAX]
            more = f" and {len(epochs) - _TOLD_MAX:,} more" if len(epochs) > _TOLD_MAX else ""
            named = ", ".join(f"{name} {epochs[name]}{' (new)' if name in new else ''}" for name in first)
            LOG.info("mended; what the files say is in force", epochs=f"{named}{more}", tell=True)
        self.current = None


def _reasons(error: ConfigError) -> list[str]:
    if isinstance(error, PolicyRefused):
        return [f"it changes what is in force: {change}" for change in error.changes]
    text = str(error)
    return [line for line in text.splitlines() if line.strip() and not line[0].isspace()] or [text]  # others go on with the one before


def _shortened(text: str) -> str:
    return text if len(text) <= _CHARS_MAX else f"{text[: _CHARS_MAX - 3]}..."
