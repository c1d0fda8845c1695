"""That a grant has ended, as the hub tells its subscriber: since when, by whom and why."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from gongyu_consumers.registry import Registry
from gongyu_schemas.errors import ConfigError, KafkaUnavailable
from gongyu_schemas.transport.profile import Profile


class GrantEnded(ConfigError):
    """Nothing more comes, and no waiting changes that."""


@dataclass(frozen=True, slots=True)
class End:
    """`since`: ISO time in UTC. `who`: `clock` where its last day, or its law's, has passed."""

    since: str
    who: str
    reason: str

    def told(self) -> str:
        return f"since {self.since}, by {self.who}, for: {self.reason}"


def ended_grants(registry: Registry) -> dict[str, End]:
    """By name; none where the hub is of a version that cannot end grants."""
    found = registry.ended_grants()
    return {str(each["grant"]): End(_time(int(each["ended_ms"])), str(each["who"]), str(each["reason"])) for each in found}


def end_of(profile: Profile, grant: str) -> GrantEnded | None:
    """The error for a grant whose topic may not be read; None where it has not ended, or nobody can say."""
    try:
        end = ended_grants(Registry(profile)).get(grant)
    except (ConfigError, KafkaUnavailable):
        return None
    return None if end is None else GrantEnded(f"grant {grant} has ended: {end.told()}; nothing more is delivered, what was received stays")


def _time(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1000, UTC).isoformat(timespec="seconds")
