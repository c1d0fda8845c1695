"""Where every partition of every type stands, read from Kafka alone: policy, progress records, ends of topics, group members.

A few questions whatever the number of types: all ends are asked at once, and of each state partition only its last records are read:
a committed transaction writes the progress record last. Raises KafkaUnavailable.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from confluent_kafka import Consumer, IsolationLevel, KafkaError, KafkaException, Message, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec

from gongyu_hub.policy.records import HEARTBEAT_KEY, Adoption, GrantVersion, Heartbeat, Manifest, TypeRecord
from gongyu_hub.registry.near import listed
from gongyu_hub.state.records import PROGRESS_KEY, Progress
from gongyu_hub.values import Place
from gongyu_schemas.errors import ConfigError, KafkaUnavailable
from gongyu_schemas.names import ADOPTIONS_TOPIC, HUB_GROUP, POLICY_TOPIC
from gongyu_schemas.transport.clients import make_admin, make_consumer, take_messages
from gongyu_schemas.transport.profile import Profile

_TIMEOUT_S = 20.0
#: Records before the end of a state partition that are read for its progress record: first the one before the commit's marker;
#: more where transactions were aborted behind it; in the end all.
_WINDOWS = (2, 200, 100_000, 2**62)
#: To read much of few partitions.
WHOLE = 1_048_576
#: Up to so many messages behind, they are counted; beyond that the offsets are told, which count markers of transactions too.
_COUNTED = 20


@dataclass(frozen=True, slots=True)
class Standing:
    """One partition of a type. `worker` None: nobody works on it. `end`: where its owner topic ends."""

    partition: int
    worker: str | None
    progress: Progress
    committed_ms: int | None  # time of its last transaction
    end: int
    lag: int
    out_of_reach: bool


@dataclass(frozen=True, slots=True)
class WorkerSeen:
    """A member of the hub's group. `partitions`: how many it has."""

    name: str
    host: str
    partitions: int


@dataclass(frozen=True, slots=True)
class TypeStanding:
    manifest: Manifest
    partitions: tuple[Standing, ...]
    #: When the newest epoch was recorded in the last of them; None where it is not in effect everywhere, or nobody knows.
    since_ms: int | None = None

    def missing(self) -> list[int]:
        """Partitions in which the published epoch is not in effect."""
        return [each.partition for each in self.partitions if each.progress.adopted != self.manifest.epoch]


@dataclass(frozen=True, slots=True)
class HubStanding:
    """`beat`: the control plane's last heartbeat."""

    beat: Heartbeat | None
    workers: tuple[WorkerSeen, ...]
    types: tuple[TypeStanding, ...]


@dataclass(frozen=True, slots=True)
class Policy:
    """What the control plane has published. `listed`: types with subject lists. `beat`: its last heartbeat."""

    manifests: list[Manifest]
    grants: dict[bytes, GrantVersion]
    listed: frozenset[str]
    beat: Heartbeat | None

    def newest(self) -> list[Manifest]:
        """Of every type its newest epoch, by name."""
        found: dict[str, Manifest] = {}
        for each in sorted(self.manifests, key=lambda each: (each.information_type, each.epoch)):
            found[each.information_type] = each
        return list(found.values())

    def require_type(self, name: str) -> None:
        """Raises ConfigError for an information type of which nothing is read."""
        known = self.listed | {each.information_type for each in self.manifests}
        if name not in known:
            raise ConfigError(f"no information type {name!r} has grants in force or subject lists; {listed(known)}")


