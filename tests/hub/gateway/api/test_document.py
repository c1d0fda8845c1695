"""What the OpenAPI document says is what the API does: schemathesis makes requests of it, right and wrong ones, and finds nothing."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis.errors import Unsatisfiable
from hypothesis.strategies import booleans
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
    unsupported_method,
)

from gongyu_hub.gateway.api.application import TABLE
from gongyu_hub.registry import tokens
from tests.hub.gateway.api.world_of_roles import World

EXAMPLES = 15
SEED = 20_261_124
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    negative_data_rejection,
    unsupported_method,
]


@pytest.fixture
def document(roles: World) -> dict[str, Any]:
    found: dict[str, Any] = roles.get("op", "/openapi.json")
    return found


def test_the_document_names_every_route_and_how_to_log_in(document: dict[str, Any]) -> None:
    assert document["openapi"].startswith("3.1")
    described = {(method.upper(), path) for path, item in document["paths"].items() for method in item}
    assert described == {(route.method, route.path) for route in TABLE}
    assert document["security"] == [{"token": []}]
    for path, item in document["paths"].items():
        for method, operation in item.items():
            named = {each["name"] for each in operation.get("parameters", ())}
            assert ("If-Match" in named) == (method in {"patch", "put", "delete"}), path
            assert ("Idempotency-Key" in named) == (method == "post"), path
            assert {"401", "403", "404", "422", "429"} <= {*operation["responses"]}


@pytest.mark.thorough
@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE], ids=["right", "wrong"])
def test_schemathesis_finds_nothing(roles: World, document: dict[str, Any], mode: GenerationMode) -> None:
    schema = schemathesis.openapi.from_dict(document)
    schema.app = roles.client.app
    answers: Counter[int] = Counter()
    for operation in schema.get_all_operations():
        try_operation(roles, operation.ok(), mode, answers)
    print(f"requests made of the document, by status: {dict(sorted(answers.items()))}")
    assert answers.total() >= len(TABLE) * 5
    if mode is GenerationMode.POSITIVE:
        assert min(answers[status] for status in (200, 201, 204, 404, 409)) > 0
    else:
        assert answers[422] > answers[200]


def try_operation(roles: World, operation: Any, mode: GenerationMode, answers: Counter[int]) -> None:
    known = {"account": roles.ids["aud"], "name": "kennel", "token": tokens.public_part(roles.held["aud"])}
    try:
        cases = operation.as_strategy(generation_mode=mode)
    except Unsatisfiable:  # a route that takes nothing cannot be asked wrongly
        return

    @seed(SEED)
    @settings(max_examples=EXAMPLES, database=None, deadline=None, suppress_health_check=list(HealthCheck), phases=[Phase.generate])
    @given(case=cases, real=booleans())
    def ask(case: Any, real: bool) -> None:
        if real:  # half of the requests name what there is, in the version that there is
            case.path_parameters = {name: known[name] for name in case.path_parameters or ()}
            case.headers = {**(case.headers or {}), **({"If-Match": "*"} if mode is GenerationMode.POSITIVE and case.headers else {})}
        reply = case.call_and_validate(headers={"Authorization": f"Bearer {roles.held['op']}"}, checks=CHECKS)
        answers[reply.status_code] += 1

    ask()
