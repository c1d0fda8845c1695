"""/organisations: everybody sees its own; the operator adds and changes them."""

from __future__ import annotations

from collections.abc import Mapping

from fastapi.responses import Response
from sqlalchemy.orm import Session

from gongyu_hub.gateway.api.bodies import AmendedOrganisation, NewOrganisation, OrganisationShown, OrganisationStatus
from gongyu_hub.gateway.api.calls import LetIn, Shown
from gongyu_hub.gateway.api.paging import DEFAULT_LIMIT, Cursor, Limit, Page, after_text, cut
from gongyu_hub.gateway.api.rules import OPERATOR, OWN_ORGANISATION, Owned, Route, Rule, visible
from gongyu_hub.registry import organisations
from gongyu_hub.registry.tables import Organisation


def show(row: Organisation) -> OrganisationShown:
    return OrganisationShown.model_validate(organisations.content(row))


def _shown(row: Organisation, location: str | None = None) -> Shown:
    return Shown(show(row), row.version, location)


def _find(session: Session, path: Mapping[str, str]) -> Owned:
    return Owned(organisations.get(session, path["name"]).name)


def list_organisations(call: LetIn, limit: Limit = DEFAULT_LIMIT, cursor: Cursor = None) -> Response:
    """Organisations by name."""

    def read(session: Session) -> Shown:
        condition = visible(call.reach, call.actor, Organisation.name)
        rows, following = cut(organisations.page(session, condition, after_text(cursor), limit + 1), limit, lambda row: row.name)
        return Shown(Page[OrganisationShown](items=[show(row) for row in rows], next=following))

    return call.read(read)


def get_organisation(call: LetIn, name: str) -> Response:
    """One organisation."""
    return call.read(lambda session: _shown(organisations.get(session, name)))


def add_organisation(call: LetIn, body: NewOrganisation) -> Response:
    """Add an organisation."""
    given = organisations.Change(title=body.title.title, kind=body.kind, owner=body.owner, subscriber=body.subscriber)
    location = f"/api/v1/organisations/{body.name}"
    return call.write(lambda session: _shown(organisations.add(session, call.author, body.name, given), location))


def amend_organisation(call: LetIn, name: str, body: AmendedOrganisation) -> Response:
    """Change what an organisation is called and is."""
    title = None if body.title is None else body.title.title
    change = organisations.Change(title=title, kind=body.kind, owner=body.owner, subscriber=body.subscriber)
    return call.write(lambda session: _shown(organisations.amend(session, call.author, name, call.expected, change)))


def set_organisation_status(call: LetIn, name: str, body: OrganisationStatus) -> Response:
    """Suspend an organisation, end its suspension, or note that it has left."""

    def act(session: Session) -> Shown:
        return _shown(organisations.set_status(session, call.author, name, call.expected, body.status, body.reason))

    return call.write(act)


_LIST, _ONE, _STATUS = "/organisations", "/organisations/{name}", "/organisations/{name}/status"
_PAGE = Page[OrganisationShown]
ROUTES = (
    Route(method="GET", path=_LIST, endpoint=list_organisations, rule=Rule(OWN_ORGANISATION), answers=_PAGE),
    Route(method="POST", path=_LIST, endpoint=add_organisation, rule=Rule(OPERATOR), answers=OrganisationShown, status=201),
    Route(method="GET", path=_ONE, endpoint=get_organisation, rule=Rule(OWN_ORGANISATION, _find), answers=OrganisationShown),
    Route(method="PATCH", path=_ONE, endpoint=amend_organisation, rule=Rule(OPERATOR, _find), answers=OrganisationShown),
    Route(method="PUT", path=_STATUS, endpoint=set_organisation_status, rule=Rule(OPERATOR, _find), answers=OrganisationShown),
)
