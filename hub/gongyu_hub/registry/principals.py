"""Who is asking: a Kafka user's name read as the organisation or role behind it."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from gongyu_schemas.names import ADMIN_USER, HUB_USER, NAME, owner_user, subscriber_user


class Role(enum.Enum):
    ADMIN = "admin"
    HUB = "hub"
    OWNER = "owner"
    SUBSCRIBER = "subscriber"


@dataclass(frozen=True, slots=True)
class Principal:
    """`name` is the organisation's for owners and subscribers, else the role's."""

    role: Role
    name: str

    @property
    def reads_everything(self) -> bool:
        return self.role in (Role.ADMIN, Role.HUB)


def principal_of(user: str) -> Principal | None:
    """None for a name that no user of the hub has."""
    if user == ADMIN_USER:
        return Principal(Role.ADMIN, user)
    if user == HUB_USER:
        return Principal(Role.HUB, user)
    name = user.partition(".")[2]
    if NAME.fullmatch(name):
        if user == owner_user(name):
            return Principal(Role.OWNER, name)
        if user == subscriber_user(name):
            return Principal(Role.SUBSCRIBER, name)
    return None
