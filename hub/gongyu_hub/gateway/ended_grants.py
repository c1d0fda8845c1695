"""Which grants have ended, since when and why: for the subscriber whose they were, and for the hub's own people.

`GET /ended-grants` answers `[{"subscriber", "grant", "information_type", "epoch", "ended_ms", "who", "reason"}]`: a subscriber sees
its own, the administrator and the hub all, an owner those of its types. Nobody learns of another's.
"""

from __future__ import annotations

from fastapi import APIRouter, Request
from sqlalchemy import select

from gongyu_hub.gateway.login import LoggedIn
from gongyu_hub.registry import ends
from gongyu_hub.registry.database import Database
from gongyu_hub.registry.principals import Role
from gongyu_hub.registry.tables import KnownType

router = APIRouter(prefix="/ended-grants")


@router.get("")
def ended_grants(request: Request, principal: LoggedIn) -> list[dict[str, str | int]]:
    database: Database = request.app.state.database
    with database.reading() as session:
        found = ends.ended_grants(session)
        own_types = set(session.scalars(select(KnownType.name).where(KnownType.owner == principal.name)))
    shown: list[dict[str, str | int]] = []
    for (subscriber, grant), each in sorted(found.items(), key=lambda one: one[0]):
        is_subscriber = principal.role is Role.SUBSCRIBER and subscriber == principal.name
        is_owner = principal.role is Role.OWNER and each.information_type in own_types
        if principal.reads_everything or is_subscriber or is_owner:
            told: dict[str, str | int] = {"ended_ms": each.ended.at_ms, "who": each.ended.who, "reason": each.ended.reason}
            where: dict[str, str | int] = {"information_type": each.information_type, "epoch": each.ended.epoch}
            shown.append({"subscriber": subscriber, "grant": grant, **where, **told})
    return shown
