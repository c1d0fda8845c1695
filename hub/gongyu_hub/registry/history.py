"""Who changed what, when and why: rows that are only ever added, in the transaction of the change itself.

`before` and `after` are the contents that the API shows, so there is no secret in them. The database refuses every change of a row.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from gongyu_hub.registry.roles import Author
from gongyu_hub.registry.tables import HistoryRow

Content = Mapping[str, Any]


def note(
    session: Session,
    by: Author,
    what: str,
    about: tuple[str, str],
    organisation: str | None,
    before: Content | None,
    after: Content,
    reason: str | None = None,
) -> None:
    """`about`: the object's kind and name; `organisation`: the one that it belongs to."""
    kind, name = about
    row = HistoryRow(at_ms=by.at_ms, who=by.who, what=what, object=kind, name=name, organisation=organisation, reason=reason)
    row.before = None if before is None else _write(before)
    row.after = _write(after)
    session.add(row)


def page(session: Session, condition: ColumnElement[bool], before: int | None, limit: int) -> list[HistoryRow]:
    """The newest first; `before`: older than this row."""
    found = select(HistoryRow).where(condition).order_by(HistoryRow.id.desc()).limit(limit)
    return list(session.scalars(found if before is None else found.where(HistoryRow.id < before)))


def _write(content: Content) -> str:
    return json.dumps(content, ensure_ascii=False, sort_keys=True)
