"""A control plane's HTTP application on a database with two owners, two types and three grants of two subscribers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from starlette.testclient import TestClient

from gongyu_hub.gateway.app import make_app
from gongyu_hub.gateway.catalogue import Catalogue
from gongyu_hub.registry import epochs
from gongyu_hub.registry.credentials import Credentials
from gongyu_hub.registry.database import Database, open_database
from gongyu_hub.registry.policy_check import read_policy
from gongyu_hub.registry.readiness import Readiness
from gongyu_hub.registry.token_checks import TokenChecks
from gongyu_schemas.information_type import InformationType, load_types
from tests.hub.registry.policies import grant, write_policy, write_type

USERS = ("admin", "hub", "owner.kennel", "owner.cattery", "subscriber.vet", "subscriber.shop")


@dataclass
class World:
    """`ids`: subject -> id of its only schema."""

    client: TestClient
    database: Database
    credentials: Credentials
    readiness: Readiness
    types: dict[str, InformationType]
    ids: dict[str, int]

    def get(self, user: str, path: str) -> tuple[int, object]:
        reply = self.client.get(path, auth=(user, password(user)))
        return reply.status_code, reply.json()

    def post(self, user: str, path: str, body: object) -> tuple[int, object]:
        reply = self.client.post(path, auth=(user, password(user)), json=body)
        return reply.status_code, reply.json()


def password(user: str) -> str:
    return f"password of {user}"


@contextmanager
def world(folder: Path) -> Iterator[World]:
    write_type(folder / "types", "dog", "kennel")
    write_type(folder / "types", "cat", "cattery")
    types = load_types(folder / "types")
    file = write_policy(folder / "policy.yaml", grant("vet", "dogs"), grant("shop", "dogs"), grant("shop", "cats", "cat"))
    policy = read_policy(file, types, date(2026, 3, 1))
    database = open_database(folder)
    with database.writing() as session:
        for name, information_type in types.items():
            topics = {f"grant.{each.subscriber}.{each.name}": 4 for each in policy.grants_of(name)}
            epochs.know_type(session, information_type)
            epochs.decide_first_epoch(session, information_type, policy.grants_of(name), topics, key_check="", now_ms=1)
    credentials, readiness = Credentials(database), Readiness()
    for user in USERS:
        credentials.keep(user, password(user))
    catalogue = Catalogue()
    catalogue.show(types)
    with TestClient(
        make_app(database, credentials, readiness, catalogue, TokenChecks(database, lambda: 1)), raise_server_exceptions=False
    ) as client:
        made = World(client, database, credentials, readiness, types, {})
        _, subjects = made.get("admin", "/subjects")
        assert isinstance(subjects, list)
        for subject in subjects:
            made.ids[subject] = client.get(f"/subjects/{subject}/versions/1", auth=("admin", password("admin"))).json()["id"]
        yield made
    database.close()
