"""Accounts: people and machines, each with roles that fit its organisation. Each change is noted in the history.

All functions work inside the caller's transaction. Raise NotThere, Clash, Stale. There is always one active operator left, because
nobody else could make another.
"""

from __future__ import annotations

import enum
import secrets
from collections.abc import Collection
from typing import Any

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from gongyu_hub.registry import history, tokens
from gongyu_hub.registry.roles import Author, Clash, Expected, NotThere, Role, read_roles, require_fit, require_version, write_roles
from gongyu_hub.registry.tables import Account, Organisation

ACTIVE, INACTIVE = "active", "inactive"
_LEFT = "left"


class Kind(enum.StrEnum):
    PERSON = "person"
    MACHINE = "machine"


def roles_of(row: Account) -> frozenset[Role]:
    return read_roles(row.roles)


def content(row: Account) -> dict[str, Any]:
    return {
        "id": row.id,
        "organisation": row.organisation,
        "kind": row.kind,
        "name": row.name,
        "title": row.title,
        "roles": row.roles.split(),
        "status": row.status,
        "version": row.version,
    }


def get(session: Session, account_id: str) -> Account:
    row = session.get(Account, account_id)
    if row is None:
        raise NotThere(f"no account {account_id!r}")
    return row


def named(session: Session, name: str) -> Account | None:
    return session.scalars(select(Account).where(Account.name == name)).one_or_none()


def page(session: Session, condition: ColumnElement[bool], after: str | None, limit: int) -> list[Account]:
    """By name."""
    found = select(Account).where(condition).order_by(Account.name).limit(limit)
    return list(session.scalars(found if after is None else found.where(Account.name > after)))


def add(session: Session, by: Author, name: str, title: str, kind: Kind, organisation: str | None, roles: Collection[Role]) -> Account:
    if named(session, name) is not None:
        raise Clash(f"there is an account {name} already, of whichever organisation")
    require_fit(roles, _organisation(session, organisation))
    row = Account(id=secrets.token_hex(8), organisation=organisation, kind=kind.value, name=name, title=title, roles=write_roles(roles))
    row.status, row.version = ACTIVE, 1
    session.add(row)
    session.flush()  # tokens name it
    history.note(session, by, "added", ("account", row.id), organisation, None, content(row))
    return row


def amend(session: Session, by: Author, account_id: str, expected: Expected, title: str | None, roles: Collection[Role] | None) -> Account:
    """What is None stays as it is."""
    row = get(session, account_id)
    require_version(row.version, expected)
    before = content(row)
    row.title = row.title if title is None else title
    if roles is not None:
        require_fit(roles, _organisation(session, row.organisation))
        was = roles_of(row)
        row.roles = write_roles(roles)
        _require_operator(session, was)
    if content(row) == before:
        return row
    row.version += 1
    history.note(session, by, "amended", ("account", row.id), row.organisation, before, content(row))
    return row


def set_status(session: Session, by: Author, account_id: str, expected: Expected, status: str, reason: str) -> Account:
    """Inactive: no token of it is of use again, also when the account is active later."""
    row = get(session, account_id)
    require_version(row.version, expected)
    if row.status == status:
        return row
    if status == INACTIVE:
        end(session, by, row, reason)
        _require_operator(session, roles_of(row))
        return row
    require_fit(roles_of(row), _organisation(session, row.organisation))
    before = content(row)
    row.status, row.version = ACTIVE, row.version + 1
    history.note(session, by, ACTIVE, ("account", row.id), row.organisation, before, content(row), reason)
    return row


def end(session: Session, by: Author, row: Account, reason: str) -> None:
    tokens.revoke_all(session, by, row, reason)
    if row.status == INACTIVE:
        return
    before = content(row)
    row.status, row.version = INACTIVE, row.version + 1
    history.note(session, by, INACTIVE, ("account", row.id), row.organisation, before, content(row), reason)


def _organisation(session: Session, name: str | None) -> Organisation | None:
    if name is None:
        return None
    found = session.get(Organisation, name)
    if found is None:
        raise Clash(f"no organisation {name!r}: add it first")
    if found.status == _LEFT:
        raise Clash(f"{name} has left: it has no accounts any more")
    return found


def _require_operator(session: Session, was: Collection[Role]) -> None:
    """Whoever was one until now."""
    if Role.OPERATOR not in was:
        return
    session.flush()
    active = session.scalars(select(Account).where(Account.status == ACTIVE, Account.organisation.is_(None)))
    if not any(Role.OPERATOR in roles_of(each) for each in active):
        raise Clash("this is the last active operator: make another one first")
