"""A resume is an epoch that entitles nobody to anything else, with who asked for it; repeated, it is none."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest
from sqlalchemy import select

from gongyu_hub.registry import acts, epochs
from gongyu_hub.registry.database import Database
from gongyu_hub.registry.policy_check import read_policy
from gongyu_hub.registry.tables import ActRow
from gongyu_schemas.information_type import load_types
from tests.hub.registry.conftest import Opened
from tests.hub.registry.policies import grant, write_policy, write_type


@pytest.fixture
def database(tmp_path: Path, opened: Opened) -> Iterator[Database]:
    write_type(tmp_path / "types")
    types = load_types(tmp_path / "types")
    policy = read_policy(write_policy(tmp_path / "policy.yaml", grant("vet", "all")), types, date(2026, 3, 1))
    database = opened(tmp_path)
    with database.writing() as session:
        epochs.know_type(session, types["dog"])
        epochs.decide_first_epoch(session, types["dog"], policy.grants_of("dog"), {"grant.vet.all": 4}, key_check="", now_ms=1)
        epochs.mark_published(session, {b"grant/vet/all/1", b"epoch/dog/1"})
    yield database
    database.close()


def resume(database: Database, partition: int, offset: int, of: str = "dog") -> int:
    with database.writing() as session:
        return acts.decide_resume(session, "admin", of, partition, offset, 1000)


def test_each_resume_is_an_epoch_that_follows_the_one_before(database: Database) -> None:
    assert [resume(database, 0, 7), resume(database, 3, 5), resume(database, 0, 9)] == [2, 3, 4]
    with database.reading() as session:
        newest = acts.newest_manifest(session, "dog")
        unpublished = [each.key for each in epochs.decided_records(session) if not each.published]
        known = [(row.epoch, row.who, row.what) for row in session.scalars(select(ActRow).order_by(ActRow.epoch))]
        first = next(each.value for each in epochs.decided_records(session) if each.key == b"epoch/dog/1")
    assert newest is not None and newest.resume == {0: 9, 3: 5}
    assert newest.follows(type(newest).model_validate_json(first))
    assert unpublished == [b"epoch/dog/2", b"epoch/dog/3", b"epoch/dog/4"]
    assert known[0] == (2, "admin", "resume partition 0 up to offset 7") and len(known) == 3


def test_what_is_published_already_makes_no_new_epoch(database: Database) -> None:
    assert [resume(database, 0, 7), resume(database, 0, 7), resume(database, 0, 3)] == [2, 2, 2]


@pytest.mark.parametrize(("of", "partition"), [("cat", 0), ("dog", 4), ("dog", -1)])
def test_what_is_not_there_is_told(database: Database, of: str, partition: int) -> None:
    with pytest.raises(acts.NotKnown):
        resume(database, partition, 1, of)
