"""Holds one grant's topic against the reference's deliveries, message by message.

Enters what must have been delivered and what the topic holds (whole, in order per partition, committed only); leaves
findings: how often each defect was met, with the first few examples. A delivery is recognised by the message it
names as its source (of a list's message, which may deliver several records, by its key as well), so a wrong value, a repetition
and a stranger are told apart. Order is that of the expected deliveries. Examples name places and parts, never
the content of a record.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from gongyu_hub.demo.plain import Codec, NotPlain, image_reader
from gongyu_hub.demo.reference import Delivery, Terms, View
from gongyu_schemas.envelope import COPY_BEGIN, COPY_END, DELETE, LEFT, MARKER
from gongyu_schemas.fields import Schema, read_fields
from gongyu_schemas.view_record import TREATMENT
from gongyu_schemas.wire import HEADER_BYTES, WireError, unframe

#: Partition, offset and, of a list's message, body of the record key.
Source = tuple[int, int, bytes | None]
EXAMPLES = 5
_PARTS = ("op", "before", "after", "ts_ms", "act", "reason", "copy")


class Defect(enum.Enum):
    """What can be wrong; the demo's table has a line for each."""

    MISSING = "missing"
    EXTRA = "extra"
    DUPLICATED = "duplicated"
    OUT_OF_ORDER = "out of order"
    UNGRANTED = "ungranted field"
    WRONG_VALUE = "wrong value"
    WRONG_KEY = "wrong key or partition"
    WRONG_TERMS = "wrong purpose or law"
    WRONG_MARKER = "copy marker missing or misplaced"
    WRONG_DEAD_LETTER = "dead letter missing or extra"
    WRONG_SUM = "conservation sum broken"
    WRONG_TABLE = "subscriber's table differs"
    UNPROCESSED = "input not processed"


@dataclass(slots=True)
class Findings:
    """Counts of defects and the first examples of each."""

    counts: dict[Defect, int] = field(default_factory=lambda: dict.fromkeys(Defect, 0))
    examples: list[str] = field(default_factory=list)

    def add(self, defect: Defect, text: str, times: int = 1) -> None:
        """Count a defect; its text is kept if it is among the first of its kind."""
        if self.counts[defect] < EXAMPLES:
            self.examples.append(f"{defect.value}: {text}")
        self.counts[defect] += times

    def include(self, other: Findings) -> None:
        """Add another's counts and examples to these."""
        for defect, count in other.counts.items():
            self.counts[defect] += count
        self.examples.extend(other.examples)

    @property
    def clean(self) -> bool:
        """Whether nothing was found."""
        return not any(self.counts.values())


@dataclass(frozen=True, slots=True)
class Received:
    """A message of a grant topic as Kafka carries it."""

    partition: int
    offset: int
    key: bytes | None
    value: bytes | None


@dataclass(frozen=True, slots=True)
class GrantTopic:
    """A grant's topic with its schemas in the registry. `partitions` are its own, `input_partitions` the owner topic's."""

    terms: Terms
    topic: str
    partitions: int
    input_partitions: int
    key_schema_id: int
    key_schema: Schema
    view_schemas: Mapping[int, Schema]


def granted_names(schema: Schema) -> tuple[str, ...]:
    """The dotted field names of the view inside an envelope schema."""
    return tuple(each.name for each in read_fields(view_record(schema)))


def view_record(schema: Schema) -> Schema:
    """The view's record inside an envelope schema."""
    declared = next(each["type"] for each in schema["fields"] if each["name"] == "before")
    return next(branch for branch in declared if isinstance(branch, dict))


def _declared_leaves(record: Schema) -> Iterator[dict[str, Any]]:
    """The declarations of a view's leaves, in order."""
    for each in record["fields"]:
        shown = each["type"]
        if isinstance(shown, list) and len(shown) == 2 and "null" in shown:
            shown = shown[1 - shown.index("null")]
        if isinstance(shown, dict) and shown["type"] == "record":
            yield from _declared_leaves(shown)
        else:
            yield each


@dataclass(frozen=True, slots=True)
class Compared:
    """All that is wrong with the topic; and where each expected delivery was found: (place in the topic, delivery)."""

    findings: Findings
    found: list[tuple[Received, Delivery]]


