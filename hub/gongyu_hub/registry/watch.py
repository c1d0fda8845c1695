"""Noticing that the policy file or a type's folder changed: by content, once a second.

Content instead of times: editors replace files, copies keep old times, and a folder that is written again unchanged is no
news.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path

from gongyu_schemas.information_type import RECORD_FILE, TYPE_FILE


def fingerprint(policy: Path, folders: Iterable[Path]) -> bytes:
    """Of everything that the policy is read from; a file that cannot be read counts as such."""
    digest = hashlib.sha256()
    files = [policy]
    for folder in folders:
        files += sorted(file for name in (TYPE_FILE, RECORD_FILE) for file in folder.rglob(name))
    for file in files:
        digest.update(str(file).encode("utf-8", "surrogateescape") + b"\0")
        try:
            digest.update(hashlib.sha256(file.read_bytes()).digest())
        except OSError:
            digest.update(b"unreadable")
    return digest.digest()
