"""Passwords of the hub's users: argon2 hashes in the database, and log-ins checked against them.

The same password is the user's on Kafka. argon2 costs some 20 ms of processor time, so a log-in that succeeded is remembered
in memory under a keyed digest of user, password and stored hash: a changed password forgets it by itself. The key lives
as long as the process; no password is kept.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from gongyu_hub.registry.database import Database
from gongyu_hub.registry.tables import Credential

#: OWASP's minimum for argon2id (19 MiB, 2 passes): passwords are generated with 256 random bits, so more buys nothing.
_HASHER = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)
_REMEMBERED_MAX = 10_000


def new_password() -> str:
    return secrets.token_urlsafe(32)


class Credentials:
    """Stores and checks passwords; safe to use from several threads."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._key = secrets.token_bytes(32)
        self._remembered: dict[str, bytes] = {}
        # An unknown user costs the same time as a wrong password.
        self._nobody = _HASHER.hash(new_password())

    def keep(self, user: str, password: str) -> None:
        hashed = _HASHER.hash(password)
        with self._database.writing() as session:
            session.merge(Credential(user=user, password_hash=hashed))

    def remembered(self, user: str, password: str) -> bool:
        """Whether this log-in succeeded before under the hash now stored. Takes no time to speak of."""
        digest = self._remembered.get(user)
        return digest is not None and hmac.compare_digest(digest, self._digest(user, password, self._stored(user) or ""))

    def verify(self, user: str, password: str) -> bool:
        """Check against the stored hash, in about the same time for every user and every answer."""
        stored = self._stored(user)
        try:
            _HASHER.verify(stored or self._nobody, password)
        except (VerificationError, InvalidHashError):
            return False
        if stored is None:
            return False
        if len(self._remembered) >= _REMEMBERED_MAX:
            self._remembered.clear()
        self._remembered[user] = self._digest(user, password, stored)
        return True

    def _stored(self, user: str) -> str | None:
        with self._database.reading() as session:
            row = session.get(Credential, user)
            return None if row is None else row.password_hash

    def _digest(self, user: str, password: str, stored: str) -> bytes:
        parts = b"".join(len(part).to_bytes(4) + part for part in (user.encode(), password.encode(), stored.encode()))
        return hmac.digest(self._key, parts, hashlib.sha256)
