"""Log-ins: the Kafka user's password and nothing else; wrong ones are slow, right ones never wait for them."""

from __future__ import annotations

import asyncio
import base64
import time
from collections.abc import Iterator

import pytest

from gongyu_hub.gateway import login
from gongyu_hub.registry.credentials import Credentials
from gongyu_hub.registry.principals import Principal, Role, principal_of
from tests.hub.gateway.registry_of_two import World, password, world

ROUTES = ["/", "/subjects", "/config", "/schemas/types", "/schemas/ids/1", "/subjects/grant.vet.dogs-value/versions"]


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with world(tmp_path_factory.mktemp("world")) as made:
        yield made


@pytest.mark.parametrize("path", ROUTES)
def test_every_route_asks_for_a_log_in(two: World, path: str) -> None:
    reply = two.client.get(path)
    assert reply.status_code == 401
    assert reply.headers["www-authenticate"].startswith("Basic ")
    assert reply.json()["error_code"] == 40101


def test_a_body_is_not_read_before_the_log_in(two: World) -> None:
    assert two.client.post("/subjects/x-value/versions", content=b"{" * 100).status_code == 401
    assert two.client.post("/subjects/x-value", content=b"{" * 100).status_code == 401


@pytest.mark.parametrize(
    "authorization",
    [
        "Bearer abc",
        "Basic",
        "Basic ???",
        "Basic " + base64.b64encode(b"no colon").decode(),
        "Basic " + base64.b64encode(b"\xff\xfe:x").decode(),
        "Basic " + base64.b64encode(b"subscriber.vet:").decode(),
        "Basic " + base64.b64encode(b"subscriber.vet:wrong").decode(),
        "Basic " + base64.b64encode(b"subscriber.vet:" + password("subscriber.shop").encode()).decode(),
        "Basic " + base64.b64encode(b"nobody:x").decode(),
        "Basic " + base64.b64encode(b"subscriber.vet:" + b"x" * 100_000).decode(),
    ],
)
def test_a_wrong_log_in_is_refused(two: World, authorization: str) -> None:
    assert two.client.get("/", headers={"Authorization": authorization}).status_code == 401


def test_wrong_log_ins_get_slower_and_the_right_one_still_works_at_once(two: World) -> None:
    for _ in range(5):
        two.client.get("/", auth=("owner.kennel", "wrong"))
    start = time.monotonic()
    two.client.get("/", auth=("owner.kennel", "wrong"))
    slow = time.monotonic() - start
    start = time.monotonic()
    assert two.client.get("/", auth=("owner.kennel", password("owner.kennel"))).status_code == 200
    assert slow > 1.0 > time.monotonic() - start


def test_a_log_in_that_succeeded_costs_no_hash_again(two: World) -> None:
    two.get("subscriber.vet", "/")
    start = time.process_time()
    for _ in range(20):
        assert two.credentials.remembered("subscriber.vet", password("subscriber.vet"))
    assert time.process_time() - start < 0.2
    assert not two.credentials.remembered("subscriber.vet", "wrong")


def test_a_changed_password_ends_the_old_one_at_once(two: World) -> None:
    user = "owner.cattery"
    assert two.get(user, "/")[0] == 200
    two.credentials.keep(user, "another")
    assert two.get(user, "/")[0] == 401
    assert two.client.get("/", auth=(user, "another")).status_code == 200
    two.credentials.keep(user, password(user))


def test_passwords_are_kept_as_hashes_only(two: World) -> None:
    with two.database.reading() as session:
        dump = "\n".join(session.connection().connection.driver_connection.iterdump())  # type: ignore[union-attr]
    assert "$argon2id$" in dump
    assert "password of" not in dump
    assert not Credentials(two.database).remembered("subscriber.vet", password("subscriber.vet")), "memory is a process's own"


@pytest.mark.parametrize(
    ("user", "expected"),
    [
        ("admin", Principal(Role.ADMIN, "admin")),
        ("hub", Principal(Role.HUB, "hub")),
        ("owner.a-b", Principal(Role.OWNER, "a-b")),
        ("subscriber.a", Principal(Role.SUBSCRIBER, "a")),
        ("owner.", None),
        ("owner.a.b", None),
        ("subscriber.A", None),
        ("root", None),
        ("", None),
        ("other.a", None),
    ],
)
def test_a_user_name_says_who_it_is(user: str, expected: Principal | None) -> None:
    assert principal_of(user) == expected


def test_only_so_many_refusals_are_held_back_at_a_time(two: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(login, "_FIRST_DELAY_S", 0.5)
    monkeypatch.setattr(login, "_REFUSALS_HELD_MAX", 2)
    door = login.Door(two.credentials)
    took: list[float] = []

    async def refuse() -> None:
        start = time.monotonic()
        await door._delay("hub")
        took.append(time.monotonic() - start)

    async def flood() -> None:
        await asyncio.gather(*(refuse() for _ in range(5)))

    asyncio.run(flood())
    assert [seconds >= 0.5 for seconds in sorted(took)] == [False, False, False, True, True]
    assert door._held == 0
