"""What is only read: who I am, information types, the history of changes, and this API's own description."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import Query, Request
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel
from sqlalchemy import func, select, true
from sqlalchemy.orm import Session

from gongyu_hub.gateway.api import accounts as accounts_api
from gongyu_hub.gateway.api import organisations as organisations_api
from gongyu_hub.gateway.api import tokens as tokens_api
from gongyu_hub.gateway.api.bodies import HistoryEntry, Me, TypeShown, TypeSummary
from gongyu_hub.gateway.api.calls import LetIn, Shown
from gongyu_hub.gateway.api.paging import DEFAULT_LIMIT, Cursor, Limit, Page, after_number, after_text, cut
from gongyu_hub.gateway.api.rules import EVERYBODY, Owned, Reach, Route, Rule, visible
from gongyu_hub.gateway.catalogue import Catalogue
from gongyu_hub.registry import accounts, history, organisations, tokens
from gongyu_hub.registry.roles import NotThere, Role
from gongyu_hub.registry.tables import EpochRow, HistoryRow, KnownType
from gongyu_hub.registry.tokens import moment
from gongyu_schemas.information_type import Name

#: Owner approvers decide requests; what was done to accounts is their officers' to see.
_HISTORY = {
    Role.OPERATOR: Reach.ANY,
    Role.AUDITOR: Reach.ANY,
    Role.OWNER_OFFICER: Reach.ORGANISATION,
    Role.SUBSCRIBER_OFFICER: Reach.ORGANISATION,
}
OfOrganisation = Annotated[Name | None, Query(description="What concerns this organisation alone.")]


class Document(BaseModel):
    """OpenAPI 3.1."""

    openapi: str


def me(call: LetIn) -> Response:
    """The account that asks, its organisation and its token."""

    def read(session: Session) -> Shown:
        account = accounts.get(session, call.actor.account)
        organisation = None if account.organisation is None else organisations.get(session, account.organisation)
        return Shown(
            Me(
                account=accounts_api.show(account),
                organisation=None if organisation is None else organisations_api.show(organisation),
                token=tokens_api.show(tokens.get(session, call.actor.token)),
            )
        )

    return call.read(read)


def list_information_types(call: LetIn, request: Request, limit: Limit = DEFAULT_LIMIT, cursor: Cursor = None) -> Response:
    """The information types that the registry knows, by name."""

    def read(session: Session) -> Shown:
        after = after_text(cursor)
        found = select(KnownType).where(true() if after is None else KnownType.name > after).order_by(KnownType.name).limit(limit + 1)
        rows, following = cut(list(session.scalars(found)), limit, lambda row: row.name)
        items = [TypeSummary.model_validate(_describe(session, request, row)) for row in rows]
        return Shown(Page[TypeSummary](items=items, next=following))

    return call.read(read)


def get_information_type(call: LetIn, request: Request, name: str) -> Response:
    """One information type with its record schema."""

    def read(session: Session) -> Shown:
        return Shown(TypeShown.model_validate(_describe(session, request, session.get_one(KnownType, name))))

    return call.read(read)


def _find_type(session: Session, path: Mapping[str, str]) -> Owned:
    row = session.get(KnownType, path["name"])
    if row is None:
        raise NotThere("no such information type")
    return Owned(row.owner)


def _describe(session: Session, request: Request, row: KnownType) -> dict[str, Any]:
    catalogue: Catalogue = request.app.state.catalogue
    known = catalogue.find(row.name)
    return {
        "name": row.name,
        "owner": row.owner,
        "partitions": row.partitions,
        "epoch": session.scalar(select(func.max(EpochRow.epoch)).where(EpochRow.information_type == row.name)),
        "title": None if known is None else known.title,
        "key": None if known is None else list(known.key),
        "classification": None if known is None else dict(known.classification),
        "record": None if known is None else known.record_schema,
    }


def read_history(call: LetIn, organisation: OfOrganisation = None, limit: Limit = DEFAULT_LIMIT, cursor: Cursor = None) -> Response:
    """Changes of organisations, accounts and tokens, the newest first."""

    def read(session: Session) -> Shown:
        condition = visible(call.reach, call.actor, HistoryRow.organisation)
        condition &= true() if organisation is None else HistoryRow.organisation == organisation
        rows, following = cut(history.page(session, condition, after_number(cursor), limit + 1), limit, lambda row: row.id)
        return Shown(Page[HistoryEntry](items=[_entry(row) for row in rows], next=following))

    return call.read(read)


def _entry(row: HistoryRow) -> HistoryEntry:
    return HistoryEntry.model_validate(
        {
            "id": row.id,
            "at": moment(row.at_ms),
            "who": row.who,
            "what": row.what,
            "object": row.object,
            "name": row.name,
            "organisation": row.organisation,
            "reason": row.reason,
            "before": None if row.before is None else json.loads(row.before),
            "after": json.loads(row.after),
        }
    )


def document(request: Request) -> Response:
    """This document."""
    return JSONResponse(request.app.state.document)


_TYPES, _TYPE = "/information-types", "/information-types/{name}"
ROUTES = (
    Route(method="GET", path="/me", endpoint=me, rule=Rule(EVERYBODY), answers=Me),
    Route(method="GET", path=_TYPES, endpoint=list_information_types, rule=Rule(EVERYBODY), answers=Page[TypeSummary]),
    Route(method="GET", path=_TYPE, endpoint=get_information_type, rule=Rule(EVERYBODY, _find_type), answers=TypeShown),
    Route(method="GET", path="/history", endpoint=read_history, rule=Rule(_HISTORY), answers=Page[HistoryEntry]),
    Route(method="GET", path="/openapi.json", endpoint=document, rule=Rule(EVERYBODY), answers=Document),
)
