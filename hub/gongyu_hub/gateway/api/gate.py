"""What every request passes before its endpoint is reached: log-in, rule, size, object, preconditions. In this order, so that who may
not ask makes the server read nothing.

Leaves a `Call`. Raises Problem 401, 403, 404, 413, 422, 428, 429.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from fastapi import Request
from starlette.concurrency import run_in_threadpool

from gongyu_hub.gateway.api.bearer import Bearer
from gongyu_hub.gateway.api.calls import Call, InFlight
from gongyu_hub.gateway.api.problems import Problem, not_valid, nothing_here
from gongyu_hub.gateway.api.rules import Reach, Route, reaches
from gongyu_hub.registry.database import Database
from gongyu_hub.registry.roles import Actor, Expected, NotThere

BODY_BYTES_MAX = 65_536
_KEY = re.compile(r"[\x21-\x7e]{1,128}")
_PATH_CHARS_MAX = 63
_ETAG = re.compile(r'"([0-9]{1,9})"')
_NO_SUCH_VERSION = -1


@dataclass(frozen=True, slots=True)
class Gate:
    database: Database
    bearer: Bearer
    in_flight: InFlight
    now_ms: Callable[[], int]

    async def admit(self, route: Route, request: Request) -> tuple[Call, bytes]:
        """With the request's body."""
        actor = await self.bearer.enter(request)
        request.state.account = actor.account
        reach = route.rule.of(actor.roles)
        if reach is None:
            raise Problem(403, "not-allowed", "Your roles do not allow this.")
        body = await _read_body(request)
        await run_in_threadpool(self._require_reach, route, reach, actor, request.path_params)
        expected = _read_if_match(request) if route.conditional else None
        key = _read_key(request) if route.repeatable else None
        digest = hashlib.sha256(f"{request.method} {request.url.path}\n".encode() + body).digest()
        return Call(route, actor, reach, expected, key, digest, self.database, self.in_flight, self.now_ms()), body

    def _require_reach(self, route: Route, reach: Reach, actor: Actor, path: Mapping[str, str]) -> None:
        if route.rule.find is None:
            return
        if any(len(value) > _PATH_CHARS_MAX or "\0" in value for value in path.values()):
            raise nothing_here()
        with self.database.reading() as session:
            try:
                owned = route.rule.find(session, path)
            except NotThere:
                raise nothing_here() from None
        if not reaches(reach, actor, owned):
            raise nothing_here()


async def _read_body(request: Request) -> bytes:
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > BODY_BYTES_MAX:
            raise Problem(413, "too-large", f"The request has more than {BODY_BYTES_MAX:,} bytes.")
    return bytes(body)


def _read_if_match(request: Request) -> Expected:
    """RFC 9110, 13.1.1; what is no ETag of ours matches nothing."""
    given = request.headers.get("if-match", "").strip()
    if not given:
        raise Problem(428, "no-version", "Say which version you saw: send its ETag as If-Match.")
    if given == "*":
        return None
    found = (_ETAG.fullmatch(each.strip()) for each in given[:1000].split(","))
    return frozenset(int(each[1]) if each else _NO_SUCH_VERSION for each in found)


def _read_key(request: Request) -> str | None:
    given = request.headers.get("idempotency-key")
    if given is not None and not _KEY.fullmatch(given):
        raise not_valid("Idempotency-Key", "must be 1 to 128 visible ASCII characters")
    return given
