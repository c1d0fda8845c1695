"""No epoch is published before the hub has read the lists that it uses, whatever other epochs of its type wait for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from gongyu_hub.registry import epochs, subject_lists
from gongyu_hub.registry.database import Database
from gongyu_hub.registry.epochs import Decided
from gongyu_hub.registry.list_gate import ListGate
from gongyu_hub.registry.subject_lists import ListKey
from gongyu_hub.registry.tables import ListedType
from gongyu_schemas.errors import KafkaUnavailable
from tests.hub.building import load
from tests.hub.registry.conftest import Opened

OLD, NEW = ("bank", "old"), ("bank", "new")
VERSION = Decided(b"grant/bank/all/1", b"", published=False)
FIRST = Decided(b"epoch/person/1", b"", published=False, waits_for=("person", (OLD,)))
SECOND = Decided(b"epoch/person/2", b"", published=False, waits_for=("person", (OLD, NEW)))
RESUMED = Decided(b"epoch/person/3", b"", published=False)
OTHER = Decided(b"epoch/levy/1", b"", published=False)


class Topic:
    """The topic of lists with one partition: its end, and how far the hub has committed. `away`: Kafka does not answer."""

    def __init__(self) -> None:
        self.end, self.read, self.away = 5, 0, False

    def ends(self, name: str) -> Mapping[int, int]:
        assert name == "hub.subjects.person"
        return {0: self.end, 1: 0}

    def has_read(self, _name: str, ends: Mapping[int, int]) -> bool:
        if self.away:
            raise KafkaUnavailable("away")
        assert 1 not in ends, "of a partition that nothing was ever written to, nobody commits"
        return self.read >= ends[0]


@pytest.fixture
def database(tmp_path: Path, opened: Opened) -> Iterator[Database]:
    database = opened(tmp_path)
    with database.writing() as session:
        epochs.know_type(session, load("person"))
        for _, name in (OLD, NEW):
            subject_lists.find_or_make(session, ListKey("bank", "person", name))
        session.get_one(ListedType, "person").published = True
    with capture_logs():
        yield database
    database.close()


def add(database: Database, name: str) -> None:
    with database.writing() as session:
        subject_lists.stage(session, "u", [(b"s", None)])
        list_id = subject_lists.find_or_make(session, ListKey("bank", "person", name))
        subject_lists.take(session, list_id, "u", remove_others=False)
        subject_lists.drop_upload(session)


def tell(database: Database) -> None:
    with database.writing() as session:
        subject_lists.note_told(session, subject_lists.untold(session, 100))


def test_an_epoch_waits_for_the_lists_that_only_it_uses(database: Database) -> None:
    topic = Topic()
    gate = ListGate(database, topic.ends, topic.has_read)
    records = [VERSION, FIRST, SECOND, RESUMED, OTHER]
    assert gate.passing(records, set()) == [VERSION, OTHER], "the first waits for what its list had: 5"
    add(database, "new")
    topic.read = 5
    assert gate.passing([FIRST, SECOND, RESUMED], set()) == [FIRST], "the new list is not on Kafka yet, and nothing overtakes"
    tell(database)
    topic.end = 7
    assert gate.passing([SECOND, RESUMED], set()) == [], "the new list is there, and not read"
    add(database, "old")
    topic.end = 9
    topic.read = 7
    assert gate.passing([SECOND, RESUMED], set()) == [SECOND, RESUMED], "what came after the epoch was first asked for is not waited for"


def test_an_epoch_does_not_overtake_one_whose_lists_are_read_a_moment_later(database: Database) -> None:
    topic = Topic()
    topic.read = 5
    asked: list[int] = []

    def has_read(name: str, ends: Mapping[int, int]) -> bool:
        asked.append(1)
        return len(asked) > 1 and topic.has_read(name, ends)

    gate = ListGate(database, topic.ends, has_read)
    assert gate.passing([FIRST, SECOND], set()) == []
    assert gate.passing([FIRST, SECOND], set()) == [FIRST, SECOND]


def test_nothing_passes_that_kafka_does_not_tell_of_and_new_lists_need_only_be_empty(database: Database) -> None:
    topic = Topic()
    topic.away = True
    gate = ListGate(database, topic.ends, topic.has_read)
    assert gate.passing([VERSION, FIRST], set()) == [VERSION]
    assert gate.passing([FIRST], {"person"}) == [FIRST]
    add(database, "old")
    assert gate.passing([SECOND], {"person"}) == []
