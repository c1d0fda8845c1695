"""The control plane's API on a database with two owners and two subscribers, and an account of every role in each of them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from httpx2 import Response
from starlette.testclient import TestClient

from gongyu_hub.gateway.api.application import PREFIX
from gongyu_hub.gateway.api.gate import Gate
from gongyu_hub.gateway.app import make_app
from gongyu_hub.gateway.catalogue import Catalogue
from gongyu_hub.registry import accounts, epochs, organisations, tokens
from gongyu_hub.registry.credentials import Credentials
from gongyu_hub.registry.database import Database
from gongyu_hub.registry.readiness import Readiness
from gongyu_hub.registry.roles import Author, Role
from gongyu_hub.registry.token_checks import TokenChecks
from gongyu_schemas.information_type import Title
from tests.hub.registry.policies import make_type

START_MS = 1_790_000_000_000
OWNERS, SUBSCRIBERS = ("kennel", "cattery"), ("bank", "shop")
#: account's name -> (organisation, role)
ACCOUNTS: dict[str, tuple[str | None, Role]] = {
    "op": (None, Role.OPERATOR),
    "spare-op": (None, Role.OPERATOR),
    "aud": (None, Role.AUDITOR),
    **{f"{owner}-officer": (owner, Role.OWNER_OFFICER) for owner in OWNERS},
    **{f"{owner}-approver": (owner, Role.OWNER_APPROVER) for owner in OWNERS},
    **{f"{subscriber}-officer": (subscriber, Role.SUBSCRIBER_OFFICER) for subscriber in SUBSCRIBERS},
}


@dataclass
class World:
    """`ids` and whole tokens `held` by account's name; `now_ms` is the clock."""

    database: Database
    now_ms: int = START_MS
    ids: dict[str, str] = field(default_factory=dict)
    held: dict[str, str] = field(default_factory=dict)
    client: TestClient = field(init=False)

    @property
    def gate(self) -> Gate:
        """The API's, below the control plane's application."""
        mounted = next(route for route in self.client.app.routes if getattr(route, "path", "") == PREFIX)  # type: ignore[attr-defined]
        gate: Gate = mounted.app._api.state.gate
        return gate

    def ask(self, who: str, method: str, path: str, body: Any = None, **headers: str) -> Response:
        log_in = {"Authorization": f"Bearer {self.held[who]}"}
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.client.request(method, f"{PREFIX}{path}", json=body, headers={**log_in, **named})

    def get(self, who: str, path: str) -> Any:
        reply = self.ask(who, "GET", path)
        assert reply.status_code == 200, reply.text
        return reply.json()

    def author(self) -> Author:
        return Author("hub", self.now_ms)

    def add_token(self, name: str, days: int = tokens.DAYS) -> str:
        with self.database.writing() as session:
            return tokens.add(session, self.author(), accounts.get(session, self.ids[name]), days).whole


@contextmanager
def world(database: Database, folder: Path) -> Iterator[World]:
    made = World(database)
    dog = make_type(folder / "types")
    with database.writing() as session:
        epochs.know_type(session, dog)
        for name in (*OWNERS, *SUBSCRIBERS):
            given = organisations.Change(
                title=Title(ko="기관", en=name), kind=organisations.Kind.PUBLIC, owner=name in OWNERS, subscriber=name in SUBSCRIBERS
            )
            organisations.add(session, made.author(), name, given)
        for name, (organisation, role) in ACCOUNTS.items():
            row = accounts.add(session, made.author(), name, name.title(), accounts.Kind.PERSON, organisation, {role})
            made.ids[name] = row.id
    for name in ACCOUNTS:
        made.held[name] = made.add_token(name)
    catalogue = Catalogue()
    catalogue.show({"dog": dog})
    checks = TokenChecks(database, lambda: made.now_ms)
    app = make_app(database, Credentials(database), Readiness(), catalogue, checks)
    with TestClient(app, raise_server_exceptions=False) as client:
        made.client = client
        yield made
