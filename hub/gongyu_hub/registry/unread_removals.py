"""Removals from subject lists that the hub has yet to read: none is lost, however long workers stand still.

Kafka compacts a removal away in time, and a worker that had not read it would keep the subject on the list for ever. So a removal stays
in the database until the hub has committed it; while it has not, it is told again every week and at every start of the control plane,
before the first heartbeat. As workers read nothing without heartbeats, every removal that they have not read is on the topic in a
message younger than a compaction takes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import structlog
from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from gongyu_hub.registry import subject_lists
from gongyu_hub.registry.database import Database
from gongyu_hub.registry.tables import ListEntry, SubjectList
from gongyu_schemas.errors import KafkaUnavailable
from gongyu_schemas.names import subjects_topic

LOG = structlog.get_logger()
CHECK_EVERY_S = 30.0
#: A removal is on the topic for 21 days at least (`layout.subjects_topic`).
TELL_AGAIN_AFTER_S = 7 * 24 * 3600.0


@dataclass(frozen=True, slots=True)
class _Mark:
    """Told up to `number` when a type's topic had these ends."""

    number: int
    ends: Mapping[int, int]


class UnreadRemovals:
    """`ends`, `has_read`: as of `ListGate`. `now_s`: a clock that never steps back."""

    def __init__(
        self,
        database: Database,
        ends: Callable[[str], Mapping[int, int]],
        has_read: Callable[[str, Mapping[int, int]], bool],
        now_s: Callable[[], float],
    ) -> None:
        self._database = database
        self._ends = ends
        self._has_read = has_read
        self._now_s = now_s
        self._marks: dict[str, _Mark] = {}
        self._checked_at = self._told_at = float("-inf")

    def check(self) -> None:
        """To be called often: forgets what the hub has read, and has the rest told again when it is time. Raises DatabaseError."""
        now_s = self._now_s()
        if now_s - self._checked_at < CHECK_EVERY_S:
            return
        self._checked_at = now_s
        with self._database.reading() as session:
            waiting = _types(session)
        for information_type in waiting:
            try:
                self._forget(information_type)
            except KafkaUnavailable as error:
                LOG.warning("not known yet which removals the hub has read", information_type=information_type, cause=str(error))
        if now_s - self._told_at >= TELL_AGAIN_AFTER_S:
            self._told_at = now_s
            self._tell_again()

    def _forget(self, information_type: str) -> None:
        """What was told when the type's ends were asked for, once all before those ends is read."""
        topic = subjects_topic(information_type)
        if information_type not in self._marks:
            with self._database.reading() as session:
                number = _told_up_to(session)
            self._marks[information_type] = _Mark(number, {partition: end for partition, end in self._ends(topic).items() if end > 0})
        mark = self._marks[information_type]
        if self._has_read(topic, mark.ends):
            del self._marks[information_type]
            with self._database.writing() as session:
                of_type = select(SubjectList.id).where(SubjectList.information_type == information_type)
                read = (ListEntry.change < 0, ListEntry.change >= -mark.number, ListEntry.list_id.in_(of_type))
                session.execute(delete(ListEntry).where(*read), execution_options={"synchronize_session": False})

    def _tell_again(self) -> None:
        self._marks.clear()
        with self._database.reading() as session:
            types = _types(session)
        if types:
            with self._database.writing() as session:
                again = update(ListEntry).where(ListEntry.change < 0).values(change=subject_lists.next_change(session))
                session.execute(again, execution_options={"synchronize_session": False})
            LOG.info("removals that the hub has not read are told again", information_types=types)


def _types(session: Session) -> list[str]:
    """Information types of removals that were told and are not known to be read."""
    of = select(SubjectList.information_type).join(ListEntry, SubjectList.id == ListEntry.list_id)
    return sorted(session.scalars(of.where(ListEntry.change < 0).distinct()))


def _told_up_to(session: Session) -> int:
    """Kafka was told every change up to this number: they are told in their order."""
    oldest = session.scalar(subject_lists.of_untold(ListEntry.change).order_by(ListEntry.change).limit(1))
    return subject_lists.newest_change(session) if oldest is None else oldest - 1
