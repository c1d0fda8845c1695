"""The end of a grant: decided once, by a person or because a date has passed, and never undone.

`decide_end` is called inside one database transaction and freezes a manifest: the newest one of the type, in which the grant is ended.
What has ended is what the newest manifests say; the policy file has no part in it. Raises NotKnown for a grant that is none.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from sqlalchemy import select
from sqlalchemy.orm import Session

from gongyu_hub.policy.records import Ended, GrantVersion, Manifest, ManifestEntry
from gongyu_hub.registry.acts import NotKnown, newest_manifest
from gongyu_hub.registry.tables import ActRow, EpochRow, GrantVersionRow, KnownGrant

#: Who ends what lapses.
CLOCK = "clock"
REASON_CHARS_MAX = 500

#: Subscriber and name of a grant.
GrantName = tuple[str, str]


@dataclass(frozen=True, slots=True)
class EndedGrant:
    information_type: str
    ended: Ended


@dataclass(frozen=True, slots=True)
class Lapse:
    """A grant in force whose last day, or whose law's, has passed."""

    subscriber: str
    grant: str
    reason: str


def decide_end(session: Session, who: str, subscriber: str, grant: str, reason: str, now_ms: int) -> EndedGrant:
    """What has ended already stays as it was ended."""
    row = session.get(KnownGrant, (subscriber, grant))
    manifest = None if row is None else newest_manifest(session, row.information_type)
    entry = None if manifest is None else _entry(manifest, subscriber, grant)
    if manifest is None or entry is None:
        raise NotKnown(f"subscriber {subscriber!r} has no grant {grant!r} in force")
    if entry.ended is not None:
        return EndedGrant(manifest.information_type, entry.ended)
    ended = Ended(epoch=manifest.epoch + 1, at_ms=now_ms, who=who, reason=reason)
    entries = tuple(_end(each, ended) if each is entry else each for each in manifest.grants)
    following = manifest.model_copy(update={"epoch": ended.epoch, "published_ms": now_ms, "grants": entries})
    session.add(EpochRow(information_type=manifest.information_type, epoch=ended.epoch, record=following.encode()))
    session.flush()  # the act names the epoch
    what = f"end grant {subscriber}/{grant}: {reason}"
    session.add(ActRow(information_type=manifest.information_type, epoch=ended.epoch, at_ms=now_ms, who=who, what=what))
    return EndedGrant(manifest.information_type, ended)


def ended_grants(session: Session) -> dict[GrantName, EndedGrant]:
    """Every grant that has ended, whether Kafka knows it already or not."""
    return ended_in(newest_manifests(session))


def ended_in(manifests: Iterable[Manifest]) -> dict[GrantName, EndedGrant]:
    return {
        (entry.subscriber, entry.grant): EndedGrant(manifest.information_type, entry.ended)
        for manifest in manifests
        for entry in manifest.grants
        if entry.ended is not None
    }


def newest_manifests(session: Session) -> list[Manifest]:
    """Of every type with an epoch."""
    types = session.scalars(select(EpochRow.information_type).distinct().order_by(EpochRow.information_type)).all()
    return [manifest for name in types if (manifest := newest_manifest(session, name)) is not None]


def lapsed(session: Session, today: date) -> list[Lapse]:
    """Grants in force that have lapsed before today."""
    ended = ended_grants(session)
    found = []
    for row in session.scalars(select(GrantVersionRow).order_by(GrantVersionRow.subscriber, GrantVersionRow.grant)):
        if (row.subscriber, row.grant) not in ended:
            reason = _lapse(GrantVersion.model_validate_json(row.record), today)
            if reason is not None:
                found.append(Lapse(row.subscriber, row.grant, reason))
    return found


def _lapse(version: GrantVersion, today: date) -> str | None:
    law = version.legal_basis
    if version.valid_to is not None and date.fromisoformat(version.valid_to) < today:
        return f"its last day was {version.valid_to}"
    if law.valid_to is not None and date.fromisoformat(law.valid_to) < today:
        return f"its legal basis lapsed: the last day of {law.statute}, {law.article} was {law.valid_to}"
    return None


def _entry(manifest: Manifest, subscriber: str, grant: str) -> ManifestEntry | None:
    return next((each for each in manifest.grants if (each.subscriber, each.grant) == (subscriber, grant)), None)


def _end(entry: ManifestEntry, ended: Ended) -> ManifestEntry:
    return entry.model_copy(update={"state": "ended", "ended": ended})
