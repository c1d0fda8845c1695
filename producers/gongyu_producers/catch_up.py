"""The owner's own topic, read_committed, from where the state stands to its end -> the state, moved forward.

Enters a state that may be behind (a crash between commit and save, another machine that published); leaves it equal
to the topic. What the hub rejects is no change here either: messages that cannot be decoded are counted and leave
the published image as it is.
Before reading, whoever held the transactional id must have been fenced, so that nothing below the end is still open;
where something is (a dry run, a foreign transaction) the end is waited for, longer than any transaction lives.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.schema_registry import SchemaRegistryClient

from gongyu_producers.owner_topic import end_offsets, read_schema
from gongyu_producers.records import Change, Records, Unreadable, Values, parse_writer
from gongyu_producers.state import Published, State
from gongyu_schemas.envelope import CREATE, DELETE, READ, UPDATE
from gongyu_schemas.errors import KafkaUnavailable
from gongyu_schemas.fields import Schema
from gongyu_schemas.names import owner_user
from gongyu_schemas.transport.clients import make_consumer
from gongyu_schemas.transport.profile import Profile
from gongyu_schemas.wire import WireError, unframe

_AT_ONCE = 5_000
_POLL_S = 0.5
#: A dead publisher's transaction ends after 10 s (transaction.timeout.ms); the broker looks every 10 s.
_NO_PROGRESS_S = 45.0


@dataclass(frozen=True, slots=True)
class CaughtUp:
    """Messages read: `own` ones of this state's source, `foreign` ones of other sources, `unreadable` ones."""

    own: int
    foreign: int
    unreadable: int


class TopicReader:
    """Brings states of one topic up to date; keeps writers' schemas between calls."""

    def __init__(
        self, profile: Profile, admin: AdminClient, registry: SchemaRegistryClient, records: Records, topic: str, value_id: int
    ) -> None:
        self._profile = profile
        self._admin = admin
        self._registry = registry
        self._records = records
        self._topic = topic
        self._writers: dict[int, Schema | None] = {value_id: None}  # None: the type's own schema
        self._unknown: set[int] = set()

    def catch_up(self, state: State, check: Callable[[], None], report: Callable[[int, int], None]) -> CaughtUp:
        """Reads to the end as it is now; calls `check` often and `report` with offsets done and to do. Raises KafkaUnavailable."""
        ends = end_offsets(self._admin, self._topic, sorted(state.next_offsets))
        behind = {partition: at for partition, at in state.next_offsets.items() if at < ends[partition]}
        if not behind:
            return CaughtUp(0, 0, 0)
        todo = sum(ends[partition] - at for partition, at in behind.items())
        consumer = self._consumer(behind)
        counts = {"own": 0, "foreign": 0, "unreadable": 0}
        deadline = time.monotonic() + _NO_PROGRESS_S
        try:
            while behind:
                check()
                messages = consumer.consume(_AT_ONCE, _POLL_S)
                before = sum(behind.values())
                self._take(messages, state, counts, behind)
                behind = {partition: at for partition, at in behind.items() if at < ends[partition]}
                if sum(behind.values()) != before:
                    deadline = time.monotonic() + _NO_PROGRESS_S
                elif time.monotonic() > deadline:
                    raise KafkaUnavailable(f"topic {self._topic}: its end cannot be reached; does another program keep a transaction open?")
                report(todo - sum(ends[partition] - at for partition, at in behind.items()), todo)
        finally:
            consumer.close()
        return CaughtUp(**counts)

    def _consumer(self, start: dict[int, int]) -> Consumer:
        settings = {
            "group.id": f"{owner_user(self._topic.split('.')[1])}.state",  # the client wants one; nothing is committed to it
            "enable.auto.commit": False,
            "isolation.level": "read_committed",
            "enable.partition.eof": True,
            "auto.offset.reset": "error",
        }
        consumer = make_consumer(self._profile, **settings)
        consumer.assign([TopicPartition(self._topic, partition, at) for partition, at in start.items()])
        return consumer

    def _take(self, messages: list[Message], state: State, counts: dict[str, int], behind: dict[int, int]) -> None:
        changes: list[tuple[bytes, Published | None]] = []
        position, ops = state.position, Counter[str]()
        for message in messages:
            failure = message.error()
            if failure is not None:
                self._end_or_failure(failure, message, behind)
                continue
            behind[message.partition() or 0] = (message.offset() or 0) + 1
            try:
                change = self._read(message)
                changes.append(self._as_published(change, message.key()))
            except Unreadable:
                counts["unreadable"] += 1
                continue
            own = change is not None and change.source == state.source
            counts["own" if own else "foreign"] += 1
            if change is not None and own:
                position = max(position, change.position + 1)
                ops[change.op] += 1
        state.apply(changes, behind, position, ops)

    def _end_or_failure(self, failure: KafkaError, message: Message, behind: dict[int, int]) -> None:
        if failure.code() == KafkaError._PARTITION_EOF:
            behind[message.partition() or 0] = message.offset() or 0  # behind the commit markers too
        elif failure.code() in (KafkaError.TOPIC_AUTHORIZATION_FAILED, KafkaError._AUTO_OFFSET_RESET, KafkaError._AUTHENTICATION):
            raise KafkaUnavailable(f"topic {self._topic} cannot be read: {failure.str()}") from KafkaException(failure)
        # Others are the group's (there is none) or pass: the client tries again, the deadline ends it.

    def _read(self, message: Message) -> Change | None:
        """The change; None for a message without a value, which deletes. Raises Unreadable."""
        value = message.value()
        if value is None:
            return None
        try:
            schema_id, body = unframe(value)
        except WireError as error:
            raise Unreadable(str(error)) from error
        change = self._records.read_change(body, self._writer(schema_id))
        if change.op not in (CREATE, UPDATE, READ, DELETE):
            raise Unreadable("no operation on a record")
        return change

    def _writer(self, schema_id: int) -> Schema | None:
        if schema_id not in self._writers and schema_id not in self._unknown:
            schema = read_schema(self._registry, schema_id)
            if schema is None:
                self._unknown.add(schema_id)
            else:
                self._writers[schema_id] = parse_writer(schema)
        if schema_id in self._unknown:
            raise Unreadable(f"unknown schema id {schema_id}")
        return self._writers[schema_id]

    def _as_published(self, change: Change | None, message_key: bytes | None) -> tuple[bytes, Published | None]:
        records = self._records
        if change is None or change.op == DELETE:
            return self._deleted_key(None if change is None else change.before, message_key), None
        if change.after is None:
            raise Unreadable("no image behind the change")
        try:
            key = records.key(change.after)
            return key, (key, records.subject(change.after), records.image(change.after))
        except (ValueError, TypeError, KeyError) as error:
            raise Unreadable("an image that does not fit the type") from error

    def _deleted_key(self, before: Values | None, message_key: bytes | None) -> bytes:
        if before is not None:
            return self._records.key(before)
        if message_key is None or not self._records.subject_is_key:
            raise Unreadable("a delete that does not say which record")
        try:
            return self._records.key(self._records.read_key(unframe(message_key)[1]))
        except WireError as error:
            raise Unreadable(str(error)) from error
