"""What an operator decides beside the policy file: each act is an epoch, with who and when.

`decide_resume` is called inside one database transaction and freezes a manifest that entitles nobody to anything else: the newest
one, with a later `resume`. Raises NotKnown for a type or partition that is none.
"""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from gongyu_hub.policy.records import Manifest
from gongyu_hub.registry.tables import ActRow, EpochRow
from gongyu_schemas.errors import ConfigError


class NotKnown(ConfigError):
    """The operator names something that is not there."""


def newest_manifest(session: Session, information_type: str) -> Manifest | None:
    """Of the newest epoch; None for a type without one."""
    newest = select(EpochRow).where(EpochRow.information_type == information_type).order_by(EpochRow.epoch.desc()).limit(1)
    row = session.scalars(newest).one_or_none()
    return None if row is None else Manifest.model_validate_json(row.record)


def decide_resume(session: Session, who: str, information_type: str, partition: int, offset: int, now_ms: int) -> int:
    """The epoch in which rejections up to `offset` pause this partition no more."""
    manifest = newest_manifest(session, information_type)
    if manifest is None:
        raise NotKnown(f"no information type {information_type!r} has grants in force")
    if not 0 <= partition < manifest.partitions:
        raise NotKnown(f"{information_type} has no partition {partition}: it has {manifest.partitions}, counted from 0")
    if manifest.resume.get(partition, -1) >= offset:
        return manifest.epoch
    resume = {**manifest.resume, partition: offset}
    following = manifest.model_copy(update={"epoch": manifest.epoch + 1, "published_ms": now_ms, "resume": resume})
    session.add(EpochRow(information_type=information_type, epoch=following.epoch, record=following.encode()))
    session.flush()  # the act names the epoch
    what = f"resume partition {partition} up to offset {offset}"
    session.add(ActRow(information_type=information_type, epoch=following.epoch, at_ms=now_ms, who=who, what=what))
    return following.epoch
