"""Undo: publishing the previous state of a register again, and how a run notices that it does.

A snapshot is compared with what is published, so an older file is safe: what differs goes back to what the file says,
each change once, and its subscribers see ordinary changes. Noticed by the file's own date, against that of the snapshot published
last; a copied file may hide it, so for types with a version the versions decide (`versions`).
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from gongyu_producers.compare import Counts
from gongyu_producers.history import PastRun
from gongyu_producers.versions import refuse_earlier_state
from gongyu_schemas.information_type import InformationType


def modified_ns(file: Path) -> int:
    """When the file was changed last; now, where it is a pipe."""
    return file.stat().st_mtime_ns if file.is_file() else int(datetime.now(UTC).timestamp() * 1e9)


def note_earlier(file: Path, information_type: InformationType, counts: Counts, before: PastRun | None) -> list[str]:
    """What to say of a snapshot that goes back. Raises ConfigError where the type has a version: then it cannot."""
    older = before is not None and modified_ns(file) < before.modified_ns
    if information_type.version is not None:
        refuse_earlier_state(counts.versions, information_type.name, information_type.version, older_file=older, changes=counts.changes)
    if before is None or not older or not counts.changes:
        return []
    now = datetime.fromtimestamp(modified_ns(file) / 1e9, UTC)
    note = (
        f"this file is of {now:%Y-%m-%d %H:%M} UTC, {before.file}, which was published last, of {before.modified:%Y-%m-%d %H:%M} UTC: "
        "what was changed since goes back to this earlier state, and what was created since is deleted"
    )
    return [note]
