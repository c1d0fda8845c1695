"""The registry answers as Confluent's clients expect: content type, codes, limits."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from gongyu_hub.gateway.schema_registry import BODY_BYTES_MAX
from tests.hub.gateway.registry_of_two import World, password, world

ADMIN = ("admin", password("admin"))


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with world(tmp_path_factory.mktemp("world")) as made:
        yield made


@pytest.mark.parametrize("path", ["/", "/subjects", "/config", "/schemas/types", "/schemas/ids/1", "/schemas/ids/9999", "/nowhere"])
def test_every_answer_has_the_registrys_content_type(two: World, path: str) -> None:
    assert two.client.get(path, auth=ADMIN).headers["content-type"] == "application/vnd.schemaregistry.v1+json"


def test_what_the_registry_says_of_itself(two: World) -> None:
    assert two.get("subscriber.vet", "/") == (200, {})
    assert two.get("subscriber.vet", "/schemas/types") == (200, ["AVRO"])
    assert two.get("subscriber.vet", "/config") == (200, {"compatibilityLevel": "NONE"})


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("/nowhere", 404, 404),
        ("/subjects/absent/versions", 404, 40401),
        ("/subjects/absent/versions/latest", 404, 40401),
        ("/subjects/grant.vet.dogs-value/versions/7", 404, 40402),
        ("/subjects/grant.vet.dogs-value/versions/0", 422, 42202),
        ("/subjects/grant.vet.dogs-value/versions/first", 422, 42202),
        ("/subjects/grant.vet.dogs-value/versions/99999999999999999999", 422, 42202),
        ("/schemas/ids/0", 404, 40403),
        ("/schemas/ids/-1", 404, 40403),
        ("/schemas/ids/x", 404, 40403),
        ("/schemas/ids/٣", 404, 40403),
        ("/schemas/ids/99999999999999999999", 404, 40403),
        ("/associations/resources/-/topic", 404, 404),
    ],
)
def test_errors_have_the_documented_codes(two: World, path: str, status: int, code: int) -> None:
    found, reply = two.get("admin", path)
    assert isinstance(reply, dict)
    assert (found, reply["error_code"]) == (status, code)
    assert set(reply) == {"error_code", "message"}


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{}",
        b"not json",
        b'{"schema": 1}',
        b'{"schema": "{"}',
        b'{"schema": "{\\"type\\": \\"rekord\\"}"}',
        b'{"schema": "\\"string\\"", "schemaType": "PROTOBUF"}',
        b'{"schema": "\\"string\\"", "references": [{"name": "a", "subject": "b", "version": 1}]}',
        b'{"schema": "\\"string\\"", "schemaType": ["AVRO"]}',
        b"[" * 100_000,
        json.dumps({"schema": "[" * 1000 + "]" * 1000}).encode(),
        json.dumps({"schema": json.dumps("x" * 600_000)}).encode(),
    ],
)
def test_what_is_no_avro_schema_is_42201(two: World, body: bytes) -> None:
    for path in ("/subjects/x-value/versions", "/subjects/grant.vet.dogs-value"):
        reply = two.client.post(path, auth=ADMIN, content=body)
        assert (reply.status_code, reply.json()["error_code"]) == (422, 42201), reply.text


def test_a_request_that_is_too_large_is_refused(two: World) -> None:
    reply = two.client.post("/subjects/x-value/versions", auth=ADMIN, content=b" " * (BODY_BYTES_MAX + 1))
    assert reply.status_code == 413


def test_a_look_up_of_another_schema_finds_none(two: World) -> None:
    status, reply = two.post("subscriber.vet", "/subjects/grant.vet.dogs-value", {"schema": '"string"'})
    assert (status, reply) == (404, {"error_code": 40403, "message": "Schema not found"})


def test_subjects_can_be_listed_by_prefix(two: World) -> None:
    assert two.get("admin", "/subjects?subjectPrefix=grant.vet.") == (200, ["grant.vet.dogs-key", "grant.vet.dogs-value"])
    assert two.get("subscriber.vet", "/subjects?subjectPrefix=:*:&deleted=false")[1] == ["grant.vet.dogs-key", "grant.vet.dogs-value"]


def test_health_needs_no_log_in_and_gives_reasons(two: World) -> None:
    assert two.client.get("/health/live").json() == {"live": True}
    waiting = two.client.get("/health/ready")
    assert (waiting.status_code, waiting.json()) == (503, {"ready": False, "reasons": {"start": "publishing the policy"}})
    two.readiness.clear("start")
    assert two.client.get("/health/ready").json() == {"ready": True, "reasons": {}}


def test_a_view_says_purpose_and_law(two: World) -> None:
    _, reply = two.get("subscriber.vet", "/subjects/grant.vet.dogs-value/versions/latest")
    assert isinstance(reply, dict)
    view = json.loads(reply["schema"])
    assert view["gongyu.purpose"] == {"code": "care", "text": "Care of dogs"}
    assert view["gongyu.legalBasis"]["statute"] == "Dog Act"
