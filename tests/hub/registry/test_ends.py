"""The end of a grant is decided once, kept with who, when and why, and nothing revives it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from gongyu_hub.policy.records import Ended, Manifest
from gongyu_hub.registry import acts, ends, epochs, list_names
from gongyu_hub.registry.database import Database
from gongyu_hub.registry.policy_check import read_policy
from gongyu_hub.registry.subject_lists import ListKey
from gongyu_hub.registry.tables import ActRow
from gongyu_schemas.information_type import InformationType, load_types
from tests.hub.registry.conftest import Opened
from tests.hub.registry.policies import grant, write_policy, write_type

TODAY = date(2026, 3, 1)
LAW = {"statute": "Dog Act", "article": "7", "valid_from": "2020-01-01"}
GRANTS = (
    grant("vet", "all", subjects={"list": "patients"}),
    grant("vet", "year", valid_to="2026-12-31"),
    grant("shop", "law", legal_basis={**LAW, "valid_to": "2026-06-30"}),
)


@dataclass
class World:
    database: Database
    types: dict[str, InformationType]
    file: Path

    def end(self, subscriber: str, name: str, reason: str = "an order", now_ms: int = 1000) -> ends.EndedGrant:
        with self.database.writing() as session:
            return ends.decide_end(session, "admin", subscriber, name, reason, now_ms)

    def newest(self) -> Manifest:
        with self.database.reading() as session:
            found = acts.newest_manifest(session, "dog")
        assert found is not None
        return found

    def changes(self, *grants: dict[str, Any]) -> list[str]:
        known = {(each["subscriber"], each["grant"]) for each in GRANTS}
        policy = read_policy(write_policy(self.file, *grants, subscribers=("vet", "shop")), self.types, TODAY, known)
        with self.database.reading() as session:
            return epochs.changes_in_force(session, self.types, policy)


@pytest.fixture
def world(tmp_path: Path, opened: Opened) -> Iterator[World]:
    write_type(tmp_path / "types")
    write_type(tmp_path / "types", "cat", "cattery")
    types = load_types(tmp_path / "types")
    file = tmp_path / "policy.yaml"
    policy = read_policy(write_policy(file, *GRANTS), types, TODAY)
    database = opened(tmp_path)
    topics = {f"grant.{each.subscriber}.{each.name}": 4 for each in policy.grants}
    with database.writing() as session:
        epochs.know_type(session, types["dog"])
        epochs.decide_first_epoch(session, types["dog"], policy.grants, topics, key_check="", now_ms=1)
        epochs.mark_published(session, {each.key for each in epochs.decided_records(session)})
    yield World(database, types, file)
    database.close()


def test_an_end_is_an_epoch_that_differs_by_it_alone_with_who_when_and_why(world: World) -> None:
    before = world.newest()
    found = world.end("vet", "year", "order 17")
    now = world.newest()
    assert found == ends.EndedGrant("dog", Ended(epoch=2, at_ms=1000, who="admin", reason="order 17"))
    assert [(each.grant, each.state) for each in now.grants] == [("all", "active"), ("year", "ended"), ("law", "active")]
    assert now.follows(before) and not before.follows(now), "what has ended never comes back"
    with world.database.reading() as session:
        [act] = session.scalars(select(ActRow))
        [waiting] = [each for each in epochs.decided_records(session) if not each.published]
        assert (act.epoch, act.at_ms, act.who, act.what) == (2, 1000, "admin", "end grant vet/year: order 17")
        assert (waiting.key, waiting.waits_for) == (b"epoch/dog/2", None), "it waits for no list"
        assert epochs.last_published_ms(session) == 1


def test_an_end_is_decided_once(world: World) -> None:
    first = world.end("vet", "year", "order 17")
    assert world.end("vet", "year", "another order", 9000) == first and world.newest().epoch == 2
    world.end("vet", "all")
    assert world.newest().epoch == 3 and world.end("vet", "year") == first


@pytest.mark.parametrize(("subscriber", "name"), [("vet", "nothing"), ("nobody", "all")])
def test_what_is_not_there_is_told(world: World, subscriber: str, name: str) -> None:
    with pytest.raises(acts.NotKnown, match="has no grant"):
        world.end(subscriber, name)


def test_the_policy_file_may_drop_what_has_ended_and_cannot_revive_it(world: World) -> None:
    all_, year, law = GRANTS
    advice = "grant vet/year: is gone; put it back, or end it first: `gongyu-hub grant stop vet year --reason TEXT`"
    assert world.changes(all_, law) == [advice]
    world.end("vet", "year")
    assert world.changes(all_, law) == world.changes(all_, year, law) == []
    assert world.changes(all_, {**year, "fields": ["dog_id"], "valid_to": "2030-01-01"}, law) == []
    assert world.changes(all_, grant("vet", "year", "cat"), law) == [
        "grant vet/year: a grant of this name on dog has ended: use another name"
    ]
    with world.database.reading() as session:
        assert set(ends.ended_grants(session)) == {("vet", "year")}


@pytest.mark.parametrize(
    ("today", "lapsed"),
    [
        (date(2026, 6, 30), []),
        (date(2026, 7, 1), [("shop", "law", "its legal basis lapsed: the last day of Dog Act, 7 was 2026-06-30")]),
        (
            date(2027, 1, 1),
            [
                ("shop", "law", "its legal basis lapsed: the last day of Dog Act, 7 was 2026-06-30"),
                ("vet", "year", "its last day was 2026-12-31"),
            ],
        ),
    ],
)
def test_a_grant_lapses_behind_its_last_day_and_its_laws(world: World, today: date, lapsed: list[tuple[str, str, str]]) -> None:
    with world.database.reading() as session:
        assert [(each.subscriber, each.grant, each.reason) for each in ends.lapsed(session, today)] == lapsed
    for subscriber, name, _ in lapsed:
        world.end(subscriber, name)
    with world.database.reading() as session:
        assert ends.lapsed(session, today) == []


def test_a_list_is_not_used_by_what_has_ended(world: World) -> None:
    key = ListKey("vet", "dog", "patients")
    with world.database.reading() as session:
        assert list_names.used_by(session, key) == ["all"]
    world.end("vet", "all")
    with world.database.reading() as session:
        assert list_names.used_by(session, key) == []
