"""The independent reference: what the hub must do with an owner topic, said as plainly as possible.

Enters an information type with its schema ids, the grants, and the owner's messages in the order of each partition;
leaves per message one outcome (applied, unchanged, stale, rejected, control) and the exact delivery to each grant.
Decision: objects, fastavro and closures, and no import from the hub, because a check that shares code with what it
checks shares its mistakes. It holds every record in memory.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from gongyu_hub.demo.plain import Codec, NotPlain, image_reader
from gongyu_hub.demo.row_text import Image, Predicate, compile_rows
from gongyu_hub.demo.strict import read_sizes
from gongyu_hub.demo.treatments import Treated, Whose, read_treatment
from gongyu_schemas.envelope import CREATE, DELETE, MARKER, READ, UPDATE
from gongyu_schemas.fields import Field, Schema
from gongyu_schemas.information_type import InformationType
from gongyu_schemas.partitioner import partition_of
from gongyu_schemas.wire import WireError, unframe

#: Two images and their envelope fit one Kafka message of a mebibyte.
IMAGE_BYTES = 400_000
#: Of the message key and the act beside them.
KEY_AND_ACT_BYTES = 200_000

Key = tuple[Any, ...]
View = tuple[Any, ...]


class Outcome(enum.Enum):
    """What becomes of an input message; exactly one of these."""

    APPLIED = "applied"
    UNCHANGED = "unchanged"
    STALE = "stale"
    REJECTED = "rejected"
    CONTROL = "control"


@dataclass(frozen=True, slots=True)
class OwnerMessage:
    """A message as Kafka carries it; its time matters only where there is no value that has one."""

    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    timestamp_ms: int = 0


@dataclass(frozen=True, slots=True)
class Published:
    """An information type as it is in use: its schema ids in the registry and the schemas behind them."""

    information_type: InformationType
    key_schema_id: int
    key_schema: Schema
    writer_schemas: Mapping[int, Schema]


@dataclass(frozen=True, slots=True)
class Terms:
    """A grant as the policy states it; `fields` are those of its view, in the order of the record."""

    subscriber: str
    name: str
    information_type: InformationType
    fields: tuple[str, ...]
    rows: Predicate
    purpose: Mapping[str, Any]
    legal_basis: Mapping[str, Any]
    treatments: Mapping[str, Treated] = field(default_factory=dict)

    @property
    def view_fields(self) -> tuple[Field, ...]:
        """As the view shows them."""
        known = {each.name: each for each in self.information_type.fields}
        return tuple(self.treatments[name].field if name in self.treatments else known[name] for name in self.fields)

    def show(self, name: str, image: Image) -> Any:
        """A field's value as the view has it; what lies in a record that is null is not there, however it is treated."""
        value, treated = image[name], self.treatments.get(name)
        if treated is None or (treated.field.within and image[treated.field.within] is None):
            return value
        return treated.show(value)

    def show_key(self, key: Key) -> Key:
        """A record's key as the view has it."""
        image = dict(zip(self.information_type.key, key, strict=True))
        return tuple(self.show(name, image) for name in image)


@dataclass(frozen=True, slots=True)
class Delivery:
    """One message of a grant topic in plain values; `partition` and `offset` are those of the owner's message."""

    op: str
    key: Key
    before: View | None
    after: View | None
    ts_ms: int
    partition: int
    offset: int
    act: str | None


@dataclass(slots=True)
class Tally:
    """One grant's share of the decided records."""

    delivered: dict[str, int] = field(default_factory=lambda: dict.fromkeys((CREATE, UPDATE, DELETE), 0))
    withheld: int = 0
    unchanged: int = 0


@dataclass(frozen=True, slots=True)
class _Change:
    """A valid message: the record, the image after it (None: deleted) and the version it tells, of a delete that of `before`."""

    key: Key
    image: dict[str, Any] | None
    version: int | None
    ts_ms: int
    act: str | None


@dataclass(frozen=True, slots=True)
class _Known:
    """What is held of a record; a deleted one keeps its version."""

    image: dict[str, Any] | None
    version: int | None


@dataclass(frozen=True, slots=True)
class Decided:
    """One message's outcome; `why` says why it was rejected; deliveries by grant index, at most one each."""

    message: OwnerMessage
    outcome: Outcome
    why: str = ""
    deliveries: tuple[tuple[int, Delivery], ...] = ()


