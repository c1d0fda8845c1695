"""Why the control plane is not ready, if it is not: named reasons that threads report and clear."""

from __future__ import annotations

import threading


class Readiness:
    """Starts with the reason `start`."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._reasons = {"start": "publishing the policy"}

    def report(self, name: str, cause: str) -> bool:
        """True where this is news."""
        with self._lock:
            news = self._reasons.get(name) != cause
            self._reasons[name] = cause
            return news

    def clear(self, name: str) -> None:
        with self._lock:
            self._reasons.pop(name, None)

    def reasons(self) -> dict[str, str]:
        with self._lock:
            return dict(self._reasons)
