"""Who may use a route, and on whose objects: data beside each route. What no rule allows is refused.

A role that a rule does not name may not use the route at all. One that it names reaches every object, those of its own organisation, or
those of its own account; what is out of reach answers exactly like what does not exist.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel
from sqlalchemy import ColumnElement, false, true
from sqlalchemy.orm import InstrumentedAttribute, Session

from gongyu_hub.registry.roles import Actor, Role

#: Methods whose caller must say which version it saw.
_CONDITIONAL = frozenset({"PATCH", "PUT", "DELETE"})


class Reach(enum.IntEnum):
    SELF = 1
    ORGANISATION = 2
    ANY = 3


@dataclass(frozen=True, slots=True)
class Owned:
    """Whose an object is."""

    organisation: str | None
    account: str | None = None


@dataclass(frozen=True, slots=True)
class Rule:
    """`find` tells whose the object is that the path names, and raises NotThere; None for a route without an object."""

    reach: Mapping[Role, Reach]
    find: Callable[[Session, Mapping[str, str]], Owned] | None = None

    def of(self, roles: Iterable[Role]) -> Reach | None:
        return max((self.reach[role] for role in roles if role in self.reach), default=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """`answers`: the body's model, for the OpenAPI document; None where there is no body."""

    method: str
    path: str
    endpoint: Callable[..., Any]
    rule: Rule
    answers: type[BaseModel] | None
    status: int = 200

    @property
    def conditional(self) -> bool:
        return self.method in _CONDITIONAL

    @property
    def repeatable(self) -> bool:
        """Whether an idempotency key is of use."""
        return self.method == "POST"


EVERYBODY: Mapping[Role, Reach] = dict.fromkeys(Role, Reach.ANY)
OPERATOR: Mapping[Role, Reach] = {Role.OPERATOR: Reach.ANY}
#: Operator and auditor all; others what is of their organisation.
OWN_ORGANISATION: Mapping[Role, Reach] = {
    **dict.fromkeys(Role, Reach.ORGANISATION),
    Role.OPERATOR: Reach.ANY,
    Role.AUDITOR: Reach.ANY,
}
OWN_ACCOUNT: Mapping[Role, Reach] = {**dict.fromkeys(Role, Reach.SELF), Role.OPERATOR: Reach.ANY}


def reaches(reach: Reach, actor: Actor, owned: Owned) -> bool:
    if reach is Reach.ANY:
        return True
    if reach is Reach.ORGANISATION:
        return actor.organisation is not None and owned.organisation == actor.organisation
    return owned.account == actor.account


def visible(reach: Reach, actor: Actor, organisation: InstrumentedAttribute[Any]) -> ColumnElement[bool]:
    """The same as a condition on the rows of a list, which knows organisations only."""
    if reach is Reach.ANY:
        return true()
    return organisation == actor.organisation if reach is Reach.ORGANISATION and actor.organisation is not None else false()
