"""Whose turn it is to be restored: one that failed waits a little and goes to the back."""

from __future__ import annotations

import time
from collections.abc import Iterable

import structlog

from gongyu_hub.values import Place

LOG = structlog.get_logger()
BACK_OFF_S = 0.5


class Turns:
    """Of one worker's waiting partitions."""

    def __init__(self) -> None:
        self._failed_at: dict[Place, float] = {}

    def due(self, waiting: Iterable[Place]) -> list[Place]:
        latest = time.monotonic() - BACK_OFF_S
        return [place for failed, place in sorted((self._failed_at.get(each, 0.0), each) for each in waiting) if failed <= latest]

    def failed(self, place: Place, cause: str) -> None:
        self._failed_at[place] = time.monotonic()
        LOG.warning("partition cannot be restored for now", topic=place[0], partition=place[1], cause=cause)
