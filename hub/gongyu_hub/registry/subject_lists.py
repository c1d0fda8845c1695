"""Subject lists in the database: which subjects are on which list, until when, and what Kafka has yet to be told.

Each function works inside the caller's session. A change is made here first, with its number; telling Kafka and noting that it was told
follow, as often as it takes (`list_publisher`), so a crash anywhere leaves the topic equal to the database in the end. Files of any
size are taken in parts under the name of an upload and then compared with the list by the database itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    ColumnElement,
    CursorResult,
    Executable,
    Select,
    bindparam,
    delete,
    exists,
    func,
    insert,
    literal,
    select,
    tuple_,
    update,
)
from sqlalchemy.orm import Session

from gongyu_hub.policy.records import TypeRecord
from gongyu_hub.registry import schemas
from gongyu_hub.registry.near import listed
from gongyu_hub.registry.tables import KnownType, ListedType, ListEntry, Setting, SubjectList, UploadedEntry
from gongyu_schemas import names
from gongyu_schemas.subject_lists import list_name

_CHANGES = "list_changes"


class NotKnown(LookupError):
    """The information type, the subscriber or the list is not known; the text names those that are."""


@dataclass(frozen=True, slots=True)
class ListKey:
    """Whose list it is."""

    subscriber: str
    information_type: str
    name: str


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of an upload: entries that are new, gone, with another end, as they were; to be removed, and not on the list."""

    added: int
    removed: int
    extended: int
    kept: int
    absent: int = 0


@dataclass(frozen=True, slots=True)
class Standing:
    """A list as it stands: its entries, and the changes that Kafka has not been told."""

    entries: int
    untold: int
    next_end_ms: int | None


@dataclass(frozen=True, slots=True)
class Change:
    """One change to be told to Kafka."""

    list_id: int
    subject: bytes
    number: int
    removed: bool
    name: str
    information_type: str
    partitions: int


def find(session: Session, key: ListKey) -> int | None:
    conditions = (SubjectList.information_type == key.information_type, SubjectList.subscriber == key.subscriber)
    return session.scalar(select(SubjectList.id).where(*conditions, SubjectList.name == key.name))


def find_or_make(session: Session, key: ListKey) -> int:
    """The list's id; a new one is empty. Raises NotKnown."""
    found = find(session, key)
    if found is not None:
        return found
    if session.get(ListedType, key.information_type) is None:
        session.add(ListedType(information_type=key.information_type, record=_announcement(session, key.information_type).encode()))
        session.flush()
    made = SubjectList(information_type=key.information_type, subscriber=key.subscriber, name=key.name)
    session.add(made)
    session.flush()
    return made.id


def key_schema(session: Session, information_type: str) -> schemas.Registered:
    """Under which subjects of this type are written. Raises NotKnown."""
    known = session.get(KnownType, information_type)
    found = [] if known is None else schemas.versions(session, names.key_subject(known.topic), literal(True))
    if not found:
        types = session.scalars(select(KnownType.name)).all()
        raise NotKnown(f"information type {information_type!r} is not known here; {listed(types)}")
    return found[-1]


def stage(session: Session, upload: str, entries: Sequence[tuple[bytes, int | None]]) -> int:
    """Take a part of an upload; how many are new in it. A subject given twice is there until the later end."""
    ends: dict[bytes, int | None] = {}
    for subject, until_ms in entries:
        ends[subject] = _later(ends[subject], until_ms) if subject in ends else until_ms
    subjects = list(ends)
    known: dict[bytes, int | None] = {}
    for first in range(0, len(subjects), 500):
        part = UploadedEntry.subject.in_(subjects[first : first + 500])
        rows = session.execute(select(UploadedEntry.subject, UploadedEntry.until_ms).where(UploadedEntry.upload == upload, part))
        known.update((subject, until_ms) for subject, until_ms in rows)
    for subject, until_ms in known.items():
        later = _later(until_ms, ends.pop(subject))
        if later != until_ms:
            mine = (UploadedEntry.upload == upload, UploadedEntry.subject == subject)
            session.execute(update(UploadedEntry).where(*mine).values(until_ms=later))
    if ends:
        rows_in = [{"upload": upload, "subject": subject, "until_ms": until_ms} for subject, until_ms in ends.items()]
        session.execute(insert(UploadedEntry), rows_in)
    return len(ends)


