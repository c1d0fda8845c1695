"""Progress records and stores: older formats are read or rebuilt, newer ones refused; an epoch ends a pause at or before its offset."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from gongyu_hub.state.records import PROGRESS_FORMAT, Progress
from gongyu_hub.state.store import STORE_FORMAT, Identity, Store
from gongyu_schemas.errors import FatalError

#: As version 0.1.0 wrote it.
FORMAT_1 = b'{"format":1,"adopted":1,"segments":[["~",1]],"rejected":2,"paused":7,"cursor":8}'


def test_a_record_of_the_first_format_is_read_and_written_as_this_one() -> None:
    progress = Progress.decode(FORMAT_1)
    assert (progress.adopted, progress.segments, progress.rejected, progress.paused, progress.cursor) == (1, (("~", 1),), 2, 7, 8)
    assert progress.rejections == 0, "what was not counted then is not known"
    assert json.loads(progress.encode())["format"] == PROGRESS_FORMAT
    assert Progress.decode(progress.encode()) == progress


def test_a_newer_format_is_refused_whatever_else_it_holds() -> None:
    newer = {**json.loads(FORMAT_1), "format": PROGRESS_FORMAT + 1, "paused": "elsewhere", "lanes": []}
    with pytest.raises(FatalError, match="written by a newer version"):
        Progress.decode(json.dumps(newer).encode())


@pytest.mark.parametrize("stored", [b"", b"[]", b"{", b'{"format":"2"}', b'{"format":2,"unknown":1}', b"\xff"])
def test_what_is_no_progress_record_is_refused(stored: bytes) -> None:
    with pytest.raises(FatalError):
        Progress.decode(stored)


@pytest.mark.parametrize(("resume", "paused", "rejected"), [(-1, 7, 3), (6, 7, 3), (7, None, 0), (99, None, 0)])
def test_an_epoch_ends_a_pause_at_or_before_its_offset_and_no_later_one(resume: int, paused: int | None, rejected: int) -> None:
    before = Progress(adopted=1, segments=(("~", 1),), rejected=3, rejections=9, paused=7, cursor=8)
    after = before.adopt(2, resume)
    assert (after.adopted, after.segments, after.paused, after.rejected) == (2, (("~", 2),), paused, rejected)
    assert (after.cursor, after.rejections) == (8, 9)


def test_an_epoch_without_a_pause_leaves_the_run_of_rejections() -> None:
    assert Progress(adopted=1, rejected=2).adopt(2, 99).rejected == 2


def test_a_store_of_another_format_is_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    identity = Identity("cluster", "hub.state.person", "id", 0)
    for written, usable in ((STORE_FORMAT, True), (STORE_FORMAT + 1, False), (STORE_FORMAT - 1, False)):
        with monkeypatch.context() as patched:
            patched.setattr("gongyu_hub.state.store.STORE_FORMAT", written)
            store = Store(tmp_path / str(written), identity)
            store.begin(fresh=True)
            store.close()
        store = Store(tmp_path / str(written), identity)
        assert store.usable(0, 3600, time.time()) is usable
        store.close()
