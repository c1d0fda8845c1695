"""/accounts/{account}/tokens and /tokens: everybody's own; the operator all. A token is shown once, in the answer that it is made by."""

from __future__ import annotations

from collections.abc import Mapping

from fastapi.responses import Response
from sqlalchemy.orm import Session

from gongyu_hub.gateway.api import accounts as accounts_api
from gongyu_hub.gateway.api.bodies import NewToken, TokenMade, TokenShown
from gongyu_hub.gateway.api.calls import LetIn, Shown
from gongyu_hub.gateway.api.paging import DEFAULT_LIMIT, Cursor, Limit, Page, after_text, cut
from gongyu_hub.gateway.api.rules import OWN_ACCOUNT, Owned, Route, Rule
from gongyu_hub.registry import accounts, tokens
from gongyu_hub.registry.tables import Token


def show(row: Token) -> TokenShown:
    return TokenShown.model_validate({**tokens.content(row), "used": tokens.moment(row.used_ms)})


def _find(session: Session, path: Mapping[str, str]) -> Owned:
    return Owned(None, tokens.get(session, path["token"]).account)


def list_tokens(call: LetIn, account: str, limit: Limit = DEFAULT_LIMIT, cursor: Cursor = None) -> Response:
    """An account's tokens, without their secret parts."""

    def read(session: Session) -> Shown:
        rows, following = cut(tokens.page(session, account, after_text(cursor), limit + 1), limit, lambda row: row.id)
        return Shown(Page[TokenShown](items=[show(row) for row in rows], next=following))

    return call.read(read)


def add_token(call: LetIn, account: str, body: NewToken) -> Response:
    """Make a token; the answer is the only place where it stands whole."""

    def act(session: Session) -> Shown:
        made = tokens.add(session, call.author, accounts.get(session, account), body.days)
        content = show(made.row).model_dump()
        whole, kept = TokenMade(**content, token=made.whole), TokenMade(**content, token=None)
        return Shown(whole, tokens.version_of(made.row), f"/api/v1/tokens/{made.row.id}", kept)

    return call.write(act)


def get_token(call: LetIn, token: str) -> Response:
    """One token, without its secret part."""

    def read(session: Session) -> Shown:
        row = tokens.get(session, token)
        return Shown(show(row), tokens.version_of(row))

    return call.read(read)


def revoke_token(call: LetIn, token: str) -> Response:
    """Revoke a token: it is refused from the next request on."""

    def act(session: Session) -> Shown:
        return Shown(None, tokens.version_of(tokens.revoke(session, call.author, token, call.expected)))

    return call.write(act)


_OF_ACCOUNT, _ONE = "/accounts/{account}/tokens", "/tokens/{token}"
_ACCOUNT, _TOKEN = Rule(OWN_ACCOUNT, accounts_api.find), Rule(OWN_ACCOUNT, _find)
ROUTES = (
    Route(method="GET", path=_OF_ACCOUNT, endpoint=list_tokens, rule=_ACCOUNT, answers=Page[TokenShown]),
    Route(method="POST", path=_OF_ACCOUNT, endpoint=add_token, rule=_ACCOUNT, answers=TokenMade, status=201),
    Route(method="GET", path=_ONE, endpoint=get_token, rule=_TOKEN, answers=TokenShown),
    Route(method="DELETE", path=_ONE, endpoint=revoke_token, rule=_TOKEN, answers=None, status=204),
)
