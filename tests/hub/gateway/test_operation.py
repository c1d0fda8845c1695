"""Only the administrator operates the hub, and only when it is ready."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.hub.gateway.registry_of_two import USERS, World, world

RESUME = "/operation/types/dog/partitions/0/resume"


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder: Path = tmp_path_factory.mktemp("registry")
    with world(folder) as found:
        yield found


@pytest.mark.parametrize("user", [user for user in USERS if user != "admin"])
def test_nobody_else_may_operate(two: World, user: str) -> None:
    status, reply = two.post(user, RESUME, {"offset": 1})
    assert (status, reply) == (403, {"error_code": 40301, "message": "Only the administrator may operate the hub."})


def test_without_a_log_in_it_is_refused(two: World) -> None:
    assert two.client.post(RESUME, json={"offset": 1}).status_code == 401


def test_a_control_plane_that_starts_says_so(two: World) -> None:
    status, _ = two.post("admin", RESUME, {"offset": 1})
    assert status == 503


def test_a_large_body_is_not_read(two: World) -> None:
    status, _ = two.post("admin", RESUME, {"offset": 1, "more": "x" * 2000})
    assert status == 413
