"""Exactly once: the files as they are at every line that a sink executes, taken over by a new start.

While a sink applies batches, its folder is looked at before each of its lines: that is what a kill -9 there leaves.
Every different state must then go on to the same result.
"""

from __future__ import annotations

import sqlite3
import sys
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from gongyu_consumers.delivery import Delivery
from gongyu_consumers.sinks import jsonl, sqlite, sqlite_file
from gongyu_consumers.sinks.jsonl import JsonlSink
from gongyu_consumers.sinks.sink import Sink
from gongyu_consumers.sinks.sqlite import SqliteSink
from tests.consumers.models import IDENTITY, SHAPE, deliver, mark

BATCHES: list[list[Delivery]] = [
    [mark("begin"), deliver("r", "a", "Seoul"), deliver("r", "b", "Busan"), mark("end")],
    [deliver("c", "c", "Jeju"), deliver("u", "a", "Ulsan"), deliver("d", "b")],
    [mark("begin", 2), deliver("r", "a", "Ulsan")],
    [deliver("c", "d", "Seoul"), mark("end", 2)],
]
QUESTIONS = (
    'SELECT * FROM "resident-address" ORDER BY 1',
    'SELECT * FROM "gongyu.counts" ORDER BY 1',
    'SELECT * FROM "gongyu.offsets"',
    'SELECT * FROM "gongyu.copies"',
)
LOG = [delivery for batch in BATCHES for delivery in batch]


def open_sqlite(folder: Path) -> Sink:
    return SqliteSink(folder / "target", IDENTITY, SHAPE)


def open_jsonl(folder: Path) -> Sink:
    return JsonlSink(folder / "target", IDENTITY)


def read_sqlite(folder: Path) -> Any:
    with closing(sqlite3.connect(folder / "target")) as database:
        return [database.execute(question).fetchall() for question in QUESTIONS]


def read_jsonl(folder: Path) -> Any:
    return (folder / "target").read_text()


def run(sink: Sink, batches: Sequence[Sequence[Delivery]], start: int) -> None:
    offset = start
    for batch in batches:
        offset += len(batch)
        sink.apply(batch, {0: offset})
    sink.close()


@pytest.mark.parametrize(
    ("opened", "read", "modules"),
    [(open_sqlite, read_sqlite, (sqlite, sqlite_file)), (open_jsonl, read_jsonl, (jsonl,))],
    ids=["sqlite", "jsonl"],
)
def test_a_death_at_any_line_applies_every_delivery_once(
    tmp_path: Path, opened: Callable[[Path], Sink], read: Callable[[Path], Any], modules: tuple[Any, ...]
) -> None:
    folder = tmp_path / "live"
    folder.mkdir()
    files = {module.__file__ for module in modules}
    taken: list[dict[str, bytes]] = []
    lines = 0

    def look_before_line(_frame: FrameType, event: str, _argument: Any) -> Any:
        nonlocal lines
        if event == "line":
            lines += 1
            state = {path.name: path.read_bytes() for path in folder.iterdir()}
            if not taken or state != taken[-1]:
                taken.append(state)
        return look_before_line

    def trace(frame: FrameType, _event: str, _argument: Any) -> Any:
        return look_before_line if frame.f_code.co_filename in files else None

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        run(opened(folder), BATCHES, 0)
    finally:
        sys.settrace(before)
    expected, starts = read(folder), set()
    assert lines > 100
    for number, state in enumerate(taken):
        left = tmp_path / str(number)
        left.mkdir()
        for name, content in state.items():
            (left / name).write_bytes(content)
        sink = opened(left)
        start = sink.positions.get(0, 0)
        starts.add(start)
        run(sink, [LOG[start:]], start)
        assert read(left) == expected, f"after a death in state {number}, at position {start}"
    assert starts == {0, 4, 7, 9, 11}
