"""In which order did the hub take record changes and changes of subject lists? Found from what it delivered.

Both are inputs of one partition, each in its own order; how they meet is the hub's to decide, and the promise holds for whatever
order it was. Enters both logs and the grant topics; leaves one log in an order under which the reference would have delivered
what was delivered, value by value and in the sequence of each topic. Where there is no such order, any: the comparison then finds
what is wrong.

Algorithm: only messages of one subject (or of subjects that shared a record) depend on each other's order. Of such a group with n
record changes and m list changes every order is a path over a grid of n by m. What a step delivers depends on its place alone: so
the reference is asked once for each row and column, and steps that did not deliver this are no part of a path.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from gongyu_hub.demo.compare import GrantTopic, Received
from gongyu_hub.demo.plain import Codec, NotPlain, image_reader
from gongyu_hub.demo.reading import Change, Input, ListMessage, MessageReader, OwnerMessage, Published, RejectedError
from gongyu_hub.demo.reference import Delivery, Reference, Terms, View
from gongyu_schemas.envelope import MARKER
from gongyu_schemas.subject_lists import split_entry_key
from gongyu_schemas.wire import WireError, unframe

#: Partition and offset as a delivery names them.
Source = tuple[int, int]
#: Grant, body of the record key, op, before, after.
Effect = tuple[int, bytes, str, View | None, View | None]
ImageReader = Callable[[Mapping[str, Any]], dict[str, Any]]
_IMAGES = ("before", "after")
_NOWHERE: frozenset[Effect] = frozenset()


@dataclass(slots=True)
class _Observed:
    """What was delivered, by source: the effects, and by grant the places in its topic."""

    effects: dict[Source, frozenset[Effect]] = field(default_factory=dict)
    places: dict[Source, dict[int, list[int]]] = field(default_factory=dict)


@dataclass(slots=True)
class _Group:
    """Messages whose order matters, each kind in its own order."""

    changes: list[OwnerMessage] = field(default_factory=list)
    lists: list[ListMessage] = field(default_factory=list)


def interleave(
    published: Published,
    topics: Sequence[GrantTopic],
    changes: Sequence[OwnerMessage],
    lists: Sequence[ListMessage],
    received: Sequence[Sequence[Received]],
) -> list[Input]:
    """`received`: by grant, its topic in order per partition."""
    if not lists or not topics:
        return [*lists, *changes]
    reader = _Remembering(published)
    groups, ordered = _group(reader, changes, lists)
    observed = _observe(topics, received, {message.partition for message in lists})
    key_codec = Codec(topics[0].key_schema)
    names = published.information_type.key

    def effects(deliveries: Iterable[tuple[int, Delivery]]) -> frozenset[Effect]:
        return frozenset(
            (grant, key_codec.encode(dict(zip(names, each.key, strict=True))), each.op, each.before, each.after)
            for grant, each in deliveries
        )

    def run(messages: Sequence[Input]) -> list[frozenset[Effect]]:
        reference = Reference(published, [topic.terms for topic in topics], reader)
        return [effects(decided.deliveries) for decided in reference.process(messages)]

    for group in groups:
        n, m = len(group.changes), len(group.lists)
        by_lists = [run([*group.lists[:j], *group.changes])[j:] for j in range(m + 1)]  # [j][i]: what change i delivers behind j lists
        by_changes = [run([*group.changes[:i], *group.lists])[i:] for i in range(n + 1)]
        ordered += _find_path(group, by_lists, by_changes, observed)
        reader.forget()
    return ordered


class _Remembering(MessageReader):
    """Reads each message of a group once, however often it is decided."""

    def __init__(self, published: Published) -> None:
        super().__init__(published)
        self._changes: dict[Source, Change | RejectedError | None] = {}

    def read_change(self, message: OwnerMessage) -> Change | None:
        source = (message.partition, message.offset)
        if source not in self._changes:
            try:
                self._changes[source] = super().read_change(message)
            except RejectedError as error:
                self._changes[source] = error
        found = self._changes[source]
        if isinstance(found, RejectedError):
            raise found
        return found

    def forget(self) -> None:
        self._changes.clear()


def _group(reader: MessageReader, changes: Sequence[OwnerMessage], lists: Sequence[ListMessage]) -> tuple[list[_Group], list[Input]]:
    """Groups with messages of both kinds; and all the others, in their order."""
    leaders: dict[tuple[int, object], tuple[int, object]] = {}

    def leader(name: tuple[int, object]) -> tuple[int, object]:
        while (other := leaders.setdefault(name, name)) != name:
            name = other
        return name

    subject_is_key = reader.subject_is_key
    if not subject_is_key:  # a record may go from subject to subject
        for message in changes:
            record, subject = reader.record_of(message), reader.subject_of(message)
            if record is not None and subject is not None:
                leaders[leader((message.partition, ("record", record)))] = leader((message.partition, subject))
    groups: dict[tuple[int, object], _Group] = {}
    ordered: list[Input] = []
    listed = {subject_key for message in lists if (subject_key := _subject_key(message)) is not None}
    for change in changes:
        subject = reader.subject_of(change) if not subject_is_key or change.key in listed else None
        if subject is None:
            ordered.append(change)
        else:
            groups.setdefault(leader((change.partition, subject)), _Group()).changes.append(change)
    for entry in lists:
        subject = reader.subject_of(entry)
        if subject is None:
            ordered.append(entry)
        else:
            groups.setdefault(leader((entry.partition, subject)), _Group()).lists.append(entry)
    for group in groups.values():
        if not (group.changes and group.lists):
            ordered += [*group.changes, *group.lists]
    return [group for group in groups.values() if group.changes and group.lists], ordered


def _subject_key(message: ListMessage) -> bytes | None:
    try:
        return split_entry_key(message.key or b"")[1]
    except ValueError:
        return None


def _observe(topics: Sequence[GrantTopic], received: Sequence[Sequence[Received]], partitions: set[int]) -> _Observed:
    """What cannot be read is left to the comparison."""
    observed = _Observed()
    found: dict[Source, set[Effect]] = {}
    for grant, (topic, messages) in enumerate(zip(topics, received, strict=True)):
        codecs = {schema_id: Codec(schema) for schema_id, schema in topic.view_schemas.items()}
        read_view = image_reader([topic.terms.information_type.field(name) for name in topic.terms.fields])
        for place, message in enumerate(messages):
            try:
                schema_id, body = unframe(message.value or b"")
                envelope = codecs[schema_id].decode_loosely(body)
                before, after = (_view(topic.terms, read_view, envelope[each]) for each in _IMAGES)
                key = b"" if envelope["op"] == MARKER else unframe(message.key or b"")[1]
            except (WireError, NotPlain, KeyError):
                continue
            source = (envelope["source"]["partition"], envelope["source"]["offset"])
            if envelope["op"] != MARKER and source[0] in partitions:
                found.setdefault(source, set()).add((grant, key, envelope["op"], before, after))
                observed.places.setdefault(source, {}).setdefault(grant, []).append(place)
    observed.effects = {source: frozenset(effects) for source, effects in found.items()}
    return observed


def _view(terms: Terms, read_view: ImageReader, raw: Mapping[str, Any] | None) -> View | None:
    if raw is None:
        return None
    image = read_view(raw)
    return tuple(image[name] for name in terms.fields)


def _find_path(
    group: _Group, by_lists: Sequence[Sequence[frozenset[Effect]]], by_changes: Sequence[Sequence[frozenset[Effect]]], observed: _Observed
) -> list[Input]:
    n, m = len(group.changes), len(group.lists)
    change_sources = [(each.partition, each.offset) for each in group.changes]
    list_sources = [(each.partition, -1 - each.offset) for each in group.lists]
    came_from: dict[tuple[int, int], tuple[int, int]] = {(0, 0): (0, 0)}
    for i in range(n + 1):
        for j in range(m + 1):
            if (i, j) not in came_from:
                continue
            if i < n and by_lists[j][i] == observed.effects.get(change_sources[i], _NOWHERE):
                came_from.setdefault((i + 1, j), (i, j))
            fits = j < m and by_changes[i][j] == observed.effects.get(list_sources[j], _NOWHERE)
            if fits and _in_sequence(list_sources[j], change_sources, i, observed):
                came_from.setdefault((i, j + 1), (i, j))
    if (n, m) not in came_from:
        return [*group.lists, *group.changes]
    path: list[Input] = []
    at = (n, m)
    while at != (0, 0):
        i, j = came_from[at]
        path.append(group.changes[i] if at[0] > i else group.lists[j])
        at = (i, j)
    return path[::-1]


def _in_sequence(list_source: Source, change_sources: Sequence[Source], taken: int, observed: _Observed) -> bool:
    """Whether each topic holds the list's deliveries behind those of the first `taken` changes and before those of the others."""
    for grant, places in observed.places.get(list_source, {}).items():
        for number, source in enumerate(change_sources):
            of_change = observed.places.get(source, {}).get(grant, ())
            if any((number < taken) != (each < min(places)) for each in of_change):
                return False
    return True
