"""The key of all pseudonyms, and the keys derived from it.

Enters 256 random bits; leaves a key for each (subscriber, information type, field, key version), by HKDF-SHA-256 (RFC 5869), so that
two subscribers cannot link their pseudonyms and a subscriber cannot link those of two fields. `check` tells two
keys apart without telling either: it travels with the grants, so that a worker with another key decides nothing.
Decision: the names are separated by NUL bytes, which no name can hold, so no two purposes share a text.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

KEY_BYTES = 32
_PSEUDONYM, _CHECK = b"gongyu pseudonym", b"gongyu pseudonym key check"
_CHECK_BYTES = 8


@dataclass(frozen=True, slots=True)
class PseudonymKey:
    """Its bytes are in no text of it: not in a log, not in a traceback."""

    master: bytes = field(repr=False)

    def derive(self, subscriber: str, information_type: str, name: str, version: int) -> bytes:
        """The key of one field's pseudonyms."""
        names = (subscriber.encode(), information_type.encode(), name.encode(), str(version).encode())
        return self._expand(b"\0".join((_PSEUDONYM, *names)), KEY_BYTES)

    @property
    def check(self) -> str:
        return self._expand(_CHECK, _CHECK_BYTES).hex()

    def _expand(self, purpose: bytes, length: int) -> bytes:
        return HKDF(algorithm=SHA256(), length=length, salt=None, info=purpose).derive(self.master)
