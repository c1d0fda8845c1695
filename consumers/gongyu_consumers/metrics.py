"""A receiver's metrics: every one with what it means. Labels are the grant, ops, partition numbers and causes; nothing of a record.

Served for Prometheus only where asked (`--metrics HOST:PORT`), on loopback unless another address is named.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Metric
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from gongyu_consumers.daemon import Condition
from gongyu_consumers.reading import GrantReader
from gongyu_consumers.sinks.sink import Effects, Sink

_COMMIT_BUCKETS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 15.0)
_OPS = "cudrm"
#: Gauges that ask the client are set at most so often.
_LOOK_EVERY_S = 1.0
_EVENTS = ("assigned", "revoked", "lost", "fenced")


class _ConditionCollector(Collector):
    """What the daemon is doing, as it is when Prometheus asks: also while it waits."""

    def __init__(self, grant: str, condition: Condition) -> None:
        self._grant, self._condition = grant, condition

    def collect(self) -> Iterator[Metric]:
        now = self._condition
        for name, meaning, value in (
            ("connected", "1: receiving. 0: waiting for Kafka, the registry or the target.", float(now.connected)),
            ("back_off_seconds", "The pause before the next attempt; 0 unless it waits.", now.pause_s),
        ):
            gauge = GaugeMetricFamily(f"gongyu_receiver_{name}", meaning, labels=("grant",))
            gauge.add_metric((self._grant,), value)
            yield gauge
        attempts = CounterMetricFamily("gongyu_receiver_attempts", "Connections made or tried; 1 while all is well.", labels=("grant",))
        attempts.add_metric((self._grant,), now.attempts)
        yield attempts
        meaning = "Attempts that ended: credentials refused, Kafka or registry away, target unusable."
        troubles = CounterMetricFamily("gongyu_receiver_troubles", meaning, labels=("grant", "cause"))
        for cause, count in now.troubles.items():
            troubles.add_metric((self._grant, cause), count)
        yield troubles


class Metrics:
    """One receiver's metrics in a registry of its own."""

    def __init__(self, grant: str, condition: Condition) -> None:
        self.registry = on = CollectorRegistry()
        self._condition = condition
        self._looked = 0.0

        def counter(name: str, meaning: str, *labels: str) -> Counter:
            return Counter(f"gongyu_receiver_{name}", meaning, ("grant", *labels), registry=on)

        def gauge(name: str, meaning: str, *labels: str) -> Gauge:
            return Gauge(f"gongyu_receiver_{name}", meaning, ("grant", *labels), registry=on)

        self._deliveries = counter("deliveries", "Deliveries applied, by op.", "op")
        for op in _OPS:
            self._deliveries.labels(grant, op)
        self._swept = counter("swept", "Rows that a copy's end removed.").labels(grant)
        self._passed_over = counter("passed_over", "Deliveries before the begin of a first copy, not applied.").labels(grant)
        self._moved = counter("moved", "Deliveries of records that moved between partitions.").labels(grant)
        self._inconsistencies = counter(
            "inconsistencies", "Deliveries that do not follow from what the target holds. A rise: ask the hub for a resync."
        ).labels(grant)
        self._commit = Histogram(
            "gongyu_receiver_commit_seconds",
            "Time of applying and committing one batch. A rise: a slow disk, or receivers waiting for each other.",
            ("grant",),
            buckets=_COMMIT_BUCKETS,
            registry=on,
        ).labels(grant)
        self._last = gauge("last_delivery_timestamp_seconds", "When the last delivery was committed, seconds since 1970.").labels(grant)
        self._position = gauge("position", "Offset to read next, of the partitions that this receiver has.", "partition")
        self._lag = gauge("lag_messages", "Messages behind the end of the partition. A steady rise: too slow.", "partition")
        self._copies = gauge("copies_open", "Copies that have begun and not ended.").labels(grant)
        rebalances = counter("rebalances", "Partitions assigned, revoked, lost, or fenced by another receiver's claim.", "event")
        self._rebalances = {event: rebalances.labels(grant, event) for event in _EVENTS}
        on.register(_ConditionCollector(grant, condition))
        self._grant = grant

    def applied(self, effects: Effects, seconds: float) -> None:
        """After a commit of the target."""
        for op, count in effects.delivered.items():
            self._deliveries.labels(self._grant, op).inc(count)
        self._swept.inc(effects.swept)
        self._passed_over.inc(effects.passed_over)
        self._moved.inc(effects.moved)
        self._inconsistencies.inc(len(effects.inconsistencies))
        self._commit.observe(seconds)
        if effects.delivered:
            self._last.set(time.time())

    def looked(self, reader: GrantReader, sink: Sink) -> None:
        """Where the receiver stands; cheap to call."""
        now = time.monotonic()
        if now - self._looked < _LOOK_EVERY_S:
            return
        self._looked = now
        positions = dict(reader.positions)
        lags = reader.topic.lags(positions)
        for gauge, values in ((self._position, positions), (self._lag, lags)):
            gauge.clear()
            for partition, value in values.items():
                gauge.labels(self._grant, str(partition)).set(value)
        self._copies.set(sink.copies.open_count())
        if self._condition.connected and reader.topic.down_since is not None:
            self._condition.connected = False
        elif not self._condition.connected and reader.topic.down_since is None:
            self._condition.connected = True

    def rebalanced(self, counts: Mapping[str, int]) -> None:
        """What happened since the last call."""
        for event, count in counts.items():
            self._rebalances[event].inc(count)