class Kafka:
    """The questions; see `reading`. `fetch_bytes`: asked of a partition at a time, few for a look at many partitions' ends."""

    def __init__(self, profile: Profile, fetch_bytes: int) -> None:
        self._profile = profile
        self._admin: AdminClient = make_admin(profile)
        self._consumer: Consumer = make_consumer(
            profile,
            **{
                "group.id": "hub.operator",
                "enable.auto.commit": False,
                "isolation.level": "read_committed",
                "auto.offset.reset": "earliest",
                "enable.partition.eof": True,
                "fetch.wait.max.ms": 20,
                "max.partition.fetch.bytes": fetch_bytes,
                "topic.metadata.refresh.interval.ms": -1,
            },
        )

    def close(self) -> None:
        self._consumer.close()

    def policy(self) -> Policy:
        """Everything on `hub.policy`."""
        records = {message.key() or b"": message.value() or b"" for message in self.read_to_end({(POLICY_TOPIC, 0): 0})}
        manifests = [Manifest.model_validate_json(value) for key, value in records.items() if key.startswith(b"epoch/")]
        grants = {key: GrantVersion.model_validate_json(value) for key, value in records.items() if key.startswith(b"grant/")}
        types = frozenset(
            TypeRecord.model_validate_json(value).information_type for key, value in records.items() if key.startswith(b"type/")
        )
        beat = records.get(HEARTBEAT_KEY)
        return Policy(manifests, grants, types, None if beat is None else Heartbeat.model_validate_json(beat))

    def partitions(self, topic: str) -> int:
        return len(self._admin.list_topics(topic, timeout=_TIMEOUT_S).topics[topic].partitions)

    def stand(self, only: str | None = None) -> HubStanding:
        """Everything; or one type alone. Raises ConfigError where nobody knows it."""
        with asking(self._profile):
            policy = self.policy()
            if only is not None:
                policy.require_type(only)
            manifests = [each for each in policy.newest() if only in (None, each.information_type)]
            owner = [(each.topic, number) for each in manifests for number in range(each.partitions)]
            state = [(each.state_topic, number) for each in manifests for number in range(each.partitions)]
            workers, working = self._members()
            adopted = self._adopted() if only is None else {}
            progress = self.progress(state)
            begins, ends = self.offsets(owner, OffsetSpec.earliest()), self.offsets(owner, OffsetSpec.latest())
            cursors = {place: progress[at][0].cursor if at in progress else 0 for place, at in zip(owner, state, strict=True)}
            lags = self._lags(cursors, begins, ends)
        types = []
        for each in manifests:
            standings = []
            for number in range(each.partitions):
                place = (each.topic, number)
                known, at_ms = progress.get((each.state_topic, number), (Progress(), None))
                gone = cursors[place] < begins[place] and (each.state_topic, number) in progress
                standings.append(Standing(number, working.get(place), known, at_ms, ends[place], lags[place], gone))
            recorded = [adopted.get((each.information_type, number, each.epoch)) for number in range(each.partitions)]
            since_ms = None if None in recorded else max(at_ms for at_ms in recorded if at_ms is not None)
            types.append(TypeStanding(each, tuple(standings), since_ms))
        return HubStanding(policy.beat, workers, tuple(types))

    def _adopted(self) -> dict[tuple[str, int, int], int]:
        """By type, partition and epoch, when it was recorded. Nothing where the control plane is of a version that keeps no records."""
        if ADOPTIONS_TOPIC not in self._admin.list_topics(timeout=_TIMEOUT_S).topics:
            return {}
        records = (Adoption.model_validate_json(message.value() or b"") for message in self.read_to_end({(ADOPTIONS_TOPIC, 0): 0}))
        return {(each.information_type, each.partition, each.epoch): each.at_ms for each in records}

    def progress(self, places: Iterable[Place]) -> dict[Place, tuple[Progress, int]]:
        """The committed progress record of each state partition that has one, and when it was written."""
        stable = self.offsets(places, OffsetSpec.latest())
        wanted = {place: end for place, end in stable.items() if end > 0}
        found: dict[Place, tuple[Progress, int]] = {}
        for window in _WINDOWS:
            starts = {place: max(0, end - window) for place, end in wanted.items() if place not in found}
            for message in self.read_to_end(starts):
                if message.key() == PROGRESS_KEY:
                    found[_place(message)] = (Progress.decode(message.value() or b""), message.timestamp()[1])
            wanted = {place: end for place, end in wanted.items() if place not in found and end > window}
        return found

    def offsets(self, places: Iterable[Place], which: OffsetSpec) -> dict[Place, int]:
        """`latest` is the end of what is committed."""
        asked = {TopicPartition(*place): which for place in places}
        if not asked:
            return {}
        answers = self._admin.list_offsets(asked, isolation_level=IsolationLevel.READ_COMMITTED, request_timeout=_TIMEOUT_S)
        return {(place.topic, place.partition): int(answer.result(_TIMEOUT_S).offset) for place, answer in answers.items()}

    def read_to_end(self, starts: Mapping[Place, int]) -> Iterator[Message]:
        """Committed messages of these partitions from these offsets, until each has been at its end once."""
        open_ = set(starts)
        self._consumer.assign([TopicPartition(topic, number, offset) for (topic, number), offset in starts.items()])
        heard = time.monotonic()
        while open_:
            for message in take_messages(self._consumer, 10_000, 0.2):
                error, place = message.error(), _place(message)
                heard = time.monotonic()
                if error is None:
                    yield message
                elif error.code() == KafkaError._PARTITION_EOF:
                    open_.discard(place)
                elif not error.retriable() and error.code() != KafkaError._TRANSPORT:
                    raise KafkaException(error)
            if time.monotonic() - heard > _TIMEOUT_S:
                raise KafkaUnavailable(f"{len(open_)} partitions cannot be read to their end; is Kafka at {self._profile.bootstrap} well?")
        self._consumer.unassign()

    def read_range(self, place: Place, start: int, end: int) -> Iterator[Message]:
        """Committed messages of one partition from `start` to before `end`."""
        for message in self.read_to_end({place: start}):
            if not start <= (message.offset() or 0) < end:  # before it: there is no such offset, and reading began anew
                break
            yield message
        self._consumer.unassign()

    def _lags(self, cursors: Mapping[Place, int], begins: Mapping[Place, int], ends: Mapping[Place, int]) -> dict[Place, int]:
        """Owner messages not settled. Offsets count the markers of the owner's transactions too, so a few are counted one by one."""
        lags = {place: max(0, end - max(cursors[place], begins[place])) for place, end in ends.items()}
        close = {place: ends[place] - lag for place, lag in lags.items() if 0 < lag <= _COUNTED}
        lags.update(dict.fromkeys(close, 0))
        for message in self.read_to_end(close):
            lags[_place(message)] += 1
        return lags

    def _members(self) -> tuple[tuple[WorkerSeen, ...], dict[Place, str]]:
        """Workers, and who has which owner partition. A group that nobody ever joined has no members."""
        try:
            found = self._admin.describe_consumer_groups([HUB_GROUP], request_timeout=_TIMEOUT_S)[HUB_GROUP].result(_TIMEOUT_S)
        except KafkaException as error:
            if error.args[0].code() == KafkaError.GROUP_ID_NOT_FOUND:
                return (), {}
            raise
        workers, working = [], {}
        for member in found.members:
            name = str(member.group_instance_id or member.client_id)
            places = [(part.topic, part.partition) for part in member.assignment.topic_partitions] if member.assignment else []
            workers.append(WorkerSeen(name, str(member.host).lstrip("/"), len(places)))
            working.update(dict.fromkeys(places, name))
        return tuple(sorted(workers, key=lambda each: each.name)), working


@contextmanager
def reading(profile: Profile, fetch_bytes: int = 65_536) -> Iterator[Kafka]:
    kafka = Kafka(profile, fetch_bytes)
    try:
        yield kafka
    finally:
        kafka.close()


@contextmanager
def asking(profile: Profile) -> Iterator[None]:
    """What Kafka does not answer is one line for the user."""
    try:
        yield
    except TimeoutError as error:
        raise KafkaUnavailable(f"Kafka at {profile.bootstrap} does not answer within {_TIMEOUT_S:.0f} s") from error
    except KafkaException as error:
        raise KafkaUnavailable(f"Kafka at {profile.bootstrap}: {error.args[0].str()}") from error


def _place(message: Message) -> Place:
    return str(message.topic()), message.partition() or 0
