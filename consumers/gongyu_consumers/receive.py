"""The loop of a receiver: poll, apply, remember, until the end or until it is told to stop.

A stop (SIGTERM, Ctrl-C) ends it between two batches, so what was polled is applied and committed first.
Positions behind control records alone are written every few seconds and at the end: they keep a quiet topic's position
from falling behind retention.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from gongyu_consumers.delivery import Delivery
from gongyu_consumers.progress import Totals
from gongyu_consumers.reading import GrantReader
from gongyu_consumers.sinks.sink import Effects, Sink
from gongyu_schemas.errors import KafkaUnavailable

LOG = logging.getLogger("gongyu.subscriber")
_POLL_S = 0.5
_REMEMBER_EVERY_S = 5.0
_SHOW_LAG_EVERY_S = 1.0
#: With --exit-at-end a command ends in bounded time also where Kafka is gone.
_GIVE_UP_S = 60.0


@dataclass(frozen=True, slots=True)
class Watch:
    """Who is told: `applied` after each commit (what it did, how long it took), `looked` after each turn."""

    applied: Callable[[Effects, float], None]
    looked: Callable[[], None]


def receive(
    reader: GrantReader, sink: Sink, totals: Totals, watch: Watch, stop: threading.Event, *, exit_at_end: bool, at_least_once: bool
) -> None:
    """Fills `totals`; the reader has been started. `at_least_once`: the group's offsets are the sink's positions, so committing
    them must succeed.
    """
    remembered = committed = time.monotonic()
    shown = dict(sink.positions)
    while not stop.is_set():
        batch = reader.next_batch(_POLL_S)
        begun = time.monotonic()
        if batch.deliveries or begun - remembered > _REMEMBER_EVERY_S:
            _apply(reader, sink, totals, watch, batch.deliveries)
            remembered = time.monotonic()
        totals.busy_s += time.monotonic() - begun
        if at_least_once and batch.deliveries:
            reader.topic.commit(sink.positions)
        elif not at_least_once and begun - committed > _SHOW_LAG_EVERY_S and sink.positions and shown != sink.positions:
            shown, committed = dict(sink.positions), begun
            reader.topic.show_lag(shown)
        reader.require_begun(sink.copies)
        watch.looked()
        if exit_at_end and reader.all_caught_up:
            break
        if exit_at_end and reader.topic.down_since is not None and time.monotonic() - reader.topic.down_since > _GIVE_UP_S:
            raise KafkaUnavailable(f"Kafka has been away for {_GIVE_UP_S:.0f} s; what was received is kept, start again later")
    _apply(reader, sink, totals, watch, [])
    if not at_least_once and sink.positions and shown != sink.positions and reader.topic.down_since is None:
        _show_end(reader, sink)


def _show_end(reader: GrantReader, sink: Sink) -> None:
    """The last word on lag is waited for: who asks afterwards sees where this receiver ended. Without it nothing is lost."""
    try:
        reader.topic.commit(sink.positions)
    except KafkaUnavailable as error:
        LOG.info("the group was not told where this receiver ended: %s", error)


def _apply(reader: GrantReader, sink: Sink, totals: Totals, watch: Watch, deliveries: list[Delivery]) -> None:
    """Apply, unless there is nothing new at all."""
    if not deliveries and sink.positions == reader.positions:
        return
    begun = time.monotonic()
    effects = sink.apply(deliveries, reader.positions)
    watch.applied(effects, time.monotonic() - begun)
    reader.fence(effects.fenced)
    totals.add(effects)
    totals.note_live(delivery for delivery in deliveries if reader.is_live(delivery))
