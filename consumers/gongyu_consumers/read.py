"""The iterator: deliveries of one grant, in five lines.

    from gongyu_consumers import read_grant

    with read_grant("resident-address", "bank.yaml") as deliveries:
        for delivery in deliveries:
            print(delivery.op, delivery.key, delivery.after)

Without `positions` it starts at the oldest message, passes over what comes before the begin of a copy and raises
DataRejected if there is none. With `positions` (offset to read next, per partition; store `deliveries.positions` together
with what you made of the deliveries, and your result is exactly once) it goes on there.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from gongyu_consumers.copies import Copies, is_begin, read_marker
from gongyu_consumers.delivery import Delivery
from gongyu_consumers.reading import GrantReader
from gongyu_schemas.envelope import MARKER
from gongyu_schemas.transport.profile import Profile, read_profile

_POLL_S = 0.5


class Deliveries(Iterator[Delivery]):
    """Waits for the next delivery; ends when closed, or at the end with `exit_at_end`. `close` is bounded in time."""

    def __init__(self, reader: GrantReader, copies: Copies, *, exit_at_end: bool) -> None:
        self._reader, self._copies, self._exit_at_end = reader, copies, exit_at_end
        self._waiting: deque[Delivery] = deque()
        self._closed = False
        #: Offset behind the last delivery handed out, per partition.
        self.positions: dict[int, int] = dict(reader.positions)

    def __next__(self) -> Delivery:
        while not self._closed:
            while self._waiting:
                delivery = self._waiting.popleft()
                self.positions[delivery.partition] = delivery.offset + 1
                if self._admits(delivery):
                    return delivery
            self._reader.require_begun(self._copies)
            if self._exit_at_end and self._reader.caught_up:
                break
            self._waiting.extend(self._reader.next_batch(_POLL_S).deliveries)
        raise StopIteration

    def close(self) -> None:
        if not self._closed:
            self._closed = True
            self._reader.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def _admits(self, delivery: Delivery) -> bool:
        if delivery.op != MARKER:
            return self._copies.admits(delivery.source.partition)
        marker = read_marker(delivery)
        if is_begin(marker):
            self._copies.begin(marker)
        else:
            self._copies.end(marker)
        return True


def read_grant(
    grant: str,
    profile: Profile | Path | str,
    *,
    positions: Mapping[int, int] | None = None,
    exit_at_end: bool = False,
    from_anywhere: bool = False,
) -> Deliveries:
    """Connect and iterate. Raises the errors of `gongyu_schemas.errors`, each with what to do."""
    known = profile if isinstance(profile, Profile) else read_profile(Path(profile))
    reader = GrantReader(known, grant, stop=threading.Event())
    try:
        reader.topic.open(f"{grant}.iterator")
        reader.start(positions or {}, from_anywhere=from_anywhere)
    except BaseException:
        reader.close()
        raise
    return Deliveries(reader, Copies(from_anywhere=from_anywhere or bool(positions)), exit_at_end=exit_at_end)
