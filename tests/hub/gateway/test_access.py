"""Who sees what: each user on each route, for its own objects and for others'. What is not allowed does not exist."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from gongyu_hub.gateway import schema_registry
from gongyu_hub.gateway.schema_registry import BODY_BYTES_MAX
from gongyu_hub.registry.avro_text import ParsedSchema, parse_schema
from gongyu_schemas.envelope import owner_envelope
from tests.hub.gateway.registry_of_two import USERS, World, password, world

DOGS = {"owner.kennel.dog-key", "owner.kennel.dog-value"}
CATS = {"owner.cattery.cat-key", "owner.cattery.cat-value"}
VET = {"grant.vet.dogs-key", "grant.vet.dogs-value"}
SHOP = {"grant.shop.dogs-key", "grant.shop.dogs-value", "grant.shop.cats-key", "grant.shop.cats-value"}
ALL = DOGS | CATS | VET | SHOP
MAY_READ = {"admin": ALL, "hub": ALL, "owner.kennel": DOGS, "owner.cattery": CATS, "subscriber.vet": VET, "subscriber.shop": SHOP}
NO_SCHEMA = (404, {"error_code": 40403, "message": "Schema not found"})


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder: Path = tmp_path_factory.mktemp("world")
    with world(folder) as made:
        yield made


def no_subject(subject: str) -> tuple[int, object]:
    return 404, {"error_code": 40401, "message": f"Subject '{subject}' not found."}


@pytest.mark.parametrize("user", USERS)
def test_a_user_lists_the_subjects_it_may_read(two: World, user: str) -> None:
    status, subjects = two.get(user, "/subjects")
    assert status == 200
    assert subjects == sorted(MAY_READ[user])


@pytest.mark.parametrize("user", USERS)
@pytest.mark.parametrize("subject", sorted(ALL))
def test_every_route_to_a_subject_obeys(two: World, user: str, subject: str) -> None:
    schema = two.get("admin", f"/subjects/{subject}/versions/latest")[1]
    assert isinstance(schema, dict)
    routes = {
        f"/subjects/{subject}/versions": [1],
        f"/subjects/{subject}/versions/1": schema,
        f"/subjects/{subject}/versions/latest": schema,
        f"/subjects/{subject}/versions/-1": schema,
        f"/subjects/{subject}/versions/1/schema": json.loads(schema["schema"]),
    }
    for route, expected in routes.items():
        assert two.get(user, route) == ((200, expected) if subject in MAY_READ[user] else no_subject(subject)), route
    found = two.post(user, f"/subjects/{subject}", {"schema": schema["schema"]})
    assert found == ((200, schema) if subject in MAY_READ[user] else no_subject(subject))


@pytest.mark.parametrize("user", USERS)
def test_every_route_to_a_schema_obeys_also_by_id(two: World, user: str) -> None:
    """A schema is readable through any subject of one's own; only those subjects are named."""
    for subject, schema_id in two.ids.items():
        own = sorted(each for each in MAY_READ[user] if two.ids[each] == schema_id)
        text = two.get("admin", f"/subjects/{subject}/versions/1/schema")[1]
        routes = {
            f"/schemas/ids/{schema_id}/versions": [{"subject": each, "version": 1} for each in own],
            f"/schemas/ids/{schema_id}/subjects": own,
            f"/schemas/ids/{schema_id}/schema": text,
        }
        for route, expected in routes.items():
            assert two.get(user, route) == ((200, expected) if own else NO_SCHEMA), route
        for route in (f"/schemas/ids/{schema_id}", f"/schemas/ids/{schema_id}?subject={subject}&fetchMaxId=false"):
            status, reply = two.get(user, route)
            if own:
                assert isinstance(reply, dict)
                assert (status, json.loads(reply["schema"])) == (200, text)
            else:
                assert (status, reply) == NO_SCHEMA


@pytest.mark.parametrize("user", USERS)
def test_what_is_foreign_answers_exactly_like_what_does_not_exist(two: World, user: str) -> None:
    for subject in sorted(ALL - MAY_READ[user]):
        for route in ("/versions", "/versions/latest", "/versions/7"):
            status, reply = two.get(user, f"/subjects/{subject}{route}")
            assert isinstance(reply, dict)
            absent = two.get(user, f"/subjects/absent{route}")
            assert (status, {**reply, "message": reply["message"].replace(subject, "absent")}) == absent
    assert two.get(user, "/schemas/ids/999999") == NO_SCHEMA


