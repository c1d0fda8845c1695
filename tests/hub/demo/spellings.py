"""How a text may hide in bytes: as it is, in UTF-16, in base64."""

from __future__ import annotations

import base64


def spellings(text: str) -> list[bytes]:
    """UTF-8, UTF-16 of both orders, and base64 of UTF-8 wherever in a longer text it stands."""
    plain = text.encode()
    return [plain, text.encode("utf-16-le"), text.encode("utf-16-be"), *(_inside_base64(plain, before) for before in range(3))]


def _inside_base64(plain: bytes, before: int) -> bytes:
    """The characters that tell only of `plain`, where `before` bytes stand before it in its group of three."""
    encoded = base64.b64encode(bytes(before) + plain)
    whole = (before + len(plain)) * 8 // 6
    return encoded[-(-before * 8 // 6) : whole]
