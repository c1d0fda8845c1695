"""Deliveries made in memory, and the plain-dict model of what a subscriber holds."""

from __future__ import annotations

from dataclasses import dataclass, field

from gongyu_consumers.delivery import Copy, Delivery, Image, Source
from gongyu_consumers.sinks.sink import Identity, Shape
from gongyu_schemas.fields import Field, Kind

GRANT = "resident-address"
TOPIC = f"grant.bank.{GRANT}"
IDENTITY = Identity("bank", GRANT, TOPIC, "topic-1", "cluster-1")
SHAPE = Shape((Field("id", Kind.STRING), Field("city", Kind.STRING, null_branch=0)), ("id",))


def deliver(
    op: str,
    record: str,
    city: str | None = None,
    *,
    offset: int = 0,
    partition: int = 0,
    source: int = 0,
) -> Delivery:
    image: Image = {"id": record, "city": city}
    return Delivery(
        op=op,
        key={"id": record},
        before=image if op in {"u", "d"} else None,
        after=None if op == "d" else image,
        ts_ms=1_000,
        source=Source(source, offset),
        copy=None,
        grant=GRANT,
        version=1,
        purpose={"code": "loan-review", "text": "Loan application review"},
        legal_basis={"statute": "Act", "article": "1"},
        topic=TOPIC,
        partition=partition,
        offset=offset,
        received_at_ms=1_005,
    )


def mark(phase: str, number: int = 1, *, source: int = 0, offset: int = 0, partition: int = 0, bucket: int | None = None) -> Delivery:
    return Delivery(
        op="m",
        key={},
        before=None,
        after=None,
        ts_ms=1_000,
        source=Source(source, offset),
        copy=Copy(phase, number, source, bucket),
        grant=GRANT,
        version=1,
        purpose={"code": "loan-review", "text": "Loan application review"},
        legal_basis={"statute": "Act", "article": "1"},
        topic=TOPIC,
        partition=partition,
        offset=offset,
        received_at_ms=1_005,
    )


@dataclass
class Model:
    """What a subscriber must hold, told with a dict and sets: the rule of 'what was not refreshed is removed'."""

    held: dict[str, tuple[str | None, int]] = field(default_factory=dict)
    fresh: dict[int, tuple[int, set[str]]] = field(default_factory=dict)
    begun: set[int] = field(default_factory=set)
    inconsistent: int = 0

    def apply(self, delivery: Delivery) -> None:
        marker = delivery.copy
        if marker is not None:
            self._mark(marker)
            return
        source, record = delivery.source.partition, str(delivery.key["id"])
        if source not in self.begun:
            return
        self.inconsistent += not self._follows(delivery.op, source, record)
        if source in self.fresh:
            self.fresh[source][1].add(record)
        if delivery.after is None:
            self.held.pop(record, None)
        else:
            city = delivery.after["city"]
            self.held[record] = (None if city is None else str(city), source)

    def _follows(self, op: str, source: int, record: str) -> bool:
        there = record in self.held
        known = there and (source not in self.fresh or record in self.fresh[source][1])
        return {"c": not there, "r": source in self.fresh and not known, "u": known, "d": known}[op]

    def _mark(self, marker: Copy) -> None:
        if marker.phase == "begin":
            self.fresh[marker.partition] = (marker.number, set())
            self.begun.add(marker.partition)
            return
        number, fresh = self.fresh.get(marker.partition, (None, set()))
        if number == marker.number:
            del self.fresh[marker.partition]
            self.held = {r: v for r, v in self.held.items() if v[1] != marker.partition or r in fresh}
