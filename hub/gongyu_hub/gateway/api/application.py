"""The API as an application of its own, put together from the tables of routes. It cannot be made with a route that has no rule.

Mounted below /api/v1 by the control plane's application, so that its errors and its document are its own.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException
from starlette.types import Message

from gongyu_hub.gateway.api import accounts, organisations, problems, reading, tokens
from gongyu_hub.gateway.api.bearer import Bearer
from gongyu_hub.gateway.api.calls import InFlight
from gongyu_hub.gateway.api.description import describe_route, make_document
from gongyu_hub.gateway.api.gate import Gate
from gongyu_hub.gateway.api.rules import Route
from gongyu_hub.gateway.catalogue import Catalogue
from gongyu_hub.registry.database import Database
from gongyu_hub.registry.token_checks import TokenChecks
from gongyu_schemas.errors import DatabaseError, FatalError

PREFIX = "/api/v1"
TABLE: tuple[Route, ...] = (*reading.ROUTES, *organisations.ROUTES, *accounts.ROUTES, *tokens.ROUTES)


class RuledRoute(APIRoute):
    """A route behind the gate: its endpoint sees requests that the rule allows, and no others."""

    def __init__(self, route: Route) -> None:
        self.ruled = route
        super().__init__(route.path, route.endpoint, methods=[route.method], status_code=route.status, **describe_route(route))

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        run = super().get_route_handler()

        async def handle(request: Request) -> Response:
            gate: Gate = request.app.state.gate
            request.state.call, body = await gate.admit(self.ruled, request)
            return await run(Request(request.scope, _again(body)))

        return handle


def make_api(database: Database, checks: TokenChecks, catalogue: Catalogue, table: tuple[Route, ...] = TABLE) -> FastAPI:
    api = FastAPI(
        title="gongyu",
        version="1",
        summary="Who takes part, and who may do what.",
        servers=[{"url": PREFIX}],
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        redirect_slashes=False,
    )
    api.state.gate = Gate(database, Bearer(checks), InFlight(), checks.now_ms)
    api.state.catalogue = catalogue
    for route in table:
        api.router.routes.append(RuledRoute(route))
    for kind, answer in (
        (problems.Problem, problems.answer_problem),
        (RequestValidationError, problems.answer_not_valid),
        (HTTPException, problems.answer_http_error),
        (DatabaseError, problems.answer_failure),
        (Exception, problems.answer_failure),
        *((refusal, problems.answer_refused) for refusal in problems.REFUSALS),
    ):
        api.add_exception_handler(kind, answer)
    require_rules(api)
    api.state.document = make_document(api)
    return api


def require_rules(api: FastAPI) -> None:
    """Deny by default. Raises FatalError for a route that the gate does not stand before, or whose rule lets nobody in."""
    for route in api.routes:
        if not isinstance(route, RuledRoute) or not route.ruled.rule.reach:
            raise FatalError(f"route {getattr(route, 'path', route)} of the API has no rule: declare who may use it")
        if ("{" in route.path) != (route.ruled.rule.find is not None):
            raise FatalError(f"route {route.path} of the API names an object: declare whose it is")


def _again(body: bytes) -> Callable[[], Coroutine[Any, Any, Message]]:
    """What was read already, as a request's body."""

    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    return receive
