"""Which subject lists may be named, and which grants use them.

A list is made by what is first put on it. So that a name that was mistyped makes none, its type and its subscriber must be known; that
no grant uses it yet is no mistake, as an operator may fill it before the grant comes.
"""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from gongyu_hub.policy.records import GrantVersion
from gongyu_hub.registry import subject_lists
from gongyu_hub.registry.ends import ended_grants
from gongyu_hub.registry.near import listed
from gongyu_hub.registry.subject_lists import ListKey, NotKnown
from gongyu_hub.registry.tables import Credential, GrantVersionRow, SubjectList
from gongyu_schemas.names import subscriber_user


def require_owner(session: Session, key: ListKey) -> None:
    """A list that exists may always be named, also where its subscriber is none any more. Raises NotKnown with the names that are known."""
    subject_lists.key_schema(session, key.information_type)
    if subject_lists.find(session, key) is None:
        subscribers = _subscribers(session)
        if key.subscriber not in subscribers:
            raise NotKnown(f"subscriber {key.subscriber!r} is not known here: declare it in the policy; {listed(subscribers)}")


def require(session: Session, key: ListKey) -> int:
    """The list's id. Raises NotKnown."""
    require_owner(session, key)
    found = subject_lists.find(session, key)
    if found is None:
        of = (SubjectList.information_type == key.information_type, SubjectList.subscriber == key.subscriber)
        names = session.scalars(select(SubjectList.name).where(*of)).all()
        raise NotKnown(f"{key.subscriber} has no list {key.name!r} for {key.information_type}; {listed(names)}")
    return found


def used_by(session: Session, key: ListKey) -> list[str]:
    """The grants in force that use a list."""
    of = (GrantVersionRow.information_type == key.information_type, GrantVersionRow.subscriber == key.subscriber)
    versions = [GrantVersion.model_validate_json(record) for record in session.scalars(select(GrantVersionRow.record).where(*of))]
    using = {version.grant for version in versions if version.subject_list == key.name}
    ended = ended_grants(session) if using else {}
    return sorted(name for name in using if (key.subscriber, name) not in ended)


def _subscribers(session: Session) -> list[str]:
    """Those that the policy has declared: each has a user."""
    prefix = subscriber_user("")
    users = session.scalars(select(Credential.user).where(Credential.user.startswith(prefix, autoescape=True)))
    return [user.removeprefix(prefix) for user in users]
