"""Errors as RFC 9457 has them: `application/problem+json` with type, title, status, detail and the request's id.

What was sent is not repeated: of a body that is not valid the place and what is wrong there, never the value. The cause of a failure of
ours is for the log.
"""

from __future__ import annotations

import traceback
from collections.abc import Mapping
from http import HTTPStatus
from pathlib import Path
from typing import Any

import structlog
from fastapi import Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from starlette.exceptions import HTTPException

from gongyu_hub.registry.roles import Clash, NotThere, Stale
from gongyu_schemas.errors import DatabaseError
from gongyu_schemas.plain_words import words_of

LOG = structlog.get_logger()
MEDIA_TYPE = "application/problem+json"
_FRAMES = 5
_TYPE = "urn:gongyu:problem:"
#: The part of a request that FastAPI names first, which says nothing to the caller of a body.
_PARTS = ("body", "query", "path", "header")


class Mistake(BaseModel):
    place: str
    what: str


class ProblemAnswer(BaseModel):
    """What every error is answered with."""

    type: str
    title: str
    status: int
    detail: str
    request_id: str
    mistakes: list[Mistake] = []


class Problem(Exception):
    """Ends a request. `kind`: its stable name for programs; `detail`: what to do, for people."""

    def __init__(
        self,
        status: int,
        kind: str,
        detail: str,
        headers: Mapping[str, str] | None = None,
        mistakes: list[Mistake] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.kind = kind
        self.detail = detail
        self.headers = headers
        self.mistakes = mistakes or []


def nothing_here() -> Problem:
    """For what does not exist and for what is not the caller's alike."""
    return Problem(404, "not-found", "There is nothing under this address that you may see.")


def not_valid(place: str, what: str) -> Problem:
    return Problem(422, "not-valid", "The request is not valid.", mistakes=[Mistake(place=place, what=what)])


def answer(request: Request, problem: Problem) -> JSONResponse:
    content = ProblemAnswer(
        type=f"{_TYPE}{problem.kind}",
        title=HTTPStatus(problem.status).phrase,
        status=problem.status,
        detail=problem.detail,
        request_id=getattr(request.state, "request_id", ""),
        mistakes=problem.mistakes,
    )
    return JSONResponse(content.model_dump(), problem.status, problem.headers, MEDIA_TYPE)


async def answer_problem(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, Problem)  # noqa: S101 - Starlette hands over what it was registered for
    return answer(request, error)


async def answer_not_valid(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)  # noqa: S101 - as above
    mistakes = [_mistake(each) for each in error.errors()]
    return answer(request, Problem(422, "not-valid", "The request is not valid.", mistakes=mistakes))


async def answer_refused(request: Request, error: Exception) -> JSONResponse:
    """What the registry refuses."""
    if isinstance(error, NotThere):
        return answer(request, nothing_here())
    if isinstance(error, Stale):
        return answer(request, Problem(412, "stale", f"Not done: {error}."))
    return answer(request, Problem(409, "clash", f"Not done: {error}."))


async def answer_http_error(request: Request, error: Exception) -> JSONResponse:
    """Unknown path, wrong method, a body that is no text at all."""
    assert isinstance(error, HTTPException)  # noqa: S101 - as above
    if error.status_code == HTTPStatus.BAD_REQUEST:
        return answer(request, not_valid("", "the body is no JSON in UTF-8"))
    detail = {404: "There is no such route.", 405: "This route has no such method."}.get(error.status_code, "The request cannot be read.")
    return answer(request, Problem(error.status_code, "http", detail, error.headers))


async def answer_failure(request: Request, error: Exception) -> JSONResponse:
    """The cause is for the log: the database's in words, of any other its kind and place, as its text may be anything."""
    known = isinstance(error, DatabaseError)
    cause = str(error) if known else _place(error)
    LOG.error("request failed", request_id=getattr(request.state, "request_id", ""), kind=type(error).__name__, cause=cause)
    if known:
        return answer(request, Problem(503, "unavailable", "The registry cannot be used now; ask again.", {"Retry-After": "5"}))
    return answer(request, Problem(500, "failure", "The control plane failed; its log has this request's id."))


REFUSALS = (NotThere, Stale, Clash)


def _place(error: Exception) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    return " < ".join(f"{Path(frame.filename).name}:{frame.lineno} {frame.name}" for frame in reversed(frames[-_FRAMES:]))


def _mistake(error: Any) -> Mistake:
    """An unknown entry's own name may be anything that was sent: the place is where it stands."""
    kind, path = error["type"], list(error["loc"])
    if kind in {"extra_forbidden", "json_invalid"}:
        path = path[:-1]
    if path and path[0] in _PARTS:
        path = path[1:]
    what = "has an entry that is not known here" if kind == "extra_forbidden" else words_of(kind, error.get("ctx", {}), error["msg"])
    return Mistake(place=".".join(map(str, path)), what=what)
