"""Since when decisions are in effect: of every type its newest epoch, and the partitions that are missing.

`GET /effect` answers `[{"information_type", "epoch", "decided_ms", "in_effect", "in_effect_since_ms", "missing_partitions"}]` to the
administrator and the hub; an owner sees its own types, nobody else any.
"""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request
from sqlalchemy import select

from gongyu_hub.gateway.login import LoggedIn
from gongyu_hub.gateway.replies import RegistryError
from gongyu_hub.registry.database import Database
from gongyu_hub.registry.effect import Effects
from gongyu_hub.registry.principals import Role
from gongyu_hub.registry.tables import KnownType

router = APIRouter(prefix="/effect")


@router.get("")
def effect(request: Request, principal: LoggedIn) -> list[dict[str, Any]]:
    database: Database = request.app.state.database
    effects: Effects | None = request.app.state.effects
    if effects is None:
        raise RegistryError(503, 50301, "The control plane is still starting; ask again.")
    own: set[str] = set()
    if principal.role is Role.OWNER:
        with database.reading() as session:
            own = set(session.scalars(select(KnownType.name).where(KnownType.owner == principal.name)))
    return [
        {
            "information_type": each.information_type,
            "epoch": each.epoch,
            "decided_ms": each.decided_ms,
            "in_effect": not each.missing,
            "in_effect_since_ms": each.since_ms,
            "missing_partitions": list(each.missing),
        }
        for each in effects.standing()
        if principal.reads_everything or each.information_type in own
    ]
