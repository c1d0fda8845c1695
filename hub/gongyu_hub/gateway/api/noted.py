"""Each request of the API has an id, in its answer (`X-Request-Id`) and in one line of the log, with who asked for what and how it ended.

A caller's own id is kept where it is a plain one. The log has the route, not the address, nothing of a body, and of tokens nothing.
"""

from __future__ import annotations

import re
import secrets
import time

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

LOG = structlog.get_logger()
_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
HEADER = "X-Request-Id"


class Noted:
    """Around the API's application."""

    def __init__(self, api: ASGIApp) -> None:
        self._api = api

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._api(scope, receive, send)
            return
        given = Headers(scope=scope).get(HEADER, "")
        request_id = given if _ID.fullmatch(given) else secrets.token_hex(8)
        state = {**scope.get("state", {}), "request_id": request_id}
        scope = {**scope, "state": state}
        status, begun, start = 500, False, time.monotonic()

        async def tell(message: Message) -> None:
            nonlocal status, begun
            if message["type"] == "http.response.start":
                status, begun = message["status"], True
                MutableHeaders(scope=message)[HEADER] = request_id
            await send(message)

        try:
            await self._api(scope, receive, tell)
        except Exception:
            if not begun:
                raise
        finally:
            LOG.info(
                "api request",
                request_id=request_id,
                method=scope["method"],
                route=getattr(scope.get("route"), "path", None),
                status=status,
                account=state.get("account"),
                took_ms=round((time.monotonic() - start) * 1000),
            )
