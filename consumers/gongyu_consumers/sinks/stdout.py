"""JSON lines on standard output: at least once, because a pipe cannot say what its reader has kept.

Without a group it starts from the beginning of the topic each time; with one, from the group's committed offsets, which
are committed after the lines were flushed. A reader that has left is a BrokenPipeError.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import BinaryIO

from gongyu_consumers.copies import Copies
from gongyu_consumers.delivery import Delivery
from gongyu_consumers.sinks.jsonl import write_lines
from gongyu_consumers.sinks.sink import Effects


def write_whole(stream: BinaryIO, lines: bytes) -> None:
    """All of it. An unbuffered stream (PYTHONUNBUFFERED, usual in containers) takes a part where a signal comes or the reader leaves."""
    rest = memoryview(lines)
    while rest:
        rest = rest[stream.write(rest) :]
    stream.flush()


class StdoutSink:
    """`committed`: the group's offsets; having any, the reader is taken to know its copies (`from_anywhere`)."""

    def __init__(self, stream: BinaryIO, committed: Mapping[int, int], *, from_anywhere: bool = False) -> None:
        self._stream = stream
        self._positions = dict(committed)
        self._copies = Copies(from_anywhere=from_anywhere or bool(committed))

    @property
    def positions(self) -> Mapping[int, int]:
        return self._positions

    @property
    def copies(self) -> Copies:
        return self._copies

    def apply(self, deliveries: Sequence[Delivery], positions: Mapping[int, int]) -> Effects:
        effects = Effects()
        write_whole(self._stream, write_lines(deliveries, self._copies, effects))
        self._positions.update(positions)
        return effects

    def close(self) -> None:
        """Nothing to let go."""