def drop_upload(session: Session, upload: str | None = None) -> None:
    """Forget one, or all that were left behind."""
    session.execute(delete(UploadedEntry).where(*(() if upload is None else (UploadedEntry.upload == upload,))))


def take(session: Session, list_id: int, upload: str, *, remove_others: bool) -> Taken:
    """Bring an upload's entries onto a list, and all others off it where `remove_others` says so."""
    number = next_change(session)
    mine, live = ListEntry.list_id == list_id, ListEntry.removed.is_(False)
    given = _given(upload)
    total = session.scalar(select(func.count()).select_from(UploadedEntry).where(UploadedEntry.upload == upload)) or 0
    removed = 0
    if remove_others:
        removed = _count(session, update(ListEntry).where(mine, live, ~given).values(removed=True, until_ms=None, change=number))
    back = update(ListEntry).where(mine, ListEntry.removed, given).values(removed=False, change=number, until_ms=_end_given(upload))
    added = _count(session, back)
    moved = ListEntry.until_ms.is_distinct_from(_end_given(upload))
    extended = _count(session, update(ListEntry).where(mine, live, given, moved).values(until_ms=_end_given(upload)))
    there = exists().where(mine, ListEntry.subject == UploadedEntry.subject).correlate(UploadedEntry)
    columns = (literal(list_id), UploadedEntry.subject, UploadedEntry.until_ms, literal(False), literal(number))
    new = select(*columns).where(UploadedEntry.upload == upload, ~there)
    added += _count(session, insert(ListEntry).from_select(["list_id", "subject", "until_ms", "removed", "change"], new))
    return Taken(added, removed, extended, total - added - extended)


def take_away(session: Session, list_id: int, upload: str) -> Taken:
    """Remove an upload's subjects from a list."""
    mine, live = ListEntry.list_id == list_id, ListEntry.removed.is_(False)
    gone = update(ListEntry).where(mine, live, _given(upload)).values(removed=True, until_ms=None, change=next_change(session))
    removed = _count(session, gone)
    total = session.scalar(select(func.count()).select_from(UploadedEntry).where(UploadedEntry.upload == upload)) or 0
    return Taken(0, removed, 0, 0, total - removed)


def next_end(session: Session) -> int | None:
    """When the next entry ends, or has ended already. Removed ones have no end."""
    return session.scalar(select(func.min(ListEntry.until_ms)).where(ListEntry.until_ms.is_not(None)))


def any_due(session: Session, now_ms: int) -> bool:
    """Whether the end of any entry has come."""
    end_ms = next_end(session)
    return end_ms is not None and end_ms <= now_ms


def expire(session: Session, now_ms: int) -> int:
    """Remove the entries whose end has come."""
    due = update(ListEntry).where(ListEntry.until_ms <= now_ms, ListEntry.removed.is_(False))
    return _count(session, due.values(removed=True, until_ms=None, change=next_change(session)))


def standing(session: Session, list_id: int) -> Standing:
    mine = ListEntry.list_id == list_id
    entries, end = session.execute(select(func.count(), func.min(ListEntry.until_ms)).where(mine, ListEntry.removed.is_(False))).one()
    untold = session.scalar(select(func.count()).select_from(ListEntry).where(mine, ListEntry.change > 0)) or 0
    return Standing(entries, untold, end)


def page(session: Session, list_id: int, after: bytes, limit: int) -> list[tuple[bytes, int | None]]:
    """Entries in the order of their bytes, behind one."""
    wanted = select(ListEntry.subject, ListEntry.until_ms).where(ListEntry.list_id == list_id, ListEntry.removed.is_(False))
    rows = session.execute(wanted.where(ListEntry.subject > after).order_by(ListEntry.subject).limit(limit))
    return [(subject, until_ms) for subject, until_ms in rows]


