"""The OpenAPI 3.1 document: what FastAPI finds in the endpoints, and what the gate adds to each of them."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from gongyu_hub.gateway.api import problems
from gongyu_hub.gateway.api.rules import Route

_PROBLEM = {"$ref": "#/components/schemas/ProblemAnswer"}
_MEANING = {
    401: "Not logged in.",
    403: "The roles do not allow it.",
    404: "Nothing that the caller may see.",
    409: "It contradicts what is there.",
    412: "It was changed meanwhile.",
    413: "The request is too large.",
    422: "The request is not valid.",
    428: "The version that was seen is missing.",
    429: "Too many failed log-ins.",
    503: "The registry cannot be used now.",
}
_KEY = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "schema": {"type": "string", "pattern": "^[!-~]{1,128}$"},
    "description": "Repeated with the same request within a day, the answer is the first one's, and nothing happens again.",
}
_IF_MATCH = {
    "name": "If-Match",
    "in": "header",
    "required": True,
    "schema": {"type": "string", "minLength": 1},
    "description": "The ETag of the version that was seen, or `*`.",
}


def describe_route(route: Route) -> dict[str, Any]:
    """What FastAPI is told of a route."""
    errors = {401, 403, 404, 413, 422, 429, 503}
    parameters: list[dict[str, Any]] = []
    if route.repeatable:
        errors.add(409)
        parameters.append(_KEY)
    if route.conditional:
        errors |= {409, 412, 428}
        parameters.append(_IF_MATCH)
    answers = {each: {"description": _MEANING[each], "content": {problems.MEDIA_TYPE: {"schema": _PROBLEM}}} for each in sorted(errors)}
    return {
        "name": route.endpoint.__name__,
        "operation_id": route.endpoint.__name__,
        "response_model": route.answers,
        "responses": answers,
        "openapi_extra": {"parameters": parameters} if parameters else None,
    }


def make_document(api: FastAPI) -> dict[str, Any]:
    found = get_openapi(title=api.title, version=api.version, summary=api.summary, routes=api.routes, servers=api.servers)
    components = found.setdefault("components", {})
    schemas = components.setdefault("schemas", {})
    schemas.update(problem_schemas())
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    components["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
    found["security"] = [{"token": []}]
    return found


def problem_schemas() -> dict[str, Any]:
    schema = problems.ProblemAnswer.model_json_schema(ref_template="#/components/schemas/{model}", mode="serialization")
    inner: dict[str, Any] = schema.pop("$defs")
    return {**inner, "ProblemAnswer": schema}
