"""A removal that the hub has not read is kept and told again, whatever Kafka compacts away; one that it has read is forgotten."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from sqlalchemy import select
from structlog.testing import capture_logs

from gongyu_hub.registry import epochs, subject_lists
from gongyu_hub.registry.database import Database
from gongyu_hub.registry.subject_lists import ListKey
from gongyu_hub.registry.tables import ListedType, ListEntry
from gongyu_hub.registry.unread_removals import CHECK_EVERY_S, TELL_AGAIN_AFTER_S, UnreadRemovals
from gongyu_schemas.errors import KafkaUnavailable
from tests.hub.building import load
from tests.hub.registry.conftest import Opened

DAY_S = 24 * 3600.0


class Hub:
    """One partition of lists as (time, subject, there) that compaction takes away unread after 21 days, and a hub that reads it."""

    def __init__(self) -> None:
        self.now_s, self.log, self.read, self.members, self.away = 0.0, list[tuple[float, bytes, bool] | None](), 0, set[bytes](), False

    def ends(self, _topic: str) -> Mapping[int, int]:
        if self.away:
            raise KafkaUnavailable("away")
        return {0: len(self.log), 1: 0}

    def has_read(self, _topic: str, ends: Mapping[int, int]) -> bool:
        return self.read >= ends.get(0, 0)

    def compact(self) -> None:
        """Only the newest of a key stays, and a removal no longer than 21 days."""
        newest = {entry[1]: at for at, entry in enumerate(self.log) if entry is not None}
        for at, entry in enumerate(self.log):
            if entry is not None and self.now_s - entry[0] > 21 * DAY_S and (newest[entry[1]] != at or not entry[2]):
                self.log[at] = None

    def work(self, limit: int | None = None) -> None:
        for entry in self.log[self.read : limit]:
            if entry is not None:
                (self.members.add if entry[2] else self.members.discard)(entry[1])
        self.read = len(self.log) if limit is None else max(self.read, min(limit, len(self.log)))


@pytest.fixture
def database(tmp_path: Path, opened: Opened) -> Iterator[Database]:
    database = opened(tmp_path)
    with database.writing() as session:
        epochs.know_type(session, load("person"))
        subject_lists.find_or_make(session, ListKey("bank", "person", "vip"))
        session.get_one(ListedType, "person").published = True
    with capture_logs():
        yield database
    database.close()


def change(database: Database, action: str, *subjects: bytes) -> None:
    with database.writing() as session:
        list_id = subject_lists.find_or_make(session, ListKey("bank", "person", "vip"))
        subject_lists.stage(session, "u", [(each, None) for each in subjects])
        if action == "remove":
            subject_lists.take_away(session, list_id, "u")
        else:
            subject_lists.take(session, list_id, "u", remove_others=action == "put")
        subject_lists.drop_upload(session)


def tell(database: Database, hub: Hub, limit: int = 100) -> None:
    with database.writing() as session:
        changes = subject_lists.untold(session, limit)
        hub.log += [(hub.now_s, each.subject, not each.removed) for each in changes]
        subject_lists.note_told(session, changes)


def kept(database: Database) -> list[bytes]:
    with database.reading() as session:
        return list(session.scalars(select(ListEntry.subject).where(ListEntry.removed).order_by(ListEntry.subject)))


def start(database: Database, hub: Hub) -> UnreadRemovals:
    removals = UnreadRemovals(database, hub.ends, hub.has_read, lambda: hub.now_s)
    removals.check()
    return removals


def test_a_removal_is_kept_until_the_hub_has_read_it_and_told_again_at_a_start(database: Database) -> None:
    hub = Hub()
    change(database, "put", b"a", b"b")
    tell(database, hub)
    hub.work()
    change(database, "remove", b"a")
    tell(database, hub)
    hub.now_s += 60 * DAY_S  # everything stands still, but Kafka
    hub.compact()
    hub.work()
    assert hub.members == {b"a", b"b"}, "without its removal told again, a would stay for ever"
    hub.read = 2
    removals = start(database, hub)
    tell(database, hub)
    hub.work()
    assert hub.members == {b"b"} and kept(database) == [b"a"]
    hub.now_s += CHECK_EVERY_S
    removals.check()
    assert kept(database) == []
    start(database, hub)
    with database.reading() as session:
        assert subject_lists.untold(session, 10) == [], "what the hub has read is not told again"


def test_what_is_told_after_the_ends_were_asked_for_is_not_forgotten_with_them(database: Database) -> None:
    hub = Hub()
    change(database, "put", b"a", b"b", b"c", b"d")
    tell(database, hub)
    removals = start(database, hub)

    def check() -> list[bytes]:
        hub.now_s += CHECK_EVERY_S
        removals.check()
        return kept(database)

    change(database, "remove", b"a")
    tell(database, hub)
    change(database, "remove", b"b", b"c")
    tell(database, hub, limit=1)  # half of one change
    hub.away = True
    assert check() == [b"a", b"b", b"c"]
    hub.away = False
    assert check() == [b"a", b"b", b"c"]
    ends = len(hub.log)
    tell(database, hub)
    change(database, "remove", b"d")
    tell(database, hub)
    hub.work(ends)
    assert check() == [b"b", b"c", b"d"], "a was read, and of a change that was half told nothing is known to be"
    assert check() == [b"b", b"c", b"d"]
    hub.work()
    assert check() == []


def test_no_subject_stays_at_the_hub_through_any_standstill_of_either(database: Database) -> None:
    rng, hub, stood = random.Random(5), Hub(), 0
    removals, subjects = start(database, hub), [b"%d" % number for number in range(8)]
    for _ in range(400):
        act = rng.randrange(6)
        if act < 2:
            change(database, rng.choice(["put", "add", "remove"]), *rng.sample(subjects, rng.randrange(1, 5)))
        elif act == 2:
            tell(database, hub, rng.randrange(1, 6))
        elif act == 3:
            hub.work(hub.read + rng.randrange(1, 10))
        elif act == 4:  # a week or so in which workers stand still
            hub.now_s += rng.uniform(0, 7 * DAY_S)
            removals.check()
            tell(database, hub)
        else:  # and one in which the control plane does, so that nobody reads
            hub.now_s += rng.uniform(0, 50 * DAY_S)
            stood += 1
            hub.compact()
            removals = start(database, hub)
            tell(database, hub)
        hub.compact()
    tell(database, hub, 1000)
    hub.work()
    with database.reading() as session:
        list_id = subject_lists.find(session, ListKey("bank", "person", "vip"))
        assert list_id is not None
        assert hub.members == {subject for subject, _ in subject_lists.page(session, list_id, b"", 100)}
    print(f"standstills: {stood}, messages: {len(hub.log)}")
    assert stood > 40


def test_a_running_control_plane_tells_again_long_before_compaction() -> None:
    assert TELL_AGAIN_AFTER_S <= 21 * DAY_S / 3