@pytest.mark.parametrize("user", [user for user in USERS if user != "admin"])
def test_nobody_registers_under_anothers_or_a_free_subject(two: World, user: str) -> None:
    own = DOGS if user == "owner.kennel" else CATS if user == "owner.cattery" else set()
    before = two.get("admin", "/subjects")
    for subject in [*sorted(ALL - own), "free-value", "owner.other.dog-value", "owner.kennelx.dog-value"]:
        status, reply = two.post(user, f"/subjects/{subject}/versions", {"schema": '"string"'})
        assert (status, reply) == (403, {"error_code": 40301, "message": "This user may not register schemas under this subject."})
    assert two.get("admin", "/subjects") == before


def test_an_owner_registers_what_its_type_declares_and_gets_the_declared_id(two: World) -> None:
    declared = owner_envelope(two.types["dog"])
    expected = (200, {"id": two.ids["owner.kennel.dog-value"]})
    assert two.post("owner.kennel", "/subjects/owner.kennel.dog-value/versions", {"schema": json.dumps(declared)}) == expected
    documented = {**declared, "doc": "as my tool writes it"}
    path = "/subjects/owner.kennel.dog-value/versions?normalize=true"
    assert two.post("owner.kennel", path, {"schema": json.dumps(documented, indent=2)}) == expected
    assert two.get("owner.kennel", "/subjects/owner.kennel.dog-value/versions") == (200, [1])


@pytest.mark.parametrize("user", ["owner.kennel", "admin"])
def test_another_schema_for_a_types_topic_is_refused_with_the_reason(two: World, user: str) -> None:
    declared = owner_envelope(two.types["dog"])
    declared["fields"][0]["type"][1]["fields"][2]["type"] = "int"  # the date loses its logical type
    status, reply = two.post(user, "/subjects/owner.kennel.dog-value/versions", {"schema": json.dumps(declared)})
    assert isinstance(reply, dict)
    assert (status, reply["error_code"]) == (409, 409)
    assert "record.avsc" in reply["message"]
    assert "while the type has an epoch such a change is refused" in reply["message"]


def test_an_owners_unknown_type_is_not_found(two: World) -> None:
    subject = "owner.kennel.wolf-value"
    assert two.post("owner.kennel", f"/subjects/{subject}/versions", {"schema": '"string"'}) == no_subject(subject)


def test_the_operator_registers_other_subjects(two: World) -> None:
    status, reply = two.post("admin", "/subjects/tools-value/versions", {"schema": '{"type": "string"}', "schemaType": "AVRO"})
    assert isinstance(reply, dict)
    assert status == 200
    assert reply["id"] > max(two.ids.values())
    assert two.post("admin", "/subjects/tools-key/versions", {"schema": '"string"'}) == (200, reply)
    assert two.get("subscriber.vet", f"/schemas/ids/{reply['id']}") == NO_SCHEMA
    assert two.get("hub", f"/schemas/ids/{reply['id']}") == (200, {"schema": '"string"'})


def test_a_schema_is_read_only_after_the_check_of_its_subject(two: World) -> None:
    """The same refusal, whatever the text: nobody makes the server parse for a subject it may not use."""
    for path, code in (
        ("/subjects/grant.vet.dogs-value/versions", 40301),
        ("/subjects/owner.kennel.wolf-value/versions", 40401),
        ("/subjects/grant.vet.dogs-value", 40401),
    ):
        reply = two.client.post(path, auth=("owner.kennel", password("owner.kennel")), content=b"{" * (BODY_BYTES_MAX + 1))
        assert reply.json()["error_code"] == code


def test_a_schema_is_parsed_off_the_event_loop(two: World, monkeypatch: pytest.MonkeyPatch) -> None:
    on_loop: list[bool] = []

    def parse(text: str) -> ParsedSchema:
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            on_loop.append(False)
        else:
            on_loop.append(True)
        return parse_schema(text)

    monkeypatch.setattr(schema_registry, "parse_schema", parse)
    two.post("owner.kennel", "/subjects/owner.kennel.dog-value/versions", {"schema": '"string"'})
    two.post("owner.kennel", "/subjects/owner.kennel.dog-value", {"schema": '"string"'})
    assert on_loop == [False, False]
