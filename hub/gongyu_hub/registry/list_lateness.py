"""How long a removal from a subject list, or an entry whose end has come, has been waiting to be told to Kafka.

Changes have numbers and no times, so each question notes the time and the newest number: a removal that waits has been waiting at least
since the first question that knew its number.
"""

from __future__ import annotations

from collections import deque

from sqlalchemy.orm import Session

from gongyu_hub.registry import subject_lists


class Lateness:
    """Asked about once a second, by one thread."""

    def __init__(self) -> None:
        self._known: deque[tuple[float, int]] = deque()  # (time, newest change), both rising

    def seconds(self, session: Session, now_s: float, now_ms: int) -> float:
        """Of the one that waits longest. `now_s`: a clock that never steps back; `now_ms`: the one that ends entries."""
        end_ms = subject_lists.next_end(session)
        ended_s = 0.0 if end_ms is None else max(0.0, (now_ms - end_ms) / 1000)
        oldest = subject_lists.oldest_removal(session)
        if oldest is None:
            self._known.clear()
            return ended_s
        while self._known and self._known[0][1] < oldest:
            self._known.popleft()
        newest = subject_lists.newest_change(session)
        if not self._known or self._known[-1][1] < newest:
            self._known.append((now_s, newest))
        return max(ended_s, now_s - self._known[0][0])
