"""Bearer tokens: `gyt_` and a public part, by which a token is found and named, then the secret part.

Only an argon2 hash of the whole is kept, so a token is shown once, when it is made. Functions on sessions work inside the caller's
transaction; Checks against hashes are `token_checks`. Both parts are random: the public one needs no hiding, the secret one no
guessing of 256 bits.
"""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from argon2 import PasswordHasher
from sqlalchemy import select
from sqlalchemy.orm import Session

from gongyu_hub.registry import history
from gongyu_hub.registry.roles import Author, Clash, Expected, NotThere, require_version
from gongyu_hub.registry.tables import Account, Token

DAY_MS = 86_400_000
DAYS = 90
DAYS_MAX = 366
#: As for passwords (`credentials`): the secret has 256 random bits, so more buys nothing.
HASHER = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)
TOKEN = re.compile(r"gyt_([0-9a-f]{16})_[A-Za-z0-9_-]{43}")
#: Of an account: more are a mistake of a script.
_VALID_MAX = 100


@dataclass(frozen=True, slots=True)
class NewToken:
    """`whole` is told once and kept nowhere."""

    row: Token
    whole: str


def prefix_of(token_id: str) -> str:
    return f"gyt_{token_id}"


def public_part(whole: str) -> str | None:
    """None for what is no token."""
    found = TOKEN.fullmatch(whole)
    return None if found is None else found[1]


def version_of(row: Token) -> int:
    """A token changes once."""
    return 1 if row.revoked_ms is None else 2


def content(row: Token) -> dict[str, Any]:
    """Not when it was used: that is no change."""
    return {
        "id": row.id,
        "prefix": prefix_of(row.id),
        "account": row.account,
        "made": moment(row.made_ms),
        "expires": moment(row.expires_ms),
        "revoked": moment(row.revoked_ms),
    }


def get(session: Session, token_id: str) -> Token:
    row = session.get(Token, token_id)
    if row is None:
        raise NotThere(f"no token {token_id!r}")
    return row


def page(session: Session, account: str, after: str | None, limit: int) -> list[Token]:
    found = select(Token).where(Token.account == account).order_by(Token.id).limit(limit)
    return list(session.scalars(found if after is None else found.where(Token.id > after)))


def add(session: Session, by: Author, account: Account, days: int = DAYS) -> NewToken:
    if account.status != "active":
        raise Clash(f"account {account.name} is not active, so it gets no token")
    held = select(Token.id).where(Token.account == account.id, Token.revoked_ms.is_(None), Token.expires_ms > by.at_ms).limit(_VALID_MAX)
    if len(list(session.scalars(held))) >= _VALID_MAX:
        raise Clash(f"account {account.name} has {_VALID_MAX} valid tokens: revoke those that nobody needs")
    public = secrets.token_hex(8)
    whole = f"{prefix_of(public)}_{secrets.token_urlsafe(32)}"
    row = Token(id=public, account=account.id, hash=HASHER.hash(whole), made_ms=by.at_ms, expires_ms=by.at_ms + days * DAY_MS)
    session.add(row)
    session.flush()
    history.note(session, by, "added", ("token", public), account.organisation, None, content(row))
    return NewToken(row, whole)


def revoke(session: Session, by: Author, token_id: str, expected: Expected, reason: str | None = None) -> Token:
    """Repeated, it changes nothing."""
    row = get(session, token_id)
    require_version(version_of(row), expected)
    if row.revoked_ms is None:
        account = session.get_one(Account, row.account)
        before = content(row)
        row.revoked_ms = by.at_ms
        history.note(session, by, "revoked", ("token", row.id), account.organisation, before, content(row), reason)
    return row


def revoke_all(session: Session, by: Author, account: Account, reason: str) -> None:
    for token_id in list(session.scalars(select(Token.id).where(Token.account == account.id, Token.revoked_ms.is_(None)))):
        revoke(session, by, token_id, None, reason)


def moment(at_ms: int | None) -> str | None:
    """A second's precision is enough for people and for scripts."""
    return None if at_ms is None else datetime.fromtimestamp(at_ms // 1000, UTC).isoformat().replace("+00:00", "Z")