def untold(session: Session, limit: int) -> list[Change]:
    """Changes of announced types that Kafka has yet to be told, the oldest first and the removals of each before what it adds."""
    columns = (ListEntry.list_id, ListEntry.subject, ListEntry.change, ListEntry.removed, SubjectList.subscriber, SubjectList.name)
    wanted = of_untold(*columns, KnownType.name, KnownType.partitions)
    rows = session.execute(wanted.order_by(ListEntry.change, ListEntry.removed.desc()).limit(limit))
    return [Change(row[0], row[1], row[2], row[3], list_name(row[4], row[5]), row[6], row[7]) for row in rows]


def oldest_removal(session: Session) -> int | None:
    """The number of the oldest removal that Kafka has yet to be told."""
    found: int | None = session.scalar(of_untold(ListEntry.change).where(ListEntry.removed).order_by(ListEntry.change).limit(1))
    return found


def newest_change(session: Session) -> int:
    row = session.get(Setting, _CHANGES)
    return 0 if row is None else int(row.value)


def note_told(session: Session, changes: Sequence[Change]) -> None:
    """An entry that was changed again meanwhile keeps its newer number, and is told again. A removal stays until the hub has read it."""
    same = (ListEntry.list_id == bindparam("of"), ListEntry.subject == bindparam("subject_"), ListEntry.change == bindparam("number"))
    notes = {True: update(ListEntry).where(*same).values(change=-ListEntry.change), False: update(ListEntry).where(*same).values(change=0)}
    for removed, note in notes.items():
        rows = [{"of": each.list_id, "subject_": each.subject, "number": each.number} for each in changes if each.removed is removed]
        if rows:
            session.connection().execute(note, rows)


def all_told(session: Session, information_type: str, lists: Iterable[tuple[str, str]]) -> bool:
    """Whether every entry of these lists, as (subscriber, name), is on Kafka."""
    of = tuple_(SubjectList.subscriber, SubjectList.name).in_(list(lists))
    waiting = select(ListEntry.list_id).join(SubjectList, SubjectList.id == ListEntry.list_id)
    waiting = waiting.where(SubjectList.information_type == information_type, of, ListEntry.change > 0)
    return session.scalar(waiting.limit(1)) is None


def _announcement(session: Session, information_type: str) -> TypeRecord:
    registered = key_schema(session, information_type)
    known = session.get_one(KnownType, information_type)
    return TypeRecord(
        information_type=information_type,
        topic=known.topic,
        subjects_topic=names.subjects_topic(information_type),
        partitions=known.partitions,
        subject_key_schema_id=registered.schema_id,
    )


def of_untold(*columns: Any) -> Select[Any]:
    """Of announced types: of others Kafka knows nothing."""
    return (
        select(*columns)
        .select_from(ListEntry)
        .join(SubjectList, SubjectList.id == ListEntry.list_id)
        .join(ListedType, ListedType.information_type == SubjectList.information_type)
        .join(KnownType, KnownType.name == SubjectList.information_type)
        .where(ListEntry.change > 0, ListedType.published)
    )


def next_change(session: Session) -> int:
    number = newest_change(session) + 1
    session.merge(Setting(name=_CHANGES, value=str(number)))
    session.flush()
    return number


def _given(upload: str) -> ColumnElement[bool]:
    return exists().where(UploadedEntry.upload == upload, UploadedEntry.subject == ListEntry.subject).correlate(ListEntry)


def _end_given(upload: str) -> Any:
    wanted = select(UploadedEntry.until_ms).where(UploadedEntry.upload == upload, UploadedEntry.subject == ListEntry.subject)
    return wanted.correlate(ListEntry).scalar_subquery()


def _count(session: Session, statement: Executable) -> int:
    result = session.execute(statement, execution_options={"synchronize_session": False})
    return result.rowcount if isinstance(result, CursorResult) else 0


def _later(one: int | None, other: int | None) -> int | None:
    """None is no end."""
    return None if one is None or other is None else max(one, other)
