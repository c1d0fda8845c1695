"""The independent reference: what the hub must do with an owner topic, said as plainly as possible.

Enters an information type with its schema ids, the grants, and per partition the owner's messages and the changes of subject
lists in the order in which they were decided; leaves per message one outcome (applied, unchanged, stale, rejected, control)
and the exact deliveries to each grant.
Decision: objects, fastavro and closures, and no import from the hub, because a check that shares code with what it
checks shares its mistakes. It holds every record in memory.
"""

from __future__ import annotations

import enum
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from gongyu_hub.demo.ends import End
from gongyu_hub.demo.reading import Change, Input, Key, ListMessage, MessageReader, OwnerMessage, Published, RejectedError
from gongyu_hub.demo.row_text import Image, Predicate, compile_rows
from gongyu_hub.demo.treatments import Treated, Whose, read_treatment
from gongyu_schemas.envelope import CREATE, DELETE, UPDATE
from gongyu_schemas.fields import Field
from gongyu_schemas.information_type import InformationType
from gongyu_schemas.subject_lists import list_name

View = tuple[Any, ...]


class Outcome(enum.Enum):
    """What becomes of an input message; exactly one of these."""

    APPLIED = "applied"
    UNCHANGED = "unchanged"
    STALE = "stale"
    REJECTED = "rejected"
    CONTROL = "control"


@dataclass(frozen=True, slots=True)
class Terms:
    """A grant as the policy states it; `fields` are those of its view, in the order of the record.

    `subject_list`: its whole name; None: all subjects. `ends`: where it has ended, by partition.
    """

    subscriber: str
    name: str
    information_type: InformationType
    fields: tuple[str, ...]
    rows: Predicate
    purpose: Mapping[str, Any]
    legal_basis: Mapping[str, Any]
    treatments: Mapping[str, Treated] = field(default_factory=dict)
    subject_list: str | None = None
    ends: Mapping[int, End] = field(default_factory=dict)

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
    """One message of a grant topic in plain values.

    `partition` and `offset` are those of the owner's message; of a delivery that a subject list caused, the offset is -1 less that
    of the list's message.
    """

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
class _Event:
    """What a delivery says of the input that caused it."""

    key: Key
    ts_ms: int
    partition: int
    offset: int
    act: str | None


@dataclass(frozen=True, slots=True)
class _Known:
    """What is held of a record; a deleted one keeps its version."""

    image: dict[str, Any] | None
    version: int | None


@dataclass(frozen=True, slots=True)
class Decided:
    """One message's outcome; `why` says why it was rejected; deliveries by grant index, of one record at most one each."""

    message: Input
    outcome: Outcome
    why: str = ""
    deliveries: tuple[tuple[int, Delivery], ...] = ()


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
    subject_list: str | None = None,
) -> Terms:
    """A grant from the policy's texts; `master` is the pseudonym key. Raises RowTextError, and what `read_treatment` raises."""
    ordered = shown(tuple(fields), [each.name for each in information_type.fields if each.is_leaf], information_type.fields)
    predicate = no_rows if rows is None else compile_rows(rows, information_type.fields)
    whole_name = None if subject_list is None else list_name(subscriber, subject_list)
    whose = Whose(subscriber, information_type.name, master)
    treated = {each: read_treatment(information_type.field(each), said, whose) for each, said in (treatments or {}).items()}
    return Terms(subscriber, name, information_type, ordered, predicate, purpose or {}, legal_basis or {}, treated, whole_name)


def shown(named: Sequence[str], leaves: Sequence[str], fields: Iterable[Field]) -> tuple[str, ...]:
    """The leaves that are named, or lie in a record that is; and whether each nullable record around them is there."""
    granted = [leaf for leaf in leaves if any(f"{leaf}.".startswith(f"{name}.") for name in named)]
    return tuple(each.name for each in fields if each.name in granted or any(leaf.startswith(f"{each.name}.") for leaf in granted))


