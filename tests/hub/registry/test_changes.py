"""A change to what is in force is recognised and named exactly; what the hub does not depend on may change."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from gongyu_hub.registry import epochs
from gongyu_hub.registry.database import Database
from gongyu_hub.registry.policy_check import Policy, read_policy
from gongyu_schemas.information_type import InformationType, load_types
from tests.hub.registry.conftest import Opened
from tests.hub.registry.policies import FIELDS, grant, write_policy, write_type

TODAY = date(2026, 3, 1)
TREATED = {"dog_id": {"pseudonymise": {"key_version": 1}}}


class Hub:
    """A database with one type in force, and its files."""

    def __init__(self, folder: Path, opened: Opened) -> None:
        self.types, self.file = folder / "types", folder / "policy.yaml"
        self.database: Database = opened(folder)
        write_type(self.types)
        write_policy(self.file, grant("vet", "all", rows="town = 'x'", treatments=TREATED))
        types, policy = self.read()
        with self.database.writing() as session:
            epochs.know_type(session, types["dog"])
            epochs.decide_first_epoch(session, types["dog"], policy.grants_of("dog"), {"grant.vet.all": 4}, key_check="", now_ms=1)

    def read(self) -> tuple[dict[str, InformationType], Policy]:
        types = load_types(self.types)
        return types, read_policy(self.file, types, TODAY)

    def changes(self) -> list[str]:
        types, policy = self.read()
        with self.database.reading() as session:
            return epochs.changes_in_force(session, types, policy)


@pytest.fixture
def hub(tmp_path: Path, opened: Opened) -> Any:
    hub = Hub(tmp_path, opened)
    yield hub
    hub.database.close()


def test_the_same_policy_changes_nothing(hub: Hub) -> None:
    assert hub.changes() == []


def test_new_types_and_grants_of_types_without_an_epoch_are_no_change(hub: Hub) -> None:
    write_type(hub.types, "cat")
    write_policy(hub.file, grant("vet", "all", rows="town = 'x'", treatments=TREATED), grant("vet", "cats", "cat"), subscribers=("new",))
    assert hub.changes() == []


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"fields": ["dog_id", "name", "town"]}, 'grant vet/all: fields: ["dog_id", "name"] -> ["dog_id", "name", "town"]'),
        ({"rows": "town = 'y'"}, "grant vet/all: rows: \"town = 'x'\" -> \"town = 'y'\""),
        ({"rows": None}, "grant vet/all: rows: \"town = 'x'\" -> null"),
        ({"valid_to": "2030-01-01"}, 'grant vet/all: valid_to: null -> "2030-01-01"'),
        (
            {"purpose": {"code": "care", "text": "Other"}},
            'grant vet/all: purpose: {"code": "care", "text": "Care of dogs"} -> {"code": "care", "text": "Other"}',
        ),
        (
            {"treatments": {"dog_id": {"pseudonymise": {"key_version": 2}}}},
            f'grant vet/all: treatments: {json.dumps(TREATED)} -> {{"dog_id": {{"pseudonymise": {{"key_version": 2}}}}}}',
        ),
        ({"treatments": {}}, 'grant vet/all: treatments: {"dog_id": {"pseudonymise": {"key_version": 1}}} -> {}'),
    ],
)
def test_every_change_of_a_grant_is_named(hub: Hub, change: dict[str, Any], named: str) -> None:
    write_policy(hub.file, grant("vet", "all", **{"rows": "town = 'x'", "treatments": TREATED, **change}))
    assert hub.changes() == [named]


def test_grants_that_come_and_go_are_named(hub: Hub) -> None:
    write_policy(hub.file, grant("vet", "other"))
    assert hub.changes() == [
        "grant vet/all: is gone; put it back, or end it first: `gongyu-hub grant stop vet all --reason TEXT`",
        "grant vet/other: is new",
    ]


def test_every_change_of_the_type_is_named(hub: Hub) -> None:
    fields = [FIELDS[0], {"name": "name", "type": ["null", "string"], "default": None}, *FIELDS[3:], {"name": "chip", "type": "int"}]
    write_type(hub.types, partitions=8, fields=fields)
    found = hub.changes()
    assert found[0] == "type dog: partitions: 4 -> 8"
    assert set(found[1:]) == {
        f"type dog: record schema: field name: {json.dumps(FIELDS[1])} -> {json.dumps(fields[1])}",
        "type dog: record schema: field born is gone",
        "type dog: record schema: field chip is new",
    }


def test_a_type_that_is_gone_is_named(hub: Hub) -> None:
    for file in (hub.types / "dog").iterdir():
        file.unlink()
    write_policy(hub.file, subscribers=("vet",))
    assert hub.changes() == ["type dog: its folder is gone (owner kennel)"]


def test_an_epoch_is_decided_once_and_its_bytes_stay(hub: Hub) -> None:
    with hub.database.reading() as session:
        records = epochs.decided_records(session)
        assert epochs.unpublished_records(session) == records
    assert [each.key for each in records] == [b"grant/vet/all/1", b"epoch/dog/1"], "a manifest comes after what it names"
    assert not any(each.published for each in records)
    with hub.database.writing() as session:
        epochs.mark_published(session, {b"grant/vet/all/1"})
    with hub.database.reading() as session:
        assert [each.published for each in epochs.decided_records(session)] == [True, False]
    with hub.database.writing() as session:
        epochs.mark_published(session, {b"epoch/dog/1"})
    with hub.database.reading() as session:
        assert epochs.unpublished_records(session) == []
        assert [(each.key, each.value) for each in epochs.decided_records(session)] == [(each.key, each.value) for each in records]


def test_a_type_without_an_epoch_names_the_topic_of_its_former_owner(hub: Hub) -> None:
    """That topic is asked for messages too: they would be left behind."""
    write_type(hub.types, "wolf", "forest")
    types, _ = hub.read()
    with hub.database.writing() as session:
        epochs.know_type(session, types["wolf"])
        assert epochs.changed_without_epoch(session, types) == {}
    write_type(hub.types, "wolf", "park")
    types, _ = hub.read()
    with hub.database.reading() as session:
        found = epochs.changed_without_epoch(session, types)
    assert found == {"wolf": epochs.PendingChange("owner.forest.wolf", ['type wolf: owner: "forest" -> "park"'], listed=False)}
