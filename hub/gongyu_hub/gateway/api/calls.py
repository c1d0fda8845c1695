"""A request that was let in: who asks, how far the rule reaches, which version the caller saw, and how its answer is made.

A change and the answer that is kept for its idempotency key are one transaction: repeated after whatever happened in between, a request
has happened once. Only what succeeded is kept, for a day; what was refused changed nothing and is judged again.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel
from sqlalchemy import delete
from sqlalchemy.orm import Session

from gongyu_hub.gateway.api.problems import Problem
from gongyu_hub.gateway.api.rules import Reach, Route
from gongyu_hub.registry.database import Database
from gongyu_hub.registry.roles import Actor, Author, Expected
from gongyu_hub.registry.tables import KeptAnswer

KEPT_MS = 86_400_000
REPLAYED = "Idempotency-Replayed"


@dataclass(frozen=True, slots=True)
class Shown:
    """An answer's content. `kept`: what a repeated request is told instead, where the content has a secret."""

    content: BaseModel | None
    version: int | None = None
    location: str | None = None
    kept: BaseModel | None = None


class InFlight:
    """Idempotency keys of requests that have not ended yet."""

    def __init__(self) -> None:
        self._turn = threading.Lock()
        self._keys: set[tuple[str, str]] = set()

    @contextmanager
    def alone(self, account: str, key: str) -> Iterator[None]:
        """Raises Problem 409."""
        with self._turn:
            if (account, key) in self._keys:
                raise Problem(409, "in-flight", "A request with this idempotency key has not ended yet; ask again.")
            self._keys.add((account, key))
        try:
            yield
        finally:
            with self._turn:
                self._keys.remove((account, key))


@dataclass(frozen=True, slots=True)
class Call:
    """`digest`: of method, address and body, which a repeated request has in common."""

    route: Route
    actor: Actor
    reach: Reach
    expected: Expected
    key: str | None
    digest: bytes
    database: Database
    in_flight: InFlight
    now_ms: int

    @property
    def author(self) -> Author:
        return Author(self.actor.account, self.now_ms)

    def read(self, show: Callable[[Session], Shown]) -> Response:
        with self.database.reading() as session:
            return self._answer(show(session))

    def write(self, act: Callable[[Session], Shown]) -> Response:
        """One transaction. Raises Problem 409 or 422 for an idempotency key that is in use."""
        if self.key is None:
            with self.database.writing() as session:
                return self._answer(act(session))
        with self.in_flight.alone(self.actor.account, self.key), self.database.writing() as session:
            session.execute(delete(KeptAnswer).where(KeptAnswer.at_ms <= self.now_ms - KEPT_MS))
            kept = session.get(KeptAnswer, (self.actor.account, self.key))
            if kept is not None:
                return self._repeat(kept)
            shown = act(session)
            self._keep(session, self.key, shown)
            return self._answer(shown)

    def _answer(self, shown: Shown) -> Response:
        headers = _headers(shown)
        if shown.content is None:
            return Response(None, self.route.status, headers)
        return JSONResponse(shown.content.model_dump(mode="json"), self.route.status, headers)

    def _keep(self, session: Session, key: str, shown: Shown) -> None:
        content = shown.kept or shown.content
        body = "" if content is None else json.dumps(content.model_dump(mode="json"), ensure_ascii=False)
        row = KeptAnswer(account=self.actor.account, key=key, digest=self.digest, at_ms=self.now_ms, status=self.route.status, body=body)
        row.headers = json.dumps(_headers(shown))
        session.add(row)

    def _repeat(self, kept: KeptAnswer) -> Response:
        if kept.digest != self.digest:
            raise Problem(422, "key-reused", "This idempotency key belongs to another request of yours: use a new one.")
        headers = {**json.loads(kept.headers), REPLAYED: "true"}
        return Response(kept.body or None, kept.status, headers, "application/json" if kept.body else None)


def _headers(shown: Shown) -> dict[str, str]:
    headers = {"Cache-Control": "no-store"}
    if shown.version is not None:
        headers["ETag"] = f'"{shown.version}"'
    if shown.location is not None:
        headers["Location"] = shown.location
    return headers


def _call(request: Request) -> Call:
    call: Call = request.state.call
    return call


LetIn = Annotated[Call, Depends(_call)]
