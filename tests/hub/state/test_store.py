"""The store: a cache that is used only when it is surely what it claims to be."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gongyu_hub.state import store as module
from gongyu_hub.state.records import IMAGE_KIND, NO_VERSION, pack_deleted, pack_image, unpack_header
from gongyu_hub.state.store import Identity, Store, StoreLocked

MINE = Identity("cluster", "hub.state.resident", "topic-id", 3)
DAY_S = 86_400.0


@contextmanager
def opened(folder: Path, identity: Identity = MINE, fresh: bool = False) -> Iterator[Store]:
    store = Store(folder, identity)
    try:
        store.begin(fresh=fresh)
        yield store
    finally:
        store.release()


def image(text: str, version: int = NO_VERSION) -> bytes:
    return pack_image(text.encode(), 7, 1, version, 5)


def usable(folder: Path, identity: Identity = MINE, end: int = 100, later_s: float = 0) -> bool:
    store = Store(folder, identity)
    try:
        return store.usable(end, DAY_S, time.time() + later_s)
    finally:
        store.release()


@pytest.fixture
def filled(tmp_path: Path) -> Path:
    with opened(tmp_path / "store", fresh=True) as store:
        store.apply({IMAGE_KIND + b"a": image("A"), IMAGE_KIND + b"b": image("B")}, 42, 2)
    return tmp_path / "store"


def test_what_was_applied_is_there_after_the_process_died(filled: Path) -> None:
    assert usable(filled)
    with opened(filled) as store:
        assert (store.next_offset, store.images) == (42, 2)
        assert store.get(IMAGE_KIND + b"a") == image("A")
        assert store.get_many([IMAGE_KIND + b"a", IMAGE_KIND + b"x"]) == {IMAGE_KIND + b"a": image("A")}


def test_a_store_of_another_cluster_topic_or_partition_is_foreign(filled: Path) -> None:
    for other in (
        Identity("other", MINE.topic, MINE.topic_id, 3),
        Identity("cluster", "hub.state.business", MINE.topic_id, 3),
        Identity("cluster", MINE.topic, "made anew", 3),
        Identity("cluster", MINE.topic, MINE.topic_id, 2),
    ):
        assert not usable(filled, other)


def test_a_store_ahead_of_its_topic_is_not_used(filled: Path) -> None:
    assert usable(filled, end=42) and not usable(filled, end=41)


def test_a_store_too_far_behind_or_from_the_future_is_not_used(filled: Path) -> None:
    assert not usable(filled, later_s=DAY_S + 60) and not usable(filled, later_s=-60)


def test_a_store_that_a_dead_machine_left_unsynced_is_not_used(filled: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "boot_id", lambda: "after a restart of the machine")
    assert not usable(filled)


def test_a_closed_store_is_used_after_a_restart_of_the_machine(filled: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = Store(filled, MINE)
    store.begin(fresh=False)
    store.close()
    monkeypatch.setattr(module, "boot_id", lambda: "after a restart of the machine")
    assert usable(filled)


def test_an_empty_or_damaged_folder_is_not_used(filled: Path, tmp_path: Path) -> None:
    assert not usable(tmp_path / "new")
    (filled / "data" / "data.mdb").write_bytes(b"no database" * 1000)
    assert not usable(filled)


def test_a_fresh_start_forgets_everything(filled: Path) -> None:
    with opened(filled, fresh=True) as store:
        assert (store.next_offset, store.images, store.get(IMAGE_KIND + b"a")) == (0, 0, None)


def test_one_process_at_a_time(filled: Path) -> None:
    with opened(filled), pytest.raises(StoreLocked, match="--name"):
        Store(filled, MINE)


def test_a_copy_of_a_store_is_carried_forward_from_its_own_offset(filled: Path, tmp_path: Path) -> None:
    shutil.copytree(filled, tmp_path / "copy")
    with opened(tmp_path / "copy") as store:
        assert store.next_offset == 42


def test_the_map_grows_with_what_is_put(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_FIRST_MAP_BYTES", 1024 * 1024)
    with opened(tmp_path / "store", fresh=True) as store:
        for number in range(4):
            store.apply({IMAGE_KIND + b"%d-%d" % (number, n): image("x" * 10_000) for n in range(100)}, number, 100)
        assert store.images == 400 and store.get(IMAGE_KIND + b"0-0") == image("x" * 10_000)


def test_deleted_markers_are_kept_but_are_no_images(tmp_path: Path) -> None:
    with opened(tmp_path / "store", fresh=True) as store:
        store.apply({IMAGE_KIND + b"a": image("A", 1)}, 1, 1)
        store.apply({IMAGE_KIND + b"a": pack_deleted(7, 1, 2, 9)}, 2, -1)
        assert store.images == 0 and list(store.live_images()) == []
        kept = store.get(IMAGE_KIND + b"a")
        assert kept is not None and unpack_header(kept) == (False, 7, 1, 2, 9)


keys = st.binary(max_size=4) | st.binary(min_size=500, max_size=900)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.dictionaries(keys, st.none() | st.binary(min_size=1, max_size=20), max_size=6), max_size=6))
def test_a_store_is_the_sum_of_its_changes_with_keys_of_any_length(changes: list[dict[bytes, bytes | None]]) -> None:
    import tempfile

    model: dict[bytes, bytes] = {}
    with tempfile.TemporaryDirectory() as folder, opened(Path(folder), fresh=True) as store:
        for number, change in enumerate(changes):
            store.apply(
                {IMAGE_KIND + key: None if body is None else pack_image(body, 1, 1, 0, 0) for key, body in change.items()}, number, 0
            )
            for key, body in change.items():
                model.pop(key, None)
                if body is not None:
                    model[key] = pack_image(body, 1, 1, 0, 0)
        store.caught_up(recount=True)
        found = list(store.live_images())
        assert dict(found) == model and len(found) == store.images == len(model)
        assert store.get_many([IMAGE_KIND + key for key in model]) == {IMAGE_KIND + key: value for key, value in model.items()}


def test_a_store_is_its_users_alone(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        with opened(tmp_path / "worker" / "store", fresh=True):
            made = [tmp_path / "worker", *(tmp_path / "worker").rglob("*")]
    finally:
        os.umask(before)
    assert {"data.mdb", "data", "store"} < {each.name for each in made}
    assert {each.name: oct(each.stat().st_mode) for each in made if each.is_dir() and each.stat().st_mode & 0o077} == {}
    assert (tmp_path / "worker" / "store" / "data" / "data.mdb").stat().st_mode & 0o777 == 0o600
