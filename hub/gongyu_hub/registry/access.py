"""Who may read which schemas: deny by default, decided for each object.

A principal reads a schema only through a topic that it may read and that uses it. What it may not read answers exactly
like what does not exist.
"""

from __future__ import annotations

from sqlalchemy import ColumnElement, false, select, true

from gongyu_hub.registry.principals import Principal, Role
from gongyu_hub.registry.tables import KnownGrant, KnownType, Subject


def readable(principal: Principal) -> ColumnElement[bool]:
    """The condition on `Subject` that this principal may read it."""
    if principal.reads_everything:
        return true()
    if principal.role is Role.OWNER:
        return Subject.topic.in_(select(KnownType.topic).where(KnownType.owner == principal.name))
    if principal.role is Role.SUBSCRIBER:
        return Subject.topic.in_(select(KnownGrant.topic).where(KnownGrant.subscriber == principal.name))
    return false()


def may_register(principal: Principal, subject: str) -> bool:
    """Whether the subject is this principal's to write: an owner's own topics; everything for the operator."""
    if principal.role is Role.ADMIN:
        return True
    return principal.role is Role.OWNER and subject.startswith(f"owner.{principal.name}.")
