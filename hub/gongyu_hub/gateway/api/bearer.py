"""Log-in with a bearer token (RFC 6750): enters a request, leaves its `Actor`.

Refusals say nothing of a token that is not whole. Tokens are checked one at a time, as each check costs memory and processor time
that a flood of wrong ones must not multiply; one that was right a moment ago is not checked, nor made to wait, so nobody who floods
can lock it out. Too many failures, of an account from an address or of an address: 429 until the minute is over. Decision: an unknown token
costs no check, as its public part is random and tells nothing by being unknown.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from fastapi import Request
from starlette.concurrency import run_in_threadpool

from gongyu_hub.gateway.api.attempts import Attempts
from gongyu_hub.gateway.api.problems import Problem
from gongyu_hub.registry.roles import Actor
from gongyu_hub.registry.token_checks import Held, TokenChecks
from gongyu_hub.registry.tokens import public_part

ACCOUNT_FAILURES_MAX = 10
ADDRESS_FAILURES_MAX = 100
_CHALLENGE = {"WWW-Authenticate": 'Bearer realm="gongyu"'}


class Bearer:
    """Checks log-ins; one per server."""

    def __init__(self, checks: TokenChecks, clock_s: Callable[[], float] = time.monotonic) -> None:
        self._checks = checks
        self._one_at_a_time = asyncio.Semaphore(1)
        self._of_accounts = Attempts(ACCOUNT_FAILURES_MAX, clock_s)
        self._of_addresses = Attempts(ADDRESS_FAILURES_MAX, clock_s)

    async def enter(self, request: Request) -> Actor:
        """Raises Problem 401 or 429."""
        address = request.client.host if request.client else ""
        scheme, _, whole = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer":
            raise Problem(401, "no-log-in", "Log in with a token: `Authorization: Bearer gyt_...`.", _CHALLENGE)
        whole = whole.strip()
        public = public_part(whole)
        held = None if public is None else await run_in_threadpool(self._checks.find, public)
        if held is None or not await run_in_threadpool(self._checks.remembered, held, whole):
            self._require_patience(held, address)
            held = await self._check(held, whole, address)
        if held.ended is not None:
            self._failed(held, address)
            raise Problem(401, "no-log-in", f"Not let in: {held.ended}.", _CHALLENGE)
        await run_in_threadpool(self._checks.note_use, held)
        return held.actor

    async def _check(self, held: Held | None, whole: str, address: str) -> Held:
        if held is not None:
            async with self._one_at_a_time:
                if await run_in_threadpool(self._checks.verify, held, whole):
                    return held
        self._failed(held, address)
        raise Problem(401, "no-log-in", "This is no valid token.", _CHALLENGE)

    def _failed(self, held: Held | None, address: str) -> None:
        self._of_addresses.failed(address)
        if held is not None:
            self._of_accounts.failed((held.actor.account, address))

    def _require_patience(self, held: Held | None, address: str) -> None:
        wait_s = self._of_addresses.wait_s(address)
        if held is not None:
            wait_s = max(wait_s, self._of_accounts.wait_s((held.actor.account, address)))
        if wait_s:
            raise Problem(429, "too-many-log-ins", "Too many failed log-ins: wait, then log in again.", {"Retry-After": str(wait_s)})
