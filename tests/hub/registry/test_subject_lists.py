"""Subject lists in the database: exact, with ends, and what Kafka is told survives any crash."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from gongyu_hub.registry import epochs, subject_lists
from gongyu_hub.registry.database import Database, open_database
from gongyu_hub.registry.subject_lists import Change, ListKey, NotKnown, Taken
from gongyu_hub.registry.tables import ListedType
from tests.hub.building import load

VIP = ListKey("bank", "person", "vip")


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    opened = open_database(tmp_path)
    with opened.writing() as session:
        epochs.know_type(session, load("person"))
    yield opened
    opened.close()


def bring(database: Database, entries: dict[bytes, int | None], action: str = "put") -> Taken:
    with database.writing() as session:
        list_id = subject_lists.find_or_make(session, VIP)
        pairs = list(entries.items())
        for first in range(0, len(pairs), 3):
            subject_lists.stage(session, "upload", pairs[first : first + 3])
        if action == "remove":
            taken = subject_lists.take_away(session, list_id, "upload")
        else:
            taken = subject_lists.take(session, list_id, "upload", remove_others=action == "put")
        subject_lists.drop_upload(session, "upload")
    return taken


def announce(database: Database) -> None:
    with database.writing() as session:
        session.get_one(ListedType, "person").published = True


def untold(database: Database) -> list[Change]:
    with database.reading() as session:
        return subject_lists.untold(session, 1000)


def held(database: Database) -> dict[bytes, int | None]:
    with database.reading() as session:
        list_id = subject_lists.find(session, VIP)
        assert list_id is not None
        return dict(subject_lists.page(session, list_id, b"", 1000))


def test_put_makes_the_list_exactly_this_and_counts_what_differs(database: Database) -> None:
    assert bring(database, {b"a": None, b"b": 5, b"c": None}) == Taken(added=3, removed=0, extended=0, kept=0)
    assert bring(database, {b"b": 9, b"c": None, b"d": None}) == Taken(added=1, removed=1, extended=1, kept=1)
    assert held(database) == {b"b": 9, b"c": None, b"d": None}
    assert bring(database, {b"a": None}, "add") == Taken(added=1, removed=0, extended=0, kept=0), "a comes back before Kafka knew it left"
    assert bring(database, {b"d": None, b"x": None}, "remove") == Taken(added=0, removed=1, extended=0, kept=0, absent=1)
    assert held(database) == {b"a": None, b"b": 9, b"c": None}


def test_a_subject_given_twice_is_there_until_the_later_end(database: Database) -> None:
    with database.writing() as session:
        list_id = subject_lists.find_or_make(session, VIP)
        assert subject_lists.stage(session, "u", [(b"a", 5), (b"a", 7), (b"b", 3)]) == 2
        assert subject_lists.stage(session, "u", [(b"a", 6), (b"b", None)]) == 0
        subject_lists.take(session, list_id, "u", remove_others=True)
    assert held(database) == {b"a": 7, b"b": None}


def test_an_end_that_has_come_removes_and_a_changed_end_is_told_nobody(database: Database) -> None:
    announce_later = {b"a": 5, b"b": 9, b"c": None}
    bring(database, announce_later)
    announce(database)
    with database.writing() as session:
        subject_lists.note_told(session, subject_lists.untold(session, 1000))
    bring(database, {**announce_later, b"a": 6})
    assert untold(database) == []
    with database.writing() as session:
        assert not subject_lists.any_due(session, 5) and subject_lists.any_due(session, 6)
        assert subject_lists.expire(session, 6) == 1
    assert [(each.subject, each.removed, each.name) for each in untold(database)] == [(b"a", True, "bank/vip")]


def test_nothing_is_told_before_the_type_is_announced(database: Database) -> None:
    bring(database, {b"a": None})
    assert untold(database) == []
    with database.reading() as session:
        assert not subject_lists.all_told(session, "person", [("bank", "vip")])
        assert subject_lists.all_told(session, "person", [("bank", "other")])
    announce(database)
    assert [(each.subject, each.partitions) for each in untold(database)] == [(b"a", 4)]


def test_an_unknown_type_has_no_lists(database: Database) -> None:
    with pytest.raises(NotKnown, match="'cat' is not known"), database.writing() as session:
        subject_lists.find_or_make(session, ListKey("bank", "cat", "vip"))


def test_the_topic_ends_equal_to_the_database_however_often_telling_is_cut_off(database: Database) -> None:
    """`topic` is what compaction would leave; a crash falls between telling and noting it."""
    rng, topic, crashes = random.Random(3), {}, 0
    bring(database, {})
    announce(database)
    subjects = [b"%d" % number for number in range(12)]
    for _ in range(200):
        some = dict.fromkeys(rng.sample(subjects, rng.randrange(1, 8)))
        bring(database, some, rng.choice(["put", "add", "remove"]))
        with database.reading() as session:
            changes = subject_lists.untold(session, rng.randrange(1, 9))
        for each in changes:
            topic[each.subject] = not each.removed
        if rng.random() < 0.3:
            bring(database, {rng.choice(subjects): None}, rng.choice(["add", "remove"]))  # between the reading and the noting
        if rng.random() < 0.4:
            crashes += 1
            continue
        with database.writing() as session:
            subject_lists.note_told(session, changes)
    while changes := untold(database):
        for each in changes:
            topic[each.subject] = not each.removed
        with database.writing() as session:
            subject_lists.note_told(session, changes)
    assert {subject for subject, there in topic.items() if there} == held(database).keys() and crashes > 30
