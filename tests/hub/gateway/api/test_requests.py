"""What every route of the API does alike: repeated and conditional requests, pages, limits, errors, ids."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from structlog.testing import capture_logs

from gongyu_hub.gateway.api.calls import KEPT_MS, InFlight
from gongyu_hub.gateway.api.gate import BODY_BYTES_MAX
from gongyu_hub.gateway.api.problems import Problem
from gongyu_hub.registry import tokens
from gongyu_schemas.errors import DatabaseError
from tests.hub.gateway.api.world_of_roles import World


def organisation(name: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "title": {"ko": "기관", "en": "Body"}, "kind": "public", "owner": True, **more}


def added(roles: World, name: str) -> str:
    assert roles.ask("op", "POST", "/organisations", organisation(name)).status_code == 201
    return f"/organisations/{name}"


def test_a_repeated_request_happens_once_and_answers_the_same(roles: World) -> None:
    sent = {"name": "repeated", "title": "R", "kind": "machine", "roles": ["auditor"]}
    first = roles.ask("op", "POST", "/accounts", sent, Idempotency_Key="r-1")
    second = roles.ask("op", "POST", "/accounts", sent, Idempotency_Key="r-1")
    assert (first.status_code, second.status_code) == (201, 201)
    assert first.json() == second.json()
    assert {name: second.headers[name] for name in ("etag", "location")} == {name: first.headers[name] for name in ("etag", "location")}
    assert (first.headers.get("idempotency-replayed"), second.headers["idempotency-replayed"]) == (None, "true")
    assert roles.ask("op", "POST", "/accounts", sent).status_code == 409, "without its key it is another request"


def test_a_key_belongs_to_one_request_of_one_account_for_a_day(roles: World) -> None:
    sent = organisation("keyed")
    assert roles.ask("op", "POST", "/organisations", sent, Idempotency_Key="k-1").status_code == 201
    assert roles.ask("op", "POST", "/organisations", organisation("other"), Idempotency_Key="k-1").json()["type"].endswith("key-reused")
    account = {"name": "keyed", "title": "K", "kind": "person", "roles": ["auditor"]}
    assert roles.ask("op", "POST", "/accounts", account, Idempotency_Key="k-1").status_code == 422
    assert roles.ask("spare-op", "POST", "/organisations", sent, Idempotency_Key="k-1").status_code == 409, "another account's is its own"
    start = roles.now_ms
    try:
        roles.now_ms = start + KEPT_MS
        assert roles.ask("op", "POST", "/organisations", organisation("day-after"), Idempotency_Key="k-1").status_code == 201
    finally:
        roles.now_ms = start


def test_what_was_refused_is_judged_again(roles: World) -> None:
    sent = {"name": "again", "title": "A", "kind": "person", "organisation": "later", "roles": ["owner-officer"]}
    assert roles.ask("op", "POST", "/accounts", sent, Idempotency_Key="again").status_code == 409
    added(roles, "later")
    assert roles.ask("op", "POST", "/accounts", sent, Idempotency_Key="again").status_code == 201


@pytest.mark.parametrize("key", ["", "a b", "x" * 129, "\x7f"])
def test_a_key_that_is_none_is_refused(roles: World, key: str) -> None:
    assert roles.ask("op", "POST", "/organisations", organisation("never"), Idempotency_Key=key).status_code == 422


def test_of_two_requests_with_one_key_at_once_one_waits_its_turn() -> None:
    in_flight, inside, end = InFlight(), threading.Event(), threading.Event()

    def first() -> None:
        with in_flight.alone("a", "k"):
            inside.set()
            end.wait(10)

    thread = threading.Thread(target=first)
    thread.start()
    assert inside.wait(10)
    with pytest.raises(Problem) as refused, in_flight.alone("a", "k"):
        pass
    assert refused.value.status == 409
    with in_flight.alone("b", "k"), in_flight.alone("a", "l"):
        end.set()
    thread.join()
    with in_flight.alone("a", "k"):
        pass


def test_a_change_needs_the_version_that_was_seen(roles: World) -> None:
    path = added(roles, "versioned")
    seen = roles.ask("op", "GET", path).headers["etag"]
    change = {"kind": "private"}
    assert roles.ask("op", "PATCH", path, change).status_code == 428
    assert roles.ask("op", "PATCH", path, change, If_Match=" ").status_code == 428
    for stale in ('"9"', "1", 'W/"1"', '"x"', '"7", "8"'):
        assert roles.ask("op", "PATCH", path, change, If_Match=stale).status_code == 412, stale
    done = roles.ask("op", "PATCH", path, change, If_Match=f'"7", {seen}')
    assert (done.status_code, done.headers["etag"], done.json()["version"]) == (200, '"2"', 2)
    assert roles.ask("op", "PATCH", path, change, If_Match=seen).status_code == 412
    assert roles.ask("op", "PATCH", path, {}, If_Match="*").headers["etag"] == '"2"', "nothing changed"


def test_a_token_is_revoked_in_the_version_that_was_seen(roles: World) -> None:
    path = f"/tokens/{tokens.public_part(roles.add_token('aud'))}"
    assert roles.ask("op", "DELETE", path).status_code == 428
    assert roles.ask("op", "DELETE", path, If_Match='"2"').status_code == 412
    assert roles.ask("op", "GET", path).json()["revoked"] is None
    done = roles.ask("op", "DELETE", path, If_Match='"1"')
    assert (done.status_code, done.headers["etag"], done.content) == (204, '"2"', b"")
    assert roles.ask("op", "DELETE", path, If_Match='"1"').status_code == 412
    assert roles.ask("op", "DELETE", path, If_Match='"2"').status_code == 204, "revoked it is already"


def test_pages_hold_everything_once_whatever_is_added_meanwhile(roles: World) -> None:
    for number in range(5):
        added(roles, f"page-{number}")
    found: list[str] = []
    cursor, pages = "", 0
    while True:
        page = roles.get("op", f"/organisations?limit=2{cursor}")
        found += [each["name"] for each in page["items"]]
        assert len(page["items"]) <= 2
        if pages == 0:
            added(roles, "aaa-before-all")
        pages += 1
        if page["next"] is None:
            break
        cursor = f"&cursor={page['next']}"
    assert found == sorted(set(found))
    assert {f"page-{number}" for number in range(5)} <= set(found)
    newest = [each["id"] for each in roles.get("op", "/history?limit=3")["items"]]
    following = roles.get("op", f"/history?limit=3&cursor={roles.get('op', '/history?limit=3')['next']}")["items"]
    assert newest == sorted(newest, reverse=True) and following[0]["id"] == newest[-1] - 1


@pytest.mark.parametrize("query", ["limit=0", "limit=201", "limit=x", "cursor=", "cursor=!", "cursor=eHg", "cursor=MQ", "cursor=IgAi"])
def test_a_page_that_there_is_not_is_refused(roles: World, query: str) -> None:
    assert roles.ask("op", "GET", f"/organisations?{query}").status_code == 422


def test_errors_are_problems_that_repeat_nothing_of_the_request(roles: World) -> None:
    sent = organisation("wrong", kind="a-secret-kind", title={"ko": "a-secret\0", "en": 7}, **{"a-secret-entry": "a-secret"})
    reply = roles.ask("op", "POST", "/organisations", sent)
    assert (reply.status_code, reply.headers["content-type"]) == (422, "application/problem+json")
    told = reply.json()
    assert (told["type"], told["status"]) == ("urn:gongyu:problem:not-valid", 422)
    assert {each["place"] for each in told["mistakes"]} == {"kind", "title.ko", "title.en", ""}
    assert "a-secret" not in reply.text
    for content in (b'{"a-secret', b"\xff\xfea-secret", b"[]", b'"a-secret"', b'{"name": "a-secret\\ud800"}', b"[" * 20_000):
        log_in = {"Authorization": f"Bearer {roles.held['op']}", "Content-Type": "application/json"}
        reply = roles.client.post("/api/v1/organisations", content=content, headers=log_in)
        assert reply.status_code == 422, (content[:20], reply.text)
        assert reply.headers["content-type"] == "application/problem+json"
        assert "a-secret" not in reply.text


@pytest.mark.parametrize(("method", "path", "status"), [("GET", "/nothing", 404), ("DELETE", "/organisations", 405), ("GET", "/", 404)])
def test_what_is_no_route_is_a_problem_too(roles: World, method: str, path: str, status: int) -> None:
    reply = roles.ask("op", method, path)
    assert (reply.status_code, reply.headers["content-type"]) == (status, "application/problem+json")


def test_a_request_is_of_bounded_size(roles: World) -> None:
    sent = organisation("large", title={"ko": "x" * BODY_BYTES_MAX, "en": "x"})
    assert roles.ask("op", "POST", "/organisations", sent).status_code == 413
    reply = roles.client.post("/api/v1/organisations", content=b"x" * (BODY_BYTES_MAX + 1))
    assert reply.status_code == 401, "who is not logged in makes the server read nothing"


def test_every_answer_has_an_id_that_the_log_has_too(roles: World) -> None:
    with capture_logs() as lines:
        own = roles.ask("op", "GET", "/me", X_Request_Id="my-own.1").headers["x-request-id"]
        made = roles.ask("op", "GET", "/nothing", X_Request_Id="not a plain one").headers["x-request-id"]
    assert own == "my-own.1"
    assert len(made) == 16
    told = [(line["request_id"], line["route"], line["status"], line["account"]) for line in lines]
    assert told == [(own, "/me", 200, roles.ids["op"]), (made, None, 404, None)]


def test_a_database_that_is_away_is_said_without_its_words(roles: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise DatabaseError("the database failed: no disk")

    monkeypatch.setattr("gongyu_hub.registry.organisations.page", fail)
    with capture_logs() as lines:
        reply = roles.ask("op", "GET", "/organisations")
    assert (reply.status_code, reply.headers["retry-after"]) == (503, "5")
    assert "disk" not in reply.text
    assert lines[0]["cause"] == "the database failed: no disk"


def test_a_mistake_of_ours_is_said_without_its_words(roles: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("a-secret")

    monkeypatch.setattr("gongyu_hub.registry.organisations.page", fail)
    with capture_logs() as lines:
        reply = roles.ask("op", "GET", "/organisations")
    assert (reply.status_code, reply.headers["content-type"]) == (500, "application/problem+json")
    assert reply.headers["x-request-id"] == reply.json()["request_id"]
    assert "a-secret" not in reply.text + str(lines)
