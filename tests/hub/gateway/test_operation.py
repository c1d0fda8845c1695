"""Only the administrator operates the hub, and only when it is ready."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from gongyu_hub.registry import ends
from tests.hub.gateway.registry_of_two import USERS, World, world

STOP = "/operation/grants/vet/dogs/stop"
RESUME = "/operation/types/dog/partitions/0/resume"


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder: Path = tmp_path_factory.mktemp("registry")
    with world(folder) as found:
        yield found


@pytest.mark.parametrize("user", [user for user in USERS if user != "admin"])
def test_nobody_else_may_operate(two: World, user: str) -> None:
    for path, body in ((RESUME, {"offset": 1}), (STOP, {"reason": "an order"})):
        status, reply = two.post(user, path, body)
        assert (status, reply) == (403, {"error_code": 40301, "message": "Only the administrator may operate the hub."})


def test_without_a_log_in_it_is_refused(two: World) -> None:
    assert two.client.post(RESUME, json={"offset": 1}).status_code == 401
    assert two.client.post(STOP, json={"reason": "an order"}).status_code == 401
    assert two.client.get("/ended-grants").status_code == 401


def test_a_control_plane_that_starts_says_so(two: World) -> None:
    status, _ = two.post("admin", RESUME, {"offset": 1})
    assert status == 503


def test_a_large_body_is_not_read(two: World) -> None:
    status, _ = two.post("admin", RESUME, {"offset": 1, "more": "x" * 5000})
    assert status == 413


def test_who_may_know_of_an_end(two: World) -> None:
    with two.database.writing() as session:
        ends.decide_end(session, "admin", "vet", "dogs", "an order", 1000)
        ends.decide_end(session, "clock", "shop", "cats", "its last day was 2026-01-01", 2000)
    dogs = {"subscriber": "vet", "grant": "dogs", "information_type": "dog", "epoch": 2}
    dogs |= {"ended_ms": 1000, "who": "admin", "reason": "an order"}
    cats = {"subscriber": "shop", "grant": "cats", "information_type": "cat", "epoch": 2}
    cats |= {"ended_ms": 2000, "who": "clock", "reason": "its last day was 2026-01-01"}
    seen = {user: two.get(user, "/ended-grants") for user in USERS}
    assert seen == {
        "admin": (200, [cats, dogs]),
        "hub": (200, [cats, dogs]),
        "owner.kennel": (200, [dogs]),
        "owner.cattery": (200, [cats]),
        "subscriber.vet": (200, [dogs]),
        "subscriber.shop": (200, [cats]),
    }
