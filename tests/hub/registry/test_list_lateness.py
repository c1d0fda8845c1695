"""How long removals have been waiting to be told: exact enough to stop the heart by, whatever else waits with them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from gongyu_hub.registry import epochs, subject_lists
from gongyu_hub.registry.database import Database
from gongyu_hub.registry.list_lateness import Lateness
from gongyu_hub.registry.subject_lists import ListKey
from gongyu_hub.registry.tables import ListedType
from tests.hub.building import load
from tests.hub.registry.conftest import Opened


@pytest.fixture
def database(tmp_path: Path, opened: Opened) -> Iterator[Database]:
    database = opened(tmp_path)
    with database.writing() as session:
        epochs.know_type(session, load("person"))
        subject_lists.find_or_make(session, ListKey("bank", "person", "vip"))
        session.get_one(ListedType, "person").published = True
    yield database
    database.close()


def put(database: Database, *subjects: bytes, until_ms: int | None = None) -> None:
    with database.writing() as session:
        subject_lists.stage(session, "u", [(each, until_ms) for each in subjects])
        list_id = subject_lists.find_or_make(session, ListKey("bank", "person", "vip"))
        subject_lists.take(session, list_id, "u", remove_others=True)
        subject_lists.drop_upload(session)


def tell(database: Database, limit: int = 100) -> list[bytes]:
    with database.writing() as session:
        changes = subject_lists.untold(session, limit)
        subject_lists.note_told(session, changes)
    return [each.subject for each in changes]


def late_s(database: Database, lateness: Lateness, now_s: float, now_ms: int = 0) -> float:
    with database.reading() as session:
        return lateness.seconds(session, now_s, now_ms)


def test_additions_are_never_late_and_removals_are_since_they_were_known_first(database: Database) -> None:
    lateness = Lateness()
    put(database, b"a", b"b", b"c", b"d")
    assert [late_s(database, lateness, now_s) for now_s in (0, 100)] == [0, 0]
    tell(database)
    put(database, b"b", b"c", b"d")
    assert [late_s(database, lateness, now_s) for now_s in (200, 201)] == [0, 1]
    put(database, b"c", b"d", b"e")
    assert late_s(database, lateness, 203) == 3
    assert tell(database, 1) == [b"a"]
    assert late_s(database, lateness, 204) == 1, "b was known to be removed at 203"
    assert tell(database) == [b"b", b"e"], "what a change removes is told before what it adds"
    assert late_s(database, lateness, 300) == 0
    put(database, b"d")
    assert late_s(database, lateness, 301) == 0


def test_a_removal_taken_back_is_late_no_more(database: Database) -> None:
    lateness = Lateness()
    put(database, b"a")
    tell(database)
    put(database, b"b")
    assert [late_s(database, lateness, now_s) for now_s in (0, 9)] == [0, 9]
    put(database, b"a", b"b")
    assert late_s(database, lateness, 10) == 0


def test_an_end_that_has_come_is_late_until_it_is_told(database: Database) -> None:
    lateness = Lateness()
    put(database, b"a", until_ms=5_000)
    tell(database)
    assert [late_s(database, lateness, 0, now_ms) for now_ms in (4_000, 5_000, 12_500)] == [0, 0, 7.5]
    with database.writing() as session:
        assert subject_lists.expire(session, 12_500) == 1
    assert [late_s(database, lateness, now_s, 20_000) for now_s in (1, 4)] == [0, 3]
    tell(database)
    assert late_s(database, lateness, 5, 20_000) == 0


@pytest.mark.parametrize("url", ["sqlite"], indirect=True)  # PostgreSQL reads a table of two rows whole
def test_the_questions_of_every_second_use_an_index(database: Database) -> None:
    put(database, b"a", b"b", until_ms=5_000)
    seen: list[str] = []
    with database.reading() as session:
        connection = session.connection().connection.driver_connection
        assert connection is not None
        connection.set_trace_callback(seen.append)
        subject_lists.untold(session, 10)
        subject_lists.oldest_removal(session)
        subject_lists.next_end(session)
        connection.set_trace_callback(None)
        plans = [[row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {each}")] for each in seen if each.startswith("SELECT")]
    assert len(plans) == 3
    for plan, index in zip(plans, ("list_entry_change", "list_entry_change", "list_entry_until"), strict=True):
        assert f"USING INDEX {index}" in plan[0] or f"USING COVERING INDEX {index}" in plan[0], plan
        assert not any("TEMP B-TREE" in step for step in plan), plan
