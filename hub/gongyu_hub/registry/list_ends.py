"""When an entry of a subject list ends: as people write it, and as the first moment, in milliseconds since 1970, at which it is over."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

from gongyu_hub.registry.subject_values import NotASubject

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def read_end(text: str) -> int:
    """The first moment after: of a day in UTC its end, of a moment itself. Raises NotASubject, also where it could not be shown."""
    try:
        moment = _read_moment(text)
    except NotASubject:
        raise
    except ValueError:
        raise NotASubject("until: neither a day (2026-01-31) nor a moment (2026-01-31T18:00:00+09:00)") from None
    try:
        if len(text) == len("2026-01-31"):
            moment += timedelta(days=1)
        end = moment.astimezone(UTC)
    except OverflowError:
        raise NotASubject("until: outside the years 1 to 9999 in UTC; leave it out for an entry without an end") from None
    return (end - _EPOCH) // timedelta(milliseconds=1)


def _read_moment(text: str) -> datetime:
    """A day as its begin in UTC. Raises ValueError."""
    if len(text) == len("2026-01-31"):
        return datetime.combine(date.fromisoformat(text), datetime.min.time(), UTC)
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise NotASubject("until: a moment needs its offset from UTC, for example 2026-01-31T18:00:00+09:00")
    return moment


def written_end(until_ms: int | None) -> str | None:
    return None if until_ms is None else (_EPOCH + timedelta(milliseconds=until_ms)).isoformat()
