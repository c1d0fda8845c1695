"""What an account may be, and which roles fit which organisation.

Operator and auditor are of the hub itself and of no organisation; all other roles are of one that is an owner or a subscriber.
"""

from __future__ import annotations

import enum
from collections.abc import Collection
from dataclasses import dataclass

from gongyu_hub.registry.tables import Organisation
from gongyu_schemas.errors import ConfigError


class Role(enum.StrEnum):
    OPERATOR = "operator"
    AUDITOR = "auditor"
    OWNER_OFFICER = "owner-officer"
    OWNER_APPROVER = "owner-approver"
    SUBSCRIBER_OFFICER = "subscriber-officer"


OF_THE_HUB = frozenset({Role.OPERATOR, Role.AUDITOR})
OF_OWNERS = frozenset({Role.OWNER_OFFICER, Role.OWNER_APPROVER})
OF_SUBSCRIBERS = frozenset({Role.SUBSCRIBER_OFFICER})


@dataclass(frozen=True, slots=True)
class Actor:
    """Who is asking, by which token."""

    account: str
    name: str
    organisation: str | None
    roles: frozenset[Role]
    token: str


@dataclass(frozen=True, slots=True)
class Author:
    """Who changes something, and when: an account's id, or `hub` for what the control plane does by itself."""

    who: str
    at_ms: int


class NotThere(ConfigError):
    """Nothing of this name."""


class Clash(ConfigError):
    """What is asked for contradicts what is there."""


class Stale(ConfigError):
    """It was changed meanwhile."""


#: The versions that a caller has seen; None: any.
Expected = frozenset[int] | None


def require_version(version: int, expected: Expected) -> None:
    """Raises Stale."""
    if expected is not None and version not in expected:
        raise Stale("it was changed meanwhile: read it again, then decide again")


def write_roles(roles: Collection[Role]) -> str:
    return " ".join(sorted(roles))


def read_roles(text: str) -> frozenset[Role]:
    return frozenset(map(Role, text.split()))


def require_fit(roles: Collection[Role], organisation: Organisation | None) -> None:
    """Raises Clash where an account of this organisation, or of none, cannot have these roles."""
    given = frozenset(roles)
    if organisation is None:
        if given - OF_THE_HUB:
            raise Clash(f"{_named(given - OF_THE_HUB)} must belong to an organisation: name it")
        if given == OF_THE_HUB:
            raise Clash("who operates the hub does not audit it: give the roles to two accounts")
        return
    if given & OF_THE_HUB:
        raise Clash(f"{_named(given & OF_THE_HUB)} belongs to no organisation: leave it out")
    if given & OF_OWNERS and not organisation.owner:
        raise Clash(f"{organisation.name} is no owner, so it has no {_named(given & OF_OWNERS)}")
    if given & OF_SUBSCRIBERS and not organisation.subscriber:
        raise Clash(f"{organisation.name} is no subscriber, so it has no {_named(given & OF_SUBSCRIBERS)}")


def _named(roles: Collection[Role]) -> str:
    return " and ".join(sorted(roles))
