"""Organisations: who takes part, as owner, as subscriber or both. Each change is noted in the history.

All functions work inside the caller's transaction. Raise NotThere, Clash, Stale. An organisation's status holds for log-ins of its
accounts; what it publishes and receives is decided by the policy.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from gongyu_hub.registry import accounts, history
from gongyu_hub.registry.roles import Author, Clash, Expected, NotThere, require_fit, require_version
from gongyu_hub.registry.tables import Account, KnownGrant, KnownType, Organisation
from gongyu_schemas.information_type import InformationType, Title


class Kind(enum.StrEnum):
    ADMINISTRATIVE = "administrative"
    PUBLIC = "public"
    FINANCIAL = "financial"
    PRIVATE = "private"


class Status(enum.StrEnum):
    ACTIVE = "active"
    SUSPENDED = "suspended"
    LEFT = "left"


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What is None stays as it is."""

    title: Title | None = None
    kind: Kind | None = None
    owner: bool | None = None
    subscriber: bool | None = None


def content(row: Organisation) -> dict[str, Any]:
    return {
        "name": row.name,
        "title": {"ko": row.title_ko, "en": row.title_en},
        "kind": row.kind,
        "owner": row.owner,
        "subscriber": row.subscriber,
        "status": row.status,
        "version": row.version,
    }


def get(session: Session, name: str) -> Organisation:
    row = session.get(Organisation, name)
    if row is None:
        raise NotThere(f"no organisation {name!r}")
    return row


def page(session: Session, condition: ColumnElement[bool], after: str | None, limit: int) -> list[Organisation]:
    found = select(Organisation).where(condition).order_by(Organisation.name).limit(limit)
    return list(session.scalars(found if after is None else found.where(Organisation.name > after)))


def add(session: Session, by: Author, name: str, given: Change) -> Organisation:
    """`given` says everything, but for the kind where nobody knows it."""
    if session.get(Organisation, name) is not None:
        raise Clash(f"there is an organisation {name} already")
    title = given.title or Title(ko=name, en=name)
    row = Organisation(name=name, status=Status.ACTIVE.value, version=1, kind=given.kind and given.kind.value)
    row.title_ko, row.title_en = title.ko, title.en
    row.owner, row.subscriber = bool(given.owner), bool(given.subscriber)
    _require_part(row)
    session.add(row)
    session.flush()  # accounts name it
    history.note(session, by, "added", ("organisation", name), name, None, content(row))
    return row


def amend(session: Session, by: Author, name: str, expected: Expected, change: Change) -> Organisation:
    row = get(session, name)
    require_version(row.version, expected)
    before = content(row)
    if change.title is not None:
        row.title_ko, row.title_en = change.title.ko, change.title.en
    if change.kind is not None:
        row.kind = change.kind.value
    row.owner = row.owner if change.owner is None else change.owner
    row.subscriber = row.subscriber if change.subscriber is None else change.subscriber
    _require_part(row)
    _require_unused(session, row, before)
    if content(row) == before:
        return row
    row.version += 1
    history.note(session, by, "amended", ("organisation", name), name, before, content(row))
    return row


def set_status(session: Session, by: Author, name: str, expected: Expected, status: Status, reason: str) -> Organisation:
    """Who left does not come back under the same row: its accounts are ended, its tokens revoked."""
    row = get(session, name)
    require_version(row.version, expected)
    before = content(row)
    if row.status == status.value:
        return row
    if row.status == Status.LEFT.value:
        raise Clash(f"{name} has left, which is not taken back")
    row.status, row.version = status.value, row.version + 1
    history.note(session, by, status.value, ("organisation", name), name, before, content(row), reason)
    if status is Status.LEFT:
        for account in session.scalars(select(Account).where(Account.organisation == name)):
            accounts.end(session, by, account, f"{name} has left: {reason}")
    return row


def make_known(session: Session, by: Author, types: Mapping[str, InformationType], subscribers: Mapping[str, Title]) -> list[str]:
    """Owners of types and subscribers of the policy, where they are missing; the names of those that are new or are more than before."""
    changed: list[str] = []
    owners = {each.owner for each in types.values()}
    for name in sorted(owners | set(subscribers)):
        wanted = Change(title=subscribers.get(name), owner=name in owners or None, subscriber=name in subscribers or None)
        row = session.get(Organisation, name)
        if row is None:
            add(session, by, name, wanted)
        elif (wanted.owner and not row.owner) or (wanted.subscriber and not row.subscriber):
            amend(session, by, name, None, Change(owner=wanted.owner, subscriber=wanted.subscriber))
        else:
            continue
        changed.append(name)
    return changed


def _require_part(row: Organisation) -> None:
    if not (row.owner or row.subscriber):
        raise Clash(f"{row.name} must be an owner, a subscriber or both")


def _require_unused(session: Session, row: Organisation, before: Mapping[str, Any]) -> None:
    """What an organisation is no more, nothing of it may need."""
    if before["owner"] and not row.owner and session.scalar(select(KnownType.name).where(KnownType.owner == row.name).limit(1)):
        raise Clash(f"{row.name} owns information types, so it stays an owner")
    if before["subscriber"] and not row.subscriber and session.scalar(select(KnownGrant.name).where(KnownGrant.subscriber == row.name)):
        raise Clash(f"{row.name} has grants, so it stays a subscriber")
    for account in session.scalars(select(Account).where(Account.organisation == row.name, Account.status == accounts.ACTIVE)):
        require_fit(accounts.roles_of(account), row)
