"""HTTP Basic with the Kafka users' passwords.

Enters a request, leaves its `Principal`. A wrong log-in is answered late, the later the more of them a user had, at most two
seconds; beyond `_REFUSALS_HELD_MAX` such answers at a time at once, so that they do not take every place of the server. The
right password is never made late by earlier wrong ones, so nobody can lock another out. Passwords are checked one at a
time, as each check costs memory and processor time that a flood of wrong ones must not multiply: one that succeeded before
is let in without a check, a first one waits its turn.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
from typing import Annotated

from fastapi import Depends, Request
from starlette.concurrency import run_in_threadpool

from gongyu_hub.gateway.replies import RegistryError
from gongyu_hub.registry.credentials import Credentials
from gongyu_hub.registry.principals import Principal, principal_of

_FIRST_DELAY_S = 0.05
_DELAY_MAX_S = 2.0
#: An eighth of the requests that the server takes at once.
_REFUSALS_HELD_MAX = 32
_HEADER_CHARS_MAX = 1024
_NOBODY = ""


class Door:
    """Checks log-ins; one per server."""

    def __init__(self, credentials: Credentials) -> None:
        self._credentials = credentials
        self._one_at_a_time = asyncio.Semaphore(1)
        self._failures: dict[str, int] = {}
        self._held = 0

    async def enter(self, authorization: str | None) -> Principal:
        """Raises RegistryError 401."""
        user, password = _read_basic(authorization)
        principal = principal_of(user)
        if await run_in_threadpool(self._credentials.remembered, user, password):
            verified = True
        else:
            async with self._one_at_a_time:
                verified = await run_in_threadpool(self._credentials.verify, user, password)
        # Only names that users can have are counted one by one; the others share one count.
        counted = _NOBODY if principal is None else user
        if principal is None or not verified:
            await self._delay(counted)
            raise _refused("wrong user or password")
        self._failures.pop(counted, None)
        return principal

    async def _delay(self, counted: str) -> None:
        if len(self._failures) > 10_000:
            self._failures.clear()
        earlier = self._failures.get(counted, 0)
        self._failures[counted] = earlier + 1
        if self._held >= _REFUSALS_HELD_MAX:
            return
        self._held += 1
        try:
            await asyncio.sleep(min(_DELAY_MAX_S, _FIRST_DELAY_S * 2 ** min(earlier, 10)))
        finally:
            self._held -= 1


async def _enter(request: Request) -> Principal:
    door: Door = request.app.state.door
    return await door.enter(request.headers.get("authorization"))


LoggedIn = Annotated[Principal, Depends(_enter)]


def _read_basic(authorization: str | None) -> tuple[str, str]:
    """RFC 7617: user and password joined by the first colon, in base64 of UTF-8."""
    if authorization is None:
        raise _refused("log in with the user and password of your Kafka profile")
    scheme, _, encoded = authorization[:_HEADER_CHARS_MAX].partition(" ")
    if scheme.lower() != "basic":
        raise _refused("only HTTP Basic is supported")
    try:
        user, colon, password = base64.b64decode(encoded.strip(), validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError, ValueError):
        raise _refused("the Authorization header is not valid") from None
    if not colon:
        raise _refused("the Authorization header is not valid")
    return user, password


def _refused(why: str) -> RegistryError:
    return RegistryError(401, 40101, f"Unauthorized: {why}", {"WWW-Authenticate": 'Basic realm="gongyu", charset="UTF-8"'})