class _RejectedError(ValueError):
    """The message cannot be processed."""


def no_rows(_image: Image) -> bool:
    """The predicate of a grant without row text: every record."""
    return True


def terms(
    subscriber: str,
    name: str,
    information_type: InformationType,
    fields: Iterable[str],
    rows: str | None = None,
    purpose: Mapping[str, Any] | None = None,
    legal_basis: Mapping[str, Any] | None = None,
    treatments: Mapping[str, Mapping[Any, Any]] | None = None,
    master: bytes | None = None,
) -> Terms:
    """A grant from the policy's texts; `master` is the pseudonym key. Raises RowTextError, and what `read_treatment` raises."""
    ordered = shown(tuple(fields), [each.name for each in information_type.fields if each.is_leaf], information_type.fields)
    predicate = no_rows if rows is None else compile_rows(rows, information_type.fields)
    whose = Whose(subscriber, information_type.name, master)
    treated = {each: read_treatment(information_type.field(each), said, whose) for each, said in (treatments or {}).items()}
    return Terms(subscriber, name, information_type, ordered, predicate, purpose or {}, legal_basis or {}, treated)


def shown(named: Sequence[str], leaves: Sequence[str], fields: Iterable[Field]) -> tuple[str, ...]:
    """The leaves that are named, or lie in a record that is; and whether each nullable record around them is there."""
    granted = [leaf for leaf in leaves if any(f"{leaf}.".startswith(f"{name}.") for name in named)]
    return tuple(each.name for each in fields if each.name in granted or any(leaf.startswith(f"{each.name}.") for leaf in granted))


def view(grant: Terms, image: Image | None) -> View | None:
    """What the grant shows of one image: None for nothing, or the granted values, treated. Its rows are judged untreated."""
    if image is None or grant.rows(image) is not True:
        return None
    return tuple(grant.show(name, image) for name in grant.fields)


def operation(before: View | None, after: View | None) -> str | None:
    """The table of the promise: the op to deliver, or None."""
    if before is None:
        return None if after is None else CREATE
    if after is None:
        return DELETE
    return None if before == after else UPDATE


