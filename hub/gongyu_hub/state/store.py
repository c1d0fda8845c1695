"""The store: an LMDB environment that mirrors one partition of a state topic up to a known offset.

It is a cache: it moves only after a commit, is never the only copy of anything, and is thrown away whenever it may not be what
it claims: foreign (another cluster, topic or partition), ahead of the topic, too far behind (tombstones it never
saw may have been compacted away), or left unsynced by a machine that went down. Decision: no fsync per commit, because
losing the cache costs one rebuild; a dead process leaves the pages to the kernel, a dead machine is noticed by its boot id.
Raises StoreLocked where another process has it open.
"""

from __future__ import annotations

import fcntl
import hashlib
import shutil
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from operator import itemgetter
from pathlib import Path

import lmdb
from pydantic import BaseModel, ConfigDict, ValidationError

from gongyu_hub.state.memory import fresh_memory
from gongyu_hub.state.records import IMAGE_KIND, is_live
from gongyu_schemas.errors import DatabaseError
from gongyu_schemas.private import make_private_folder

STORE_FORMAT = 1
_META_KEY = b"\x00meta"
_MAX_KEY_BYTES = 511  # LMDB's compiled-in limit
_DIGEST_BYTES = 64
_BY_KEY = itemgetter(0)
#: Few enough that the pages it copies are soon used again.
_ITEMS_PER_WRITE = 2000
_FIRST_MAP_BYTES = 64 * 1024 * 1024
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


class StoreLocked(DatabaseError):
    """Another process has this store open."""


@dataclass(frozen=True, slots=True)
class Identity:
    """Which partition a store mirrors."""

    cluster_id: str
    topic: str
    topic_id: str
    partition: int


