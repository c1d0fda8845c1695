"""Deny by default: an application of the API with a route that nobody allowed cannot be made."""

from __future__ import annotations

from pathlib import Path

import pytest

from gongyu_hub.gateway.api.application import TABLE, make_api, require_rules
from gongyu_hub.gateway.api.reading import me
from gongyu_hub.gateway.api.rules import EVERYBODY, OWN_ACCOUNT, Reach, Route, Rule
from gongyu_hub.gateway.catalogue import Catalogue
from gongyu_hub.registry.database import Database, open_database
from gongyu_hub.registry.roles import Role
from gongyu_hub.registry.token_checks import TokenChecks
from gongyu_schemas.errors import FatalError


@pytest.fixture
def database(tmp_path: Path) -> Database:
    return open_database(tmp_path)


def test_a_route_without_a_rule_is_no_route(database: Database) -> None:
    api = make_api(database, TokenChecks(database, lambda: 1), Catalogue())
    api.add_api_route("/secret", me)
    with pytest.raises(FatalError, match="route /secret of the API has no rule"):
        require_rules(api)
    database.close()


@pytest.mark.parametrize(
    ("path", "rule", "words"),
    [
        ("/more", Rule({}), "has no rule"),
        ("/more/{name}", Rule(EVERYBODY), "declare whose it is"),
        ("/more", Rule(EVERYBODY, TABLE[-1].rule.find), "declare whose it is"),
    ],
)
def test_a_rule_that_says_too_little_is_none(database: Database, path: str, rule: Rule, words: str) -> None:
    route = Route(method="GET", path=path, endpoint=me, rule=rule, answers=None)
    with pytest.raises(FatalError, match=words):
        make_api(database, TokenChecks(database, lambda: 1), Catalogue(), (*TABLE, route))
    database.close()


def test_of_several_roles_the_one_that_reaches_farthest_counts() -> None:
    rule = Rule(OWN_ACCOUNT)
    assert rule.of([Role.AUDITOR]) is Reach.SELF
    assert rule.of([Role.AUDITOR, Role.OPERATOR]) is Reach.ANY
    assert rule.of([]) is None
