"""/accounts: everybody sees those of its own organisation; the operator adds and changes them.

Decision: an officer makes no accounts, not even of its own organisation, because who could make itself an approver would approve its own
requests.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from fastapi import Query
from fastapi.responses import Response
from sqlalchemy import true
from sqlalchemy.orm import Session

from gongyu_hub.gateway.api.bodies import AccountShown, AccountStatus, AmendedAccount, NewAccount
from gongyu_hub.gateway.api.calls import LetIn, Shown
from gongyu_hub.gateway.api.paging import DEFAULT_LIMIT, Cursor, Limit, Page, after_text, cut
from gongyu_hub.gateway.api.rules import OPERATOR, OWN_ORGANISATION, Owned, Route, Rule, visible
from gongyu_hub.registry import accounts
from gongyu_hub.registry.tables import Account
from gongyu_schemas.information_type import Name

OfName = Annotated[Name | None, Query(description="The account of this name alone.")]
OfOrganisation = Annotated[Name | None, Query(description="Accounts of this organisation alone.")]


def show(row: Account) -> AccountShown:
    return AccountShown.model_validate(accounts.content(row))


def find(session: Session, path: Mapping[str, str]) -> Owned:
    row = accounts.get(session, path["account"])
    return Owned(row.organisation, row.id)


def _shown(row: Account, location: str | None = None) -> Shown:
    return Shown(show(row), row.version, location)


def list_accounts(
    call: LetIn, name: OfName = None, organisation: OfOrganisation = None, limit: Limit = DEFAULT_LIMIT, cursor: Cursor = None
) -> Response:
    """Accounts by name."""

    def read(session: Session) -> Shown:
        condition = visible(call.reach, call.actor, Account.organisation)
        condition &= true() if name is None else Account.name == name
        condition &= true() if organisation is None else Account.organisation == organisation
        rows, following = cut(accounts.page(session, condition, after_text(cursor), limit + 1), limit, lambda row: row.name)
        return Shown(Page[AccountShown](items=[show(row) for row in rows], next=following))

    return call.read(read)


def get_account(call: LetIn, account: str) -> Response:
    """One account."""
    return call.read(lambda session: _shown(accounts.get(session, account)))


def add_account(call: LetIn, body: NewAccount) -> Response:
    """Add an account of an organisation, or, without one, of the hub itself."""

    def act(session: Session) -> Shown:
        row = accounts.add(session, call.author, body.name, body.title, body.kind, body.organisation, body.roles)
        return _shown(row, f"/api/v1/accounts/{row.id}")

    return call.write(act)


def amend_account(call: LetIn, account: str, body: AmendedAccount) -> Response:
    """Change an account's title and roles."""
    return call.write(lambda session: _shown(accounts.amend(session, call.author, account, call.expected, body.title, body.roles)))


def set_account_status(call: LetIn, account: str, body: AccountStatus) -> Response:
    """Deactivate an account, which revokes its tokens, or activate it again."""

    def act(session: Session) -> Shown:
        return _shown(accounts.set_status(session, call.author, account, call.expected, body.status, body.reason))

    return call.write(act)


_LIST, _ONE, _STATUS = "/accounts", "/accounts/{account}", "/accounts/{account}/status"
ROUTES = (
    Route(method="GET", path=_LIST, endpoint=list_accounts, rule=Rule(OWN_ORGANISATION), answers=Page[AccountShown]),
    Route(method="POST", path=_LIST, endpoint=add_account, rule=Rule(OPERATOR), answers=AccountShown, status=201),
    Route(method="GET", path=_ONE, endpoint=get_account, rule=Rule(OWN_ORGANISATION, find), answers=AccountShown),
    Route(method="PATCH", path=_ONE, endpoint=amend_account, rule=Rule(OPERATOR, find), answers=AccountShown),
    Route(method="PUT", path=_STATUS, endpoint=set_account_status, rule=Rule(OPERATOR, find), answers=AccountShown),
)