class _Meta(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")
    format: int
    cluster_id: str
    topic: str
    topic_id: str
    partition: int
    next_offset: int
    images: int
    moved_at_s: float
    boot_id: str
    closed: bool


class Store:
    """Values by state key. `next_offset`: the first offset of the state topic that it does not reflect."""

    def __init__(self, folder: Path, identity: Identity) -> None:
        self._folder = folder
        self._identity = identity
        make_private_folder(folder)
        self._lock = (folder / "lock").open("w")
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            self._lock.close()
            raise StoreLocked(f"store {folder} is in use by another worker; give each worker its own --name") from error
        self.next_offset = 0
        self.images = 0
        self._moved_at_s = time.time()
        self._env = self._open()

    def usable(self, end_offset: int, keep_s: float, now_s: float) -> bool:
        """Whether it may be carried forward to `end_offset` (the topic's end); `keep_s`: how long tombstones surely stay."""
        meta = self._read_meta()
        if meta is None or meta.format != STORE_FORMAT or not self._is_mine(meta):
            return False
        if not meta.closed and meta.boot_id != boot_id():
            return False
        return meta.next_offset <= end_offset and 0 <= now_s - meta.moved_at_s <= keep_s

    def begin(self, fresh: bool) -> None:
        """Start to use it: as it is, or empty."""
        if fresh:
            self._env.close()
            shutil.rmtree(self._folder / "data", ignore_errors=True)
            self._env = self._open()
            self.next_offset, self.images = 0, 0
        else:
            meta = self._read_meta()
            if meta is not None:
                self.next_offset, self.images, self._moved_at_s = meta.next_offset, meta.images, meta.moved_at_s
        self.apply({}, self.next_offset, 0, at_end=False)
        self._env.sync(True)

    def get(self, key: bytes) -> bytes | None:
        with self._env.begin() as txn:
            found = txn.get(_short(key))
        return None if found is None else bytes(_strip(key, found))

    def get_many(self, keys: list[bytes]) -> dict[bytes, bytes]:
        """The values that exist, by key, in one read."""
        with self._env.begin() as txn, txn.cursor() as cursor:
            if not _any_long(keys):
                return dict(cursor.getmulti(sorted(keys)))
            found = ((key, txn.get(_short(key))) for key in keys)
            return {key: _strip(key, value) for key, value in found if value is not None}

    def keys_behind(self, prefixes: Iterable[bytes]) -> dict[bytes, list[bytes]]:
        """By prefix, the keys that begin with it."""
        found: dict[bytes, list[bytes]] = {}
        with self._env.begin() as txn, txn.cursor() as cursor:
            for prefix in prefixes:
                kept = prefix[: _MAX_KEY_BYTES - _DIGEST_BYTES]  # also of a long key
                keys = found[prefix] = []
                going = cursor.set_range(kept)
                while going and (short := bytes(cursor.key())).startswith(kept):
                    key, _ = _restore(short, bytes(cursor.value()))
                    if key.startswith(prefix):
                        keys.append(key)
                    going = cursor.next()
        return found

    def live_images(self) -> Iterator[tuple[bytes, bytes]]:
        """(record key, stored value) of every live image, in the order of the keys."""
        with self._env.begin() as txn, txn.cursor() as cursor:
            going = cursor.set_range(IMAGE_KIND)
            while going and cursor.key()[:1] == IMAGE_KIND:
                key, value = _restore(bytes(cursor.key()), bytes(cursor.value()))
                if is_live(value):
                    yield key[1:], value
                going = cursor.next()

    def apply(self, changes: Mapping[bytes, bytes | None], next_offset: int, more_images: int, at_end: bool = True) -> None:
        """Move forward: values to put, None to remove; `more_images`: by how much the live ones grow.

        `at_end`: it then reflects all that the topic holds; else it stays as old as it was.

        In several small LMDB transactions, each over neighbouring keys: a large one over random keys copies nearly every page
        and the file grows to a multiple. A crash between two of them is no harm: the offset moves with the
        last, so a restart reads again what was half applied.
        """
        pairs: Iterable[tuple[bytes, bytes | None]] = changes.items()
        if _any_long(changes):
            pairs = [(_short(key), None if value is None else _wrap(key, value)) for key, value in pairs]
        items = sorted(pairs, key=_BY_KEY)
        try:
            for first in range(0, len(items), _ITEMS_PER_WRITE):
                self._grow_and_retry(partial(self._put, items[first : first + _ITEMS_PER_WRITE]))
            self._moved_at_s = time.time() if at_end else self._moved_at_s
            self._grow_and_retry(partial(self._mark, next_offset, self.images + more_images))
        except lmdb.Error as error:
            raise DatabaseError(f"store {self._folder}: {error}; free disk space, or delete the folder: it is rebuilt") from error

    def caught_up(self, recount: bool) -> None:
        """It reflects all that the topic holds; `recount` the live images, after changes to them of unknown effect."""
        more_images = sum(1 for _ in self.live_images()) - self.images if recount else 0
        self.apply({}, self.next_offset, more_images)

    def close(self) -> None:
        self._mark(self.next_offset, self.images, closed=True)
        self._env.sync(True)
        self.release()

    def release(self) -> None:
        """Let go without claiming a clean end."""
        self._env.close()
        self._lock.close()

    def _open(self) -> lmdb.Environment:
        path = self._folder / "data"
        make_private_folder(path)
        try:
            return _open_lmdb(path)
        except lmdb.Error:  # not LMDB, or damaged: it is only a cache
            shutil.rmtree(path)
            make_private_folder(path)
            return _open_lmdb(path)

    def _grow_and_retry(self, write: Callable[[], None]) -> None:
        while True:
            try:
                return write()
            except lmdb.MapFullError:
                self._env.set_mapsize(self._env.info()["map_size"] * 2)

    def _put(self, items: list[tuple[bytes, bytes | None]]) -> None:
        with self._env.begin(write=True) as txn, txn.cursor() as cursor:
            cursor.putmulti([(key, value) for key, value in items if value is not None])
            for key, value in items:
                if value is None:
                    txn.delete(key)

    def _mark(self, next_offset: int, images: int, closed: bool = False) -> None:
        """Write down what the store reflects."""
        meta = _Meta(
            format=STORE_FORMAT,
            cluster_id=self._identity.cluster_id,
            topic=self._identity.topic,
            topic_id=self._identity.topic_id,
            partition=self._identity.partition,
            next_offset=next_offset,
            images=images,
            moved_at_s=self._moved_at_s,
            boot_id=boot_id(),
            closed=closed,
        )
        with self._env.begin(write=True) as txn:
            txn.put(_META_KEY, meta.model_dump_json().encode())
        self.next_offset, self.images = next_offset, images

    def _read_meta(self) -> _Meta | None:
        with self._env.begin() as txn:
            stored = txn.get(_META_KEY)
        try:
            return None if stored is None else _Meta.model_validate_json(bytes(stored))
        except ValidationError:
            return None

    def _is_mine(self, meta: _Meta) -> bool:
        return Identity(meta.cluster_id, meta.topic, meta.topic_id, meta.partition) == self._identity


def boot_id() -> str:
    """Identity of this run of the machine; without one every store that was not closed is rebuilt."""
    try:
        return _BOOT_ID.read_text(encoding="ascii").strip()
    except OSError:
        return f"unknown at {time.time_ns()}"


def _open_lmdb(path: Path) -> lmdb.Environment:
    with fresh_memory():
        return lmdb.open(str(path), map_size=_FIRST_MAP_BYTES, mode=0o600, sync=False, metasync=False, lock=False, max_dbs=0)


def _is_long(key: bytes) -> bool:
    """Whether LMDB cannot hold the key as it is."""
    return len(key) >= _MAX_KEY_BYTES


def _any_long(keys: Collection[bytes]) -> bool:
    """Nearly always none is: found by the longest alone."""
    return _is_long(max(keys, key=len, default=b""))


def _short(key: bytes) -> bytes:
    """The key as LMDB can hold it: long ones keep their beginning (for the order) and end in their digest."""
    return key[: _MAX_KEY_BYTES - _DIGEST_BYTES] + hashlib.sha512(key).digest() if _is_long(key) else key


def _wrap(key: bytes, value: bytes) -> bytes:
    """A long key stands whole before its value."""
    return len(key).to_bytes(4, "big") + key + value if _is_long(key) else value


def _strip(key: bytes, value: bytes) -> bytes:
    return value[4 + len(key) :] if _is_long(key) else value


def _restore(short: bytes, value: bytes) -> tuple[bytes, bytes]:
    """Key and value as they were given; a shortened key is itself as long as a long one may be."""
    if not _is_long(short):
        return short, value
    length = int.from_bytes(value[:4], "big")
    return value[4 : 4 + length], value[4 + length :]
