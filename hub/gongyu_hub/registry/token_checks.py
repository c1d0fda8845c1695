"""Whose token this is: one look-up by its public part, then one argon2 check, some 20 ms of processor time.

A token that was right is remembered for a few minutes under a keyed digest of it and its stored hash, in bounded memory, so that its next
requests cost a look-up alone. The look-up is never left out: a revocation, an expiry, an ended account or a suspended
organisation holds from the next request on. The digest's key lives as long as the process.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from argon2.exceptions import InvalidHashError, VerificationError

from gongyu_hub.registry import tokens
from gongyu_hub.registry.database import Database
from gongyu_hub.registry.roles import Actor, read_roles
from gongyu_hub.registry.tables import Account, Organisation, Token

REMEMBERED_MAX = 10_000
REMEMBERED_MS = 300_000
#: When a token was used is told by the hour: not a write with every request, nor a trace of somebody's minutes.
_HOUR_MS = 3_600_000


@dataclass(frozen=True, slots=True)
class Held:
    """A token that exists. `ended`: why it is of no use, to be told only to who has all of it."""

    actor: Actor
    hash: str
    used_ms: int | None
    ended: str | None


class TokenChecks:
    """Safe to use from several threads. `now_ms` is the clock."""

    def __init__(self, database: Database, now_ms: Callable[[], int]) -> None:
        self._database = database
        self.now_ms = now_ms
        self._key = secrets.token_bytes(32)
        self._remembered: OrderedDict[str, tuple[bytes, int]] = OrderedDict()

    def find(self, public: str) -> Held | None:
        with self._database.reading() as session:
            row = session.get(Token, public)
            if row is None:
                return None
            account = session.get_one(Account, row.account)
            organisation = None if account.organisation is None else session.get_one(Organisation, account.organisation)
            actor = Actor(account.id, account.name, account.organisation, read_roles(account.roles), row.id)
            return Held(actor, row.hash, row.used_ms, self._ended(row, account, organisation))

    def remembered(self, held: Held, whole: str) -> bool:
        digest, until = self._remembered.get(held.actor.token, (b"", 0))
        return self.now_ms() < until and hmac.compare_digest(digest, self._digest(whole, held.hash))

    def verify(self, held: Held, whole: str) -> bool:
        try:
            tokens.HASHER.verify(held.hash, whole)
        except (VerificationError, InvalidHashError):
            return False
        self._remembered[held.actor.token] = self._digest(whole, held.hash), self.now_ms() + REMEMBERED_MS
        while len(self._remembered) > REMEMBERED_MAX:
            self._remembered.popitem(last=False)
        return True

    def note_use(self, held: Held) -> None:
        hour = self.now_ms() // _HOUR_MS * _HOUR_MS
        if held.used_ms is None or held.used_ms < hour:
            with self._database.writing() as session:
                session.get_one(Token, held.actor.token).used_ms = hour

    def _ended(self, row: Token, account: Account, organisation: Organisation | None) -> str | None:
        if row.revoked_ms is not None:
            return "this token was revoked"
        if row.expires_ms <= self.now_ms():
            return "this token has expired: have another one made"
        if account.status != "active":
            return "this account is not active"
        if organisation is not None and organisation.status != "active":
            return f"organisation {organisation.name} is {organisation.status}"
        return None

    def _digest(self, whole: str, stored: str) -> bytes:
        return hmac.digest(self._key, hashlib.sha256(whole.encode()).digest() + stored.encode(), hashlib.sha256)
