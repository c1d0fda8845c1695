"""Where everything of a run lies, below one folder."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from gongyu_hub.demo.reference import Terms


@dataclass(frozen=True, slots=True)
class Places:
    """The files of one run."""

    folder: Path

    @property
    def inputs(self) -> Path:
        """The registers and the day's changes."""
        return self.folder / "input"

    @property
    def logs(self) -> Path:
        """A log per process."""
        return self.folder / "logs"

    @property
    def policy(self) -> Path:
        """The policy file in use."""
        return self.folder / "policy.yaml"

    def profile(self, user: str) -> Path:
        """The profile file of a Kafka user."""
        return self.folder / "profiles" / f"{user}.yaml"

    def table(self, grant: Terms) -> Path:
        """The subscriber's SQLite file."""
        return self.folder / "subscribers" / grant.subscriber / f"{grant.name}.db"
