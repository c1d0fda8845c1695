"""What a subscriber receives: one `Delivery` per message of a grant topic.

Values of `key`, `before` and `after` are Python's own: bool, int, float, str, bytes, date, time, datetime (aware for
timestamps, naive for local ones), Decimal, UUID or None; a nested record and a map are dicts, an array is a list, a value of a union of
several types is `Tagged` with its type. A date or time outside what Python's types can hold (years 1
to 9999) stays the number that Avro carries: nothing is lost and one odd record does not stop a feed.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time
from decimal import Decimal
from typing import NamedTuple
from uuid import UUID


class Tagged(NamedTuple):
    """A value of a union of several types: `type` is the name of a record, enum or fixed, or Avro's name of any other type."""

    type: str
    value: Value


Value = bool | int | float | str | bytes | date | time | datetime | Decimal | UUID | list["Value"] | dict[str, "Value"] | Tagged | None
Image = dict[str, Value]


@dataclass(frozen=True, slots=True)
class Source:
    """Provenance: the owner's message that caused the delivery. `act` groups the changes of one act."""

    partition: int
    offset: int
    reason: str | None = None
    act: str | None = None


@dataclass(frozen=True, slots=True)
class Copy:
    """A marker: this copy of the grant begins or ends for one input partition (or one bucket of it)."""

    phase: str
    number: int
    partition: int
    bucket: int | None = None


@dataclass(frozen=True, slots=True)
class Delivery:
    """One message of a grant topic. `op` is c, u, d, r (read: part of a copy) or m (marker: `copy` is set, `key` is empty).

    `ts_ms` is when the owner published the change, `received_at_ms` when this process got it; both since 1970 UTC.
    `purpose` and `legal_basis` are the grant version's, as its view schema carries them.
    """

    op: str
    key: Image
    before: Image | None
    after: Image | None
    ts_ms: int
    source: Source
    copy: Copy | None
    grant: str
    version: int
    purpose: dict[str, str]
    legal_basis: dict[str, str | None]
    topic: str
    partition: int
    offset: int
    received_at_ms: int