def compare(topic: GrantTopic, expected: Iterable[Delivery], received: Sequence[Received]) -> Compared:
    """Walk the topic once."""
    comparison = _Comparison(topic, expected)
    for message in received:
        comparison.take(message)
    return Compared(comparison.finish(), comparison.found)


class _Comparison:
    """Walks the topic once; remembers what was seen of each expected delivery, record and marker."""

    def __init__(self, topic: GrantTopic, expected: Iterable[Delivery]) -> None:
        self.findings = Findings()
        self.found: list[tuple[Received, Delivery]] = []
        self._topic = topic
        self._key_codec = Codec(topic.key_schema)
        self._expected: dict[Source, Delivery] = {}
        self._turns: dict[Source, int] = {}
        for turn, each in enumerate(expected):
            source = (each.partition, each.offset, self._key_body(each) if each.offset < 0 else None)
            self._expected[source], self._turns[source] = each, turn
        self._seen: set[Source] = set()
        self._last: dict[tuple[int, bytes | None], int] = {}
        self._markers: dict[int, list[str]] = {}
        self._codecs = {schema_id: Codec(schema) for schema_id, schema in topic.view_schemas.items()}
        self._names = {schema_id: granted_names(schema) for schema_id, schema in topic.view_schemas.items()}
        self._key_codec = Codec(topic.key_schema)
        self._read_view = image_reader(topic.terms.view_fields)
        for schema_id, schema in topic.view_schemas.items():
            self._check_terms(schema_id, schema)

    def take(self, message: Received) -> None:
        place = f"{self._topic.topic} [{message.partition}] at {message.offset}"
        try:
            schema_id, body = unframe(message.value or b"")
            envelope = self._codecs[schema_id].decode_loosely(body)
        except (WireError, NotPlain, KeyError) as error:
            self.findings.add(Defect.EXTRA, f"{place}: not a message under a schema of this grant: {error}")
            return
        ungranted = set(self._names[schema_id]) - set(self._topic.terms.fields)
        absent = set(self._topic.terms.fields) - set(self._names[schema_id])
        if ungranted:
            self.findings.add(Defect.UNGRANTED, f"{place}: {', '.join(sorted(ungranted))}")
        elif absent:
            self.findings.add(Defect.WRONG_VALUE, f"{place}: without the granted {', '.join(sorted(absent))}")
        elif envelope["op"] == MARKER:
            self._take_marker(place, message, envelope)
        else:
            self._take_delivery(place, message, envelope)

    def finish(self) -> Findings:
        for source in self._expected.keys() - self._seen:
            delivery = self._expected[source]
            self.findings.add(Defect.MISSING, f"{self._topic.topic}: {delivery.op} for input {source[:2]}")
        for partition in range(self._topic.input_partitions):
            phases, end = self._markers.pop(partition, []), self._topic.terms.ends.get(partition)
            if phases != ([COPY_BEGIN, COPY_END] if end is None or end.began else []):
                self.findings.add(Defect.WRONG_MARKER, f"{self._topic.topic}: input partition {partition} has markers {phases}")
        for partition in self._markers:
            self.findings.add(Defect.WRONG_MARKER, f"{self._topic.topic}: markers of input partition {partition}, which does not exist")
        return self.findings

    def _take_marker(self, place: str, message: Received, envelope: Mapping[str, Any]) -> None:
        scope = envelope["copy"]
        if scope is None or message.key is not None or envelope["before"] is not None or envelope["after"] is not None:
            self.findings.add(Defect.WRONG_MARKER, f"{place}: a marker has a copy and neither key nor images")
            return
        if scope["partition"] % self._topic.partitions != message.partition or scope["bucket"] is not None:
            self.findings.add(Defect.WRONG_MARKER, f"{place}: {scope} is not this partition's")
        self._markers.setdefault(scope["partition"], []).append(scope["phase"])

    def _take_delivery(self, place: str, message: Received, envelope: Mapping[str, Any]) -> None:
        partition, offset = envelope["source"]["partition"], envelope["source"]["offset"]
        source = (partition, offset, (message.key or b"")[HEADER_BYTES:] if offset < 0 else None)
        delivery = self._expected.get(source)
        if delivery is None:
            self.findings.add(Defect.EXTRA, f"{place}: {envelope['op']} for input {source[:2]}")
            return
        if source in self._seen:
            self.findings.add(Defect.DUPLICATED, f"{place}: {delivery.op} for input {source[:2]}")
            return
        self._seen.add(source)
        self.found.append((message, delivery))
        self._check_order(place, message, source)
        self._check_key(place, message, delivery)
        self._check_values(place, envelope, delivery)

    def _check_order(self, place: str, message: Received, source: Source) -> None:
        record, turn = (source[0], message.key), self._turns[source]
        if self._last.get(record, -1) > turn or COPY_END not in self._markers.get(source[0], ()):
            self.findings.add(Defect.OUT_OF_ORDER, f"{place}: input {source[:2]} comes too early or too late")
        self._last[record] = max(turn, self._last.get(record, -1))

    def _key_body(self, delivery: Delivery) -> bytes:
        return self._key_codec.encode(dict(zip(self._topic.terms.information_type.key, delivery.key, strict=True)))

    def _check_key(self, place: str, message: Received, delivery: Delivery) -> None:
        expected = self._key_body(delivery)
        try:
            schema_id, body = unframe(message.key or b"")
        except WireError:
            schema_id, body = -1, b""
        if schema_id != self._topic.key_schema_id or body != expected:
            self.findings.add(Defect.WRONG_KEY, f"{place}: not the key of the record")
        elif message.partition != delivery.partition % self._topic.partitions:
            self.findings.add(Defect.WRONG_KEY, f"{place}: not the partition of input partition {delivery.partition}")

    def _check_values(self, place: str, envelope: Mapping[str, Any], delivery: Delivery) -> None:
        source = envelope["source"]
        try:
            images = self._view(envelope["before"]), self._view(envelope["after"])
        except NotPlain as error:
            self.findings.add(Defect.WRONG_VALUE, f"{place}: {error}")
            return
        reason = LEFT if delivery.op == DELETE else None
        found = (envelope["op"], *images, envelope["ts_ms"], source["act"], source["reason"], envelope["copy"])
        wanted = (delivery.op, delivery.before, delivery.after, delivery.ts_ms, delivery.act, reason, None)
        if found != wanted:
            wrong = [part for part, is_, must_be in zip(_PARTS, found, wanted, strict=True) if is_ != must_be]
            self.findings.add(Defect.WRONG_VALUE, f"{place}: {', '.join(wrong)} of the {delivery.op}")

    def _view(self, raw: Mapping[str, Any] | None) -> View | None:
        if raw is None:
            return None
        image = self._read_view(raw)
        return tuple(image[name] for name in self._topic.terms.fields)

    def _check_terms(self, schema_id: int, schema: Schema) -> None:
        terms = self._topic.terms
        for attribute, wanted in (
            ("gongyu.subscriber", terms.subscriber),
            ("gongyu.grant", terms.name),
            ("gongyu.informationType", terms.information_type.name),
            ("gongyu.owner", terms.information_type.owner),
            ("gongyu.purpose", dict(terms.purpose)),
            ("gongyu.legalBasis", dict(terms.legal_basis)),
        ):
            if schema.get(attribute) != wanted:
                self.findings.add(Defect.WRONG_TERMS, f"schema {schema_id}: {attribute} is {schema.get(attribute)}, must be {wanted}")
        self._check_treatments(schema_id, view_record(schema))

    def _check_treatments(self, schema_id: int, record: Schema) -> None:
        """Each granted field has the type that its treatment leaves, and says what was done to it."""
        terms = self._topic.terms
        wanted = {each.name: each for each in terms.view_fields}
        leaves = (shown for shown in read_fields(record) if shown.is_leaf)
        for shown, declared in zip(leaves, _declared_leaves(record), strict=True):
            field, treated = wanted.get(shown.name), terms.treatments.get(shown.name)
            if field is not None and (shown.kind, shown.null_branch) != (field.kind, field.null_branch):
                self.findings.add(Defect.WRONG_TERMS, f"schema {schema_id}: {shown.name} is {shown.kind.value}, must be {field.kind.value}")
            if declared.get(TREATMENT) != (None if treated is None else treated.content):
                self.findings.add(Defect.WRONG_TERMS, f"schema {schema_id}: {TREATMENT} of {shown.name} is {declared.get(TREATMENT)}")