class Reference:
    """The state of one information type: the known records, and what has been decided of them."""

    def __init__(self, published: Published, grants: Iterable[Terms]) -> None:
        self.grants = tuple(grants)
        self.tallies = tuple(Tally() for _ in self.grants)
        self.outcomes = dict.fromkeys(Outcome, 0)
        self._type = published.information_type
        self._key_schema_id = published.key_schema_id
        self._key_codec = Codec(published.key_schema)
        self._writers = {schema_id: Codec(schema) for schema_id, schema in published.writer_schemas.items()}
        self._read_image = image_reader(self._type.fields)
        self._read_key = image_reader([self._type.field(name) for name in self._type.subject])
        self._known: dict[tuple[int, Key], _Known] = {}

    def process(self, messages: Iterable[OwnerMessage]) -> Iterator[Decided]:
        """Decide the messages one by one; they must come in the order of their partition."""
        for message in messages:
            decided = self._decide(message)
            self.outcomes[decided.outcome] += 1
            yield decided

    def images(self) -> Iterator[tuple[Key, dict[str, Any]]]:
        """Every record that exists now."""
        for (_, key), known in self._known.items():
            if known.image is not None:
                yield key, known.image

    def views(self, grant: int) -> dict[Key, View]:
        """What the grant shows now, by record key."""
        of = self.grants[grant]
        shown = ((of.show_key(key), view(of, image)) for key, image in self.images())
        return {key: visible for key, visible in shown if visible is not None}

    def _decide(self, message: OwnerMessage) -> Decided:
        try:
            change = self._read(message)
            if change is None:
                return Decided(message, Outcome.CONTROL)
            known = self._known.get((message.partition, change.key), _Known(None, None))
            outcome = self._compare(known, change)
        except _RejectedError as error:
            return Decided(message, Outcome.REJECTED, str(error))
        if outcome is not Outcome.APPLIED:
            return Decided(message, outcome)
        version = known.version if change.version is None else change.version
        self._known[message.partition, change.key] = _Known(change.image, version)
        return Decided(message, outcome, deliveries=tuple(self._deliver(message, known.image, change)))

    def _compare(self, known: _Known, change: _Change) -> Outcome:
        """An image as old as its record's deletion is a repeat of what was deleted."""
        if known.image == change.image:
            return Outcome.UNCHANGED
        if change.version is not None and known.version is not None:
            if change.version < known.version or (change.version == known.version and known.image is None):
                return Outcome.STALE
            if change.version == known.version and change.image is not None:
                raise _RejectedError("another content under the same version")
        return Outcome.APPLIED

    def _deliver(self, message: OwnerMessage, old: Image | None, change: _Change) -> Iterator[tuple[int, Delivery]]:
        for index, grant in enumerate(self.grants):
            before, after = view(grant, old), view(grant, change.image)
            op = operation(before, after)
            tally = self.tallies[index]
            if op is not None:
                tally.delivered[op] += 1
                key = grant.show_key(change.key)
                yield index, Delivery(op, key, before, after, change.ts_ms, message.partition, message.offset, change.act)
            elif after is None:
                tally.withheld += 1
            else:
                tally.unchanged += 1

    def _read(self, message: OwnerMessage) -> _Change | None:
        """The change, or None for a control marker. Raises _RejectedError."""
        if message.value is None:
            self._check_beside(message, 0)
            return _Change(self._record_key(message), None, None, message.timestamp_ms, None)
        try:
            schema_id, body = unframe(message.value)
            codec = self._writers[schema_id]
            raw = codec.decode(body)
            images = {place: None if raw[place] is None else self._read_image(raw[place]) for place in ("before", "after")}
        except (WireError, NotPlain) as error:
            raise _RejectedError(str(error)) from error
        except KeyError as error:
            raise _RejectedError(f"schema id {error} is not one of the type's") from error
        op, after = raw["op"], images["after"]
        if op == MARKER:
            return None
        self._check_beside(message, _encoded_bytes(raw["source"]["act"]))
        if len(body) > IMAGE_BYTES:
            self._check_size(codec, body)
        if op not in (CREATE, UPDATE, READ, DELETE) or (after is None) != (op == DELETE):
            raise _RejectedError(f"op {op!r} does not go with these images")
        image = after if after is not None else images["before"]
        key = self._record_key(message) if image is None else self._key_of(message, image)
        version = None if image is None or self._type.version is None else image[self._type.version]
        return _Change(key, after, version, raw["ts_ms"], raw["source"]["act"])

    def _key_of(self, message: OwnerMessage, image: Image) -> Key:
        if self._key_body(message) != self._key_codec.encode({name: image[name] for name in self._type.subject}):
            raise _RejectedError("the message key is not the subject of the value")
        return tuple(image[name] for name in self._type.key)

    def _record_key(self, message: OwnerMessage) -> Key:
        """The record named by the message key alone."""
        if self._type.subject != self._type.key:
            raise _RejectedError("a deletion without image names no record: the key is only its subject")
        try:
            subject = self._read_key(self._key_codec.decode(self._key_body(message)))
        except NotPlain as error:
            raise _RejectedError(f"key: {error}") from error
        return tuple(subject[name] for name in self._type.key)

    def _key_body(self, message: OwnerMessage) -> bytes:
        if message.key is None:
            raise _RejectedError("no key")
        try:
            schema_id, body = unframe(message.key)
        except WireError as error:
            raise _RejectedError(f"key: {error}") from error
        if schema_id != self._key_schema_id:
            raise _RejectedError(f"key: schema id {schema_id} is not the type's")
        if partition_of(message.key, self._type.partitions) != message.partition:
            raise _RejectedError("the key belongs to another partition")
        return body

    def _check_beside(self, message: OwnerMessage, act_bytes: int) -> None:
        if len(message.key or b"") + act_bytes > KEY_AND_ACT_BYTES:
            raise _RejectedError(f"key and act have more than {KEY_AND_ACT_BYTES} bytes")

    def _check_size(self, codec: Codec, body: bytes) -> None:
        sizes = read_sizes(codec.schema, body)
        for place in ("before", "after"):
            if sizes[place] - 1 > IMAGE_BYTES:  # the union's branch is one byte
                raise _RejectedError(f"{place} has more than {IMAGE_BYTES} bytes")


def _encoded_bytes(text: str | None) -> int:
    """How long a nullable string is in Avro: the union's branch, the length, the text."""
    size = len((text or "").encode())
    length_bytes = max(1, -(-(2 * size).bit_length() // 7))
    return 1 if text is None else 1 + length_bytes + size
