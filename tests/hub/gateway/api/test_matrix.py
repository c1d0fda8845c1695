"""Who may do what: every route, for every role, on objects of its own, of a colleague, of others, and on none. Nothing is left out.

What is expected is written here once more, apart from the rules beside the routes, so that a rule changed by mistake is noticed.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import pytest

from gongyu_hub.gateway.api.application import TABLE
from gongyu_hub.gateway.api.rules import Route
from gongyu_hub.registry.roles import Role
from gongyu_hub.registry.tokens import public_part
from tests.hub.gateway.api.world_of_roles import ACCOUNTS, World

OP, AUD, OFFICER, APPROVER, SUBSCRIBER = (
    Role.OPERATOR,
    Role.AUDITOR,
    Role.OWNER_OFFICER,
    Role.OWNER_APPROVER,
    Role.SUBSCRIBER_OFFICER,
)
ANY, ORGANISATION, SELF = "any", "organisation", "self"
EVERYBODY = dict.fromkeys(Role, ANY)
OPERATOR = {OP: ANY}
OF_ORGANISATION = {OP: ANY, AUD: ANY, OFFICER: ORGANISATION, APPROVER: ORGANISATION, SUBSCRIBER: ORGANISATION}
OF_ACCOUNT = {OP: ANY, AUD: SELF, OFFICER: SELF, APPROVER: SELF, SUBSCRIBER: SELF}
EXPECTED: dict[tuple[str, str], dict[Role, str]] = {
    ("GET", "/me"): EVERYBODY,
    ("GET", "/openapi.json"): EVERYBODY,
    ("GET", "/information-types"): EVERYBODY,
    ("GET", "/information-types/{name}"): EVERYBODY,
    ("GET", "/history"): {OP: ANY, AUD: ANY, OFFICER: ORGANISATION, SUBSCRIBER: ORGANISATION},
    ("GET", "/organisations"): OF_ORGANISATION,
    ("GET", "/organisations/{name}"): OF_ORGANISATION,
    ("POST", "/organisations"): OPERATOR,
    ("PATCH", "/organisations/{name}"): OPERATOR,
    ("PUT", "/organisations/{name}/status"): OPERATOR,
    ("GET", "/accounts"): OF_ORGANISATION,
    ("GET", "/accounts/{account}"): OF_ORGANISATION,
    ("POST", "/accounts"): OPERATOR,
    ("PATCH", "/accounts/{account}"): OPERATOR,
    ("PUT", "/accounts/{account}/status"): OPERATOR,
    ("GET", "/accounts/{account}/tokens"): OF_ACCOUNT,
    ("POST", "/accounts/{account}/tokens"): OF_ACCOUNT,
    ("GET", "/tokens/{token}"): OF_ACCOUNT,
    ("DELETE", "/tokens/{token}"): OF_ACCOUNT,
}
OWN, COLLEAGUES, FOREIGN, ABSENT = "own", "a colleague's", "foreign", "absent"
_numbers = itertools.count()
_STATUS = {"status": "active", "reason": "as it is"}


def test_every_route_has_an_expectation_and_every_expectation_a_route() -> None:
    assert {(route.method, route.path) for route in TABLE} == {*EXPECTED}
    assert len(TABLE) == len(EXPECTED)


@pytest.mark.parametrize("route", TABLE, ids=lambda route: f"{route.method} {route.path}")
def test_a_role_reaches_what_it_may_and_nothing_else(roles: World, route: Route) -> None:
    tried, nothing = 0, None
    for who, (_, role) in ACCOUNTS.items():
        reach = EXPECTED[route.method, route.path].get(role)
        for which, path in addresses(roles, who, route):
            before = state(roles, which, path)
            reply = send(roles, who, route, path)
            case = f"{who} {route.method} {path} ({which}): {reply.text}"
            if reach is None:
                assert reply.status_code == 403, case
            elif which == ABSENT or not reached(reach, which):
                assert reply.status_code == 404, case
                told = {**reply.json(), "request_id": ""}
                nothing = nothing or told
                assert told == nothing, "what is foreign answers exactly like what is absent"
            else:
                assert reply.status_code == route.status, case
            if reply.status_code in {403, 404}:
                assert state(roles, which, path) == before
            tried += 1
    print(f"requests tried: {tried}")
    assert tried >= len(ACCOUNTS)


@pytest.mark.parametrize("route", TABLE, ids=lambda route: f"{route.method} {route.path}")
def test_nobody_gets_in_without_a_token(roles: World, route: Route) -> None:
    for _, path in addresses(roles, "op", route):
        reply = roles.client.request(route.method, f"/api/v1{path}", json=body(route), headers={"If-Match": "*"})
        assert reply.status_code == 401
        assert reply.headers["www-authenticate"].startswith("Bearer")


@pytest.mark.parametrize("who", ACCOUNTS)
def test_lists_hold_what_the_rule_reaches(roles: World, who: str) -> None:
    organisation, role = ACCOUNTS[who]
    everything = role in {OP, AUD}
    named = {each["name"] for each in items(roles, who, "/organisations")}
    assert named == ({each["name"] for each in items(roles, "op", "/organisations")} if everything else {organisation})
    accounts = {each["name"] for each in items(roles, who, "/accounts")}
    assert accounts >= {name for name, (of, _) in ACCOUNTS.items() if everything or of == organisation}
    assert everything or {each["organisation"] for each in items(roles, who, "/accounts")} == {organisation}
    if role is not APPROVER:
        of = {each["organisation"] for each in items(roles, who, "/history")}
        assert of >= {None, "kennel", "cattery", "bank", "shop"} if everything else of == {organisation}
        narrowed = items(roles, who, "/history?organisation=kennel")
        assert {each["organisation"] for each in narrowed} <= {"kennel"}
        assert bool(narrowed) == (everything or organisation == "kennel")


def items(roles: World, who: str, path: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    cursor = ""
    while True:
        page = roles.get(who, f"{path}{'&' if '?' in path else '?'}limit=200{cursor}")
        found += page["items"]
        if page["next"] is None:
            return found
        cursor = f"&cursor={page['next']}"


def reached(reach: str, which: str) -> bool:
    return reach == ANY or which == OWN or (reach == ORGANISATION and which == COLLEAGUES)


def addresses(roles: World, who: str, route: Route) -> Iterator[tuple[str, str]]:
    """(whose the object is, path) of all there is for this account."""
    if "{" not in route.path:
        yield OWN, route.path
        return
    organisation = ACCOUNTS[who][0]
    colleague = next((name for name, (of, _) in ACCOUNTS.items() if of == organisation and name != who), None)
    stranger = next(name for name, (of, _) in ACCOUNTS.items() if of not in {None, organisation})
    if "{account}" in route.path or "{token}" in route.path:
        for which, name in ((OWN, who), (COLLEAGUES, colleague), (FOREIGN, stranger), (ABSENT, None)):
            if name is not None or which == ABSENT:
                public = "0" * 16 if name is None else roles.ids[name]
                if "{token}" in route.path and name is not None:
                    public = public_part(roles.add_token(name)) or ""
                yield which, route.path.replace("{account}", public).replace("{token}", public)
    else:
        own, foreign = (organisation, ACCOUNTS[stranger][0]) if "organisations" in route.path else (None, "dog")
        for which, found in ((OWN, own), (FOREIGN, foreign), (ABSENT, "nobody")):
            if found is not None:
                yield which, route.path.replace("{name}", found)


def body(route: Route) -> Any:
    """Valid, and changing nothing where the object is there already."""
    number = next(_numbers)
    title = {"ko": "기관", "en": "An organisation"}
    return {
        ("POST", "/organisations"): {"name": f"new-{number}", "title": title, "kind": "public", "owner": True},
        ("PATCH", "/organisations/{name}"): {},
        ("PUT", "/organisations/{name}/status"): _STATUS,
        ("POST", "/accounts"): {"name": f"new-{number}", "title": "N", "kind": "person", "roles": ["auditor"]},
        ("PATCH", "/accounts/{account}"): {},
        ("PUT", "/accounts/{account}/status"): _STATUS,
        ("POST", "/accounts/{account}/tokens"): {"days": 1},
    }.get((route.method, route.path))


def send(roles: World, who: str, route: Route, path: str) -> Any:
    return roles.ask(who, route.method, path, body(route), If_Match="*")


def state(roles: World, which: str, path: str) -> Any:
    """The object that the path names, as the operator sees it."""
    if which == ABSENT or path.count("/") < 2:
        return None
    seen = roles.get("op", path.removesuffix("/status"))
    return [each["id"] for each in seen["items"]] if "items" in seen else seen