def view(grant: Terms, image: Image | None, lists: Collection[str]) -> View | None:
    """What the grant shows of one image, whose subject is on these lists: None for nothing, or the granted values, treated.

    Its rows are judged untreated.
    """
    if image is None or grant.rows(image) is not True or (grant.subject_list is not None and grant.subject_list not in lists):
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

    def __init__(self, published: Published, grants: Iterable[Terms], reader: MessageReader | None = None) -> None:
        self.grants = tuple(grants)
        self.tallies = tuple(Tally() for _ in self.grants)
        self.outcomes = dict.fromkeys(Outcome, 0)
        self.list_outcomes = dict.fromkeys(Outcome, 0)
        self._type = published.information_type
        self._reader = MessageReader(published) if reader is None else reader
        self._known: dict[tuple[int, Key], _Known] = {}
        self._lists: dict[tuple[int, Key], frozenset[str]] = {}  # by subject
        self._of_subject: dict[tuple[int, Key], dict[Key, None]] = {}  # the records that exist

    def process(self, messages: Iterable[Input]) -> Iterator[Decided]:
        """Decide the messages one by one; they must come in the order of their partition."""
        for message in messages:
            if isinstance(message, ListMessage):
                decided = self._decide_list(message)
                self.list_outcomes[decided.outcome] += 1
            else:
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
        of, found = self.grants[grant], {}
        for (partition, key), known in self._known.items():
            visible = view(of, known.image, self._lists_of(partition, known.image))
            if visible is not None:
                found[of.show_key(key)] = visible
        return found

    def _decide(self, message: OwnerMessage) -> Decided:
        try:
            change = self._reader.read_change(message)
            if change is None:
                return Decided(message, Outcome.CONTROL)
            known = self._known.get((message.partition, change.key), _Known(None, None))
            outcome = self._compare(known, change)
        except RejectedError as error:
            return Decided(message, Outcome.REJECTED, str(error))
        if outcome is not Outcome.APPLIED:
            return Decided(message, outcome)
        version = known.version if change.version is None else change.version
        self._known[message.partition, change.key] = _Known(change.image, version)
        self._file(message.partition, change.key, known.image, change.image)
        before, after = self._lists_of(message.partition, known.image), self._lists_of(message.partition, change.image)
        event = _Event(change.key, change.ts_ms, message.partition, message.offset, change.act)
        return Decided(message, outcome, deliveries=tuple(self._deliver(event, known.image, change.image, before, after)))

    def _decide_list(self, message: ListMessage) -> Decided:
        try:
            name, subject = self._reader.read_entry(message)
        except RejectedError as error:
            return Decided(message, Outcome.REJECTED, str(error))
        place = (message.partition, subject)
        was = self._lists.get(place, frozenset())
        now = was - {name} if message.value is None else was | {name}
        if was == now:
            return Decided(message, Outcome.UNCHANGED)
        self._lists[place] = now
        deliveries: list[tuple[int, Delivery]] = []
        for key in self._of_subject.get(place, ()):
            image = self._known[message.partition, key].image
            event = _Event(key, message.timestamp_ms, message.partition, -1 - message.offset, None)
            deliveries += self._deliver(event, image, image, was, now)
        return Decided(message, Outcome.APPLIED, deliveries=tuple(deliveries))

    def _lists_of(self, partition: int, image: Image | None) -> frozenset[str]:
        return frozenset() if image is None else self._lists.get((partition, self._subject_in(image)), frozenset())

    def _subject_in(self, image: Image) -> Key:
        return tuple(image[name] for name in self._type.subject)

    def _file(self, partition: int, key: Key, old: Image | None, new: Image | None) -> None:
        """Keep the records of each subject."""
        if old is not None:
            self._of_subject[partition, self._subject_in(old)].pop(key)
        if new is not None:
            self._of_subject.setdefault((partition, self._subject_in(new)), {})[key] = None

    def _compare(self, known: _Known, change: Change) -> Outcome:
        """An image as old as its record's deletion is a repeat of what was deleted."""
        if known.image == change.image:
            return Outcome.UNCHANGED
        if change.version is not None and known.version is not None:
            if change.version < known.version or (change.version == known.version and known.image is None):
                return Outcome.STALE
            if change.version == known.version and change.image is not None:
                raise RejectedError("another content under the same version")
        return Outcome.APPLIED

    def _deliver(
        self, event: _Event, old: Image | None, new: Image | None, lists_before: Collection[str], lists_after: Collection[str]
    ) -> Iterator[tuple[int, Delivery]]:
        for index, grant in enumerate(self.grants):
            if event.partition in grant.ends and grant.ends[event.partition].is_before(event.offset):
                continue
            before, after = view(grant, old, lists_before), view(grant, new, lists_after)
            op = operation(before, after)
            tally = self.tallies[index]
            if op is not None:
                tally.delivered[op] += 1
                key = grant.show_key(event.key)
                yield index, Delivery(op, key, before, after, event.ts_ms, event.partition, event.offset, event.act)
            elif after is None:
                tally.withheld += 1
            else:
                tally.unchanged += 1
