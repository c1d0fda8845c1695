"""Synthetic deliveries of a view, before any approval: what `receive` would bring, made up.

Enters a view's schema (a grant's, or one derived from an information type and the fields that one means to ask for) and its
key's; leaves deliveries in the order of a topic: a copy (begin, records as `r`, end), then changes. They are encoded and decoded
like real ones, so types, nulls and columns are those of the real view. Marked as synthetic: `source.reason` is
"synthetic", and a target's cluster and topic are called so, so that no real deliveries are ever added to it. A grant's row
text is not applied.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO
from typing import Any

import fastavro
from confluent_kafka import Message

from gongyu_consumers.decode import decode
from gongyu_consumers.delivery import Delivery
from gongyu_consumers.schemas import KeySchema, View, read_key, read_view
from gongyu_consumers.sinks.sink import Identity, Shape
from gongyu_consumers.synthetic import Inventor
from gongyu_schemas.envelope import COPY_BEGIN, COPY_END, CREATE, DELETE, MARKER, READ, UPDATE, ViewTerms, record_key_schema, view_envelope
from gongyu_schemas.information_type import InformationType
from gongyu_schemas.names import grant_topic
from gongyu_schemas.wire import frame

SYNTHETIC = "synthetic"
#: 2026-01-05 09:00 in Seoul: samples do not depend on when they are made.
_FIRST_MS = 1_767_571_200_000
_VIEW_ID, _KEY_ID = 1, 2
#: Tries to find a record whose key no other has; keys of few values (enums, booleans) run out.
_KEY_TRIES = 1_000

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Samples:
    """`envelopes`: values as Avro writes them under `schema`; `deliveries`: the same as a receiver hands them out."""

    schema: Any
    shape: Shape
    identity: Identity
    envelopes: list[Row]
    deliveries: list[Delivery]


def view_of_type(information_type: InformationType, subscriber: str, fields: tuple[str, ...]) -> tuple[str, str]:
    """(view schema, key schema) as texts, as if the fields had been granted."""
    law: dict[str, str | None] = {"statute": "none: synthetic sample", "article": "none"}
    purpose = {"code": SYNTHETIC, "text": "Synthetic sample; no person's data"}
    terms = ViewTerms(subscriber, f"sample-{information_type.name}"[:63].rstrip("-"), 1, fields, purpose, law)
    return json.dumps(view_envelope(information_type, terms)), json.dumps(record_key_schema(information_type))


def make_samples(view_text: str, key_text: str, count: int, changes: int, seed: int) -> Samples:
    view, key, schema = read_view(_VIEW_ID, view_text), read_key(key_text), json.loads(view_text)
    envelopes = list(_envelopes(schema, tuple(field.name for field in key.fields), count, changes, seed))
    shape = Shape(view.fields, tuple(field.name for field in key.fields))
    topic = grant_topic(view.subscriber, view.grant)
    identity = Identity(view.subscriber, view.grant, topic, SYNTHETIC, SYNTHETIC)
    known = _Fixed(view, key)
    deliveries = [
        decode(_message(each, offset, topic, view, key, shape.key), known, each["ts_ms"]) for offset, each in enumerate(envelopes)
    ]
    return Samples(schema, shape, identity, envelopes, deliveries)


@dataclass(frozen=True, slots=True)
class _Fixed:
    """The two schemas of the samples, whatever the id."""

    the_view: View
    the_key: KeySchema

    def view(self, _schema_id: int) -> View:
        return self.the_view

    def key(self, _schema_id: int) -> KeySchema:
        return self.the_key


def _envelopes(schema: Any, key: tuple[str, ...], count: int, changes: int, seed: int) -> Iterator[Row]:
    record = next(part for field in schema["fields"] if field["name"] == "before" for part in field["type"] if isinstance(part, dict))
    inventor, chance = Inventor(seed), random.Random(seed)  # noqa: S311 - repeatable, not secret
    held: dict[tuple[Any, ...], Row] = {}
    offset = 0

    def envelope(op: str, before: Row | None, after: Row | None, phase: str | None = None) -> Row:
        nonlocal offset
        offset += 1
        source = {"partition": 0, "offset": offset - 1, "reason": SYNTHETIC, "act": None}
        place = None if phase is None else {"phase": phase, "number": 1, "partition": 0, "bucket": None}
        return {"before": before, "after": after, "op": op, "ts_ms": _FIRST_MS + 1000 * offset, "source": source, "copy": place}

    def new_record(number: int) -> Row | None:
        for attempt in range(_KEY_TRIES):
            made: Row = inventor.invent(record, number + attempt * 1_000_003)
            identifier = tuple(made[name] for name in key)
            if identifier not in held:
                held[identifier] = made
                return made
        return None

    yield envelope(MARKER, None, None, COPY_BEGIN)
    for number in range(1, count + 1):
        if (made := new_record(number)) is not None:
            yield envelope(READ, None, made)
    yield envelope(MARKER, None, None, COPY_END)
    for number in range(count + 1, count + changes + 1):
        op = (UPDATE, CREATE, UPDATE, DELETE)[number % 4]
        if op == CREATE or not held:
            if (made := new_record(number)) is not None:
                yield envelope(CREATE, None, made)
            continue
        identifier = chance.choice(list(held))
        before = held.pop(identifier)
        if op == DELETE:
            yield envelope(DELETE, before, None)
            continue
        held[identifier] = {**inventor.invent(record, number), **dict(zip(key, identifier, strict=True))}
        yield envelope(UPDATE, before, held[identifier])


def _message(envelope: Row, offset: int, topic: str, view: View, key: KeySchema, key_fields: tuple[str, ...]) -> Message:
    image = envelope["after"] or envelope["before"]
    key_bytes = None if image is None else frame(_KEY_ID, _write(key.parsed, {name: image[name] for name in key_fields}))
    return Message(topic=topic, partition=0, offset=offset, key=key_bytes, value=frame(_VIEW_ID, _write(view.parsed, envelope)))


def _write(parsed: Any, content: Row) -> bytes:
    body = BytesIO()
    fastavro.schemaless_writer(body, parsed, content)
    return body.getvalue()
