"""The catalogue: every organisation sees every type, nobody sees a grant there, and nothing without a log-in."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from tests.hub.gateway.registry_of_two import USERS, World, world


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with world(tmp_path_factory.mktemp("world")) as made:
        yield made


@pytest.mark.parametrize("user", USERS)
def test_every_organisation_sees_every_type_and_no_grant(two: World, user: str) -> None:
    status, listed = two.get(user, "/types")
    assert isinstance(listed, list)
    assert (status, [each["name"] for each in listed]) == (200, ["cat", "dog"])
    status, dog = two.get(user, "/types/dog")
    assert isinstance(dog, dict)
    assert (status, dog["owner"], dog["key"], dog["record"]) == (200, "kennel", ["dog_id"], two.types["dog"].record_schema)
    assert dog["classification"] == two.types["dog"].classification
    text = json.dumps([listed, dog])
    assert "vet" not in text and "shop" not in text and "grant" not in text


def test_a_type_that_is_not_there_is_not_found(two: World) -> None:
    assert two.get("subscriber.vet", "/types/wolf") == (404, {"error_code": 40404, "message": "Information type 'wolf' not found."})


@pytest.mark.parametrize("path", ["/types", "/types/dog", "/types/wolf"])
def test_nobody_sees_anything_without_a_log_in(two: World, path: str) -> None:
    reply = two.client.get(path)
    assert (reply.status_code, reply.json()["error_code"]) == (401, 40101)
    assert two.client.get(path, auth=("subscriber.vet", "wrong")).status_code == 401


def test_types_are_only_read(two: World) -> None:
    assert two.post("owner.kennel", "/types", {})[0] == 405
    assert two.post("owner.kennel", "/types/dog", {})[0] == 405
