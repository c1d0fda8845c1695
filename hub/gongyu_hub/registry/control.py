"""From a policy to a published epoch: the one order of steps that survives a crash anywhere.

1. refuse what would change an epoch; 2. topics, users; 3. in one database transaction: schemas, grants, grant versions and
manifest are *decided*, their bytes frozen; 4. rights; 5. grant versions, then manifests, to `hub.policy`, flushed; 6. marked
published. An epoch that uses subject lists waits at 5 until the hub has read their entries in every partition. Every step can be
repeated: before 3 nothing is promised, after 3 the next start publishes the same bytes, so there is never a second,
different epoch. The end of a grant goes the same way: decided; then, whatever the clock says, the subscriber's read right is taken
away; only then is the epoch published. No epoch is published while the clock is wrong (`clock`).
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

import structlog

from gongyu_hub.policy.records import HEARTBEAT_KEY, Manifest, TypeRecord
from gongyu_hub.registry import acts, ends, epochs, layout
from gongyu_hub.registry.avro_text import InvalidSchema
from gongyu_hub.registry.clock import Clock
from gongyu_hub.registry.credentials import Credentials
from gongyu_hub.registry.database import Database
from gongyu_hub.registry.kafka_admin import KafkaAdmin, Topic
from gongyu_hub.registry.list_gate import ListGate
from gongyu_hub.registry.policy_check import Policy
from gongyu_hub.registry.policy_topic import PolicyWriter, read_policy_topic
from gongyu_hub.registry.refusals import PolicyRefused
from gongyu_hub.registry.users import make_users
from gongyu_schemas import names
from gongyu_schemas.errors import ConfigError, DatabaseError
from gongyu_schemas.information_type import InformationType
from gongyu_schemas.transport.profile import Profile

LOG = structlog.get_logger()
Types = Mapping[str, InformationType]
_CLUSTER = "cluster_id"


@dataclass(frozen=True, slots=True)
class Control:
    """What the steps work with. `profile` is the administrator's, with the registry's URL; `gate` tells which epochs wait for their
    lists; `key_check` tells which pseudonym key is in use; `writer` is of `hub.policy`.
    """

    database: Database
    credentials: Credentials
    admin: KafkaAdmin
    gate: ListGate
    profile: Profile
    profiles: Path
    key_check: str
    clock: Clock
    writer: PolicyWriter
    #: Grants that have ended and that the policy file still names: told once.
    _told: set[ends.GrantName] = field(default_factory=set)
    #: The policy file and an operator's request may come at once; epochs are decided and published one after the other.
    _turn: threading.Lock = field(default_factory=threading.Lock)

    def prepare(self) -> dict[bytes, bytes]:
        """The hub's own topics, user and rights; afterwards database and Kafka agree. Returns what `hub.policy` holds.

        Raises DatabaseError where the database is not the one this Kafka's policy was published from.
        """
        self._require_cluster()
        self.admin.make_topics(layout.hub_topics())
        self.writer.connect()
        held = read_policy_topic(self.profile)
        self._require_own_policy(held)
        make_users([names.HUB_USER], self.profiles, self.profile, self.admin, self.credentials)
        self.admin.allow([*layout.hub_rights(), *layout.control_rights(self.profile.user)])
        return held

    def apply(self, types: Types, policy: Policy) -> list[str]:
        """Bring Kafka to this policy; the names of types whose first epoch was decided now. Raises PolicyRefused."""
        with self._turn:
            self._refuse_changes(types, policy)
            grants = self._topics(types, policy)
            self._users(types, policy)
            decided = self._decide(types, policy, grants)
            self._allow(types, policy)
            self._publish_decided()
        return decided

    def publish_decided(self) -> None:
        """All that may be published now; what waits for its lists is left for the next call."""
        with self._turn:
            self._publish_decided()

    def resume(self, who: str, information_type: str, partition: int, offset: int) -> int:
        """Publish that a paused owner partition goes on; the epoch that says so. Raises NotKnown.

        Repeated, it publishes nothing new.
        """
        with self._turn:
            with self.database.writing() as session:
                epoch = acts.decide_resume(session, who, information_type, partition, offset, self.clock.now_ms())
            self._publish_decided()
        LOG.info("partition resumed", who=who, information_type=information_type, partition=partition, offset=offset, epoch=epoch)
        return epoch

    def stop(self, who: str, subscriber: str, grant: str, reason: str) -> ends.EndedGrant:
        """End a grant for good: the read right first, then the epoch. Raises NotKnown; after any other error it is decided and completed
        by itself. Repeated, it changes nothing.
        """
        with self._turn:
            with self.database.writing() as session:
                found = ends.decide_end(session, who, subscriber, grant, reason, self.clock.now_ms())
            LOG.info("the end of a grant", who=found.ended.who, subscriber=subscriber, grant=grant, epoch=found.ended.epoch, asked_by=who)
            self._publish_decided()
        return found

    def end_lapsed(self, today: date) -> None:
        """End what has lapsed before today."""
        with self.database.reading() as session:
            lapsed = ends.lapsed(session, today)
        for each in lapsed:
            self.stop(ends.CLOCK, each.subscriber, each.grant, each.reason)

    def _publish_decided(self) -> None:
        with self.database.reading() as session:
            waiting = epochs.unpublished_records(session)
        if not waiting:
            return
        manifests = (Manifest.model_validate_json(each.value) for each in waiting if each.key.startswith(b"epoch/"))
        self._take_rights(ends.ended_in(manifests))
        self.clock.require()
        new = self._make_list_topics([each for each in waiting if each.key.startswith(b"type/")])
        records = self.gate.passing(waiting, new)
        if records:
            self.writer.publish([(each.key, each.value) for each in records])
            with self.database.writing() as session:
                epochs.mark_published(session, {each.key for each in records})
            LOG.info("policy published", epochs=[each.key.decode() for each in records if each.key.startswith(b"epoch/")])

    def _take_rights(self, ended: Iterable[ends.GrantName]) -> None:
        self.admin.disallow([layout.grant_right(subscriber, grant) for subscriber, grant in ended])

    def _make_list_topics(self, announced: list[epochs.Decided]) -> set[str]:
        """The types whose lists are not announced yet: nothing was ever written to their topics."""
        types = [TypeRecord.model_validate_json(each.value) for each in announced]
        self.admin.make_topics([layout.subjects_topic(each.information_type, each.partitions) for each in types])
        return {each.information_type for each in types}

    def _require_cluster(self) -> None:
        cluster, known = self.admin.cluster_id(), self.database.setting(_CLUSTER)
        if known is None:
            self.database.keep_setting(_CLUSTER, cluster)
        elif known != cluster:
            raise DatabaseError(
                f"the database belongs to Kafka cluster {known}, but {self.profile.bootstrap} is cluster {cluster}; "
                "start the Kafka it belongs to, or use another --dir for this one"
            )

    def _require_own_policy(self, held: Mapping[bytes, bytes]) -> None:
        with self.database.reading() as session:
            records = epochs.decided_records(session)
        decided = {each.key: each.value for each in records}
        for key, value in held.items():
            if key != HEARTBEAT_KEY and decided.get(key) != value:
                raise DatabaseError(
                    f"{names.POLICY_TOPIC} holds {key.decode(errors='replace')} that the database did not publish: "
                    "the database was lost, replaced or restored from an older copy; restore the newest copy of hub.db"
                )
        lost = [(each.key, each.value) for each in records if each.published and each.key not in held]
        if lost:
            self.writer.publish(lost)
        with self.database.writing() as session:
            epochs.mark_published(session, held.keys())

    def _refuse_changes(self, types: Types, policy: Policy) -> None:
        with self.database.reading() as session:
            changes = epochs.changes_in_force(session, types, policy)
            pending = epochs.changed_without_epoch(session, types)
        for name, change in pending.items():
            changes += self._refuse_pending(types[name], change)
        if changes:
            raise PolicyRefused(changes)

    def _refuse_pending(self, now: InformationType, change: epochs.PendingChange) -> list[str]:
        """A type without an epoch may change until its owner's topic holds messages, a former owner's too; partitions never."""
        partitions, differences = self.admin.partitions(), change.differences
        if any(partitions.get(each.name, each.partitions) != each.partitions for each in layout.type_topics(now)):
            return differences
        if change.listed:
            return [f"{difference} (the type has subject lists already)" for difference in differences]
        for topic in sorted({change.topic, names.owner_topic(now.owner, now.name)} & partitions.keys()):
            if not self.admin.is_empty(topic, partitions[topic]):
                return [f"{difference} (topic {topic} holds messages already)" for difference in differences]
        return []

    def _topics(self, types: Types, policy: Policy) -> dict[str, int]:
        """Make them; the partitions of each grant topic as they are."""
        existing = self.admin.partitions()
        wanted: list[Topic] = [topic for each in types.values() for topic in layout.type_topics(each)]
        grants: dict[str, int] = {}
        for grant in policy.grants:
            topic = layout.grant_topic(grant.subscriber, grant.name, types[grant.information_type].partitions)
            grants[topic.name] = existing.get(topic.name, topic.partitions)
            if topic.name not in existing:
                wanted.append(topic)
        self.admin.make_topics(wanted)
        return grants

    def _users(self, types: Types, policy: Policy) -> None:
        users = [names.owner_user(each.owner) for each in types.values()]
        users += [names.subscriber_user(subscriber) for subscriber in policy.subscribers]
        make_users(users, self.profiles, self.profile, self.admin, self.credentials)

    def _decide(self, types: Types, policy: Policy, partitions: Mapping[str, int]) -> list[str]:
        """Types without grants get schemas and no epoch, so nothing of them is read."""
        decided: list[str] = []
        try:
            with self.database.writing() as session:
                in_force = epochs.types_in_force(session)
                for name, information_type in sorted(types.items()):
                    if name in in_force:
                        continue
                    epochs.know_type(session, information_type)
                    grants = policy.grants_of(name)
                    if grants:
                        epochs.decide_first_epoch(session, information_type, grants, partitions, self.key_check, self.clock.now_ms())
                        decided.append(name)
        except InvalidSchema as error:
            raise ConfigError(f"a schema made from the information types cannot be registered: {error}") from error
        return decided

    def _allow(self, types: Types, policy: Policy) -> None:
        with self.database.reading() as session:
            ended = ends.ended_grants(session)
        self._take_rights(ended)
        for subscriber, grant in ended.keys() & {(each.subscriber, each.name) for each in policy.grants} - self._told:
            LOG.warning("the policy names a grant that has ended; it stays so, take it out", subscriber=subscriber, grant=grant)
            self._told.add((subscriber, grant))
        rights = [right for owner in sorted({each.owner for each in types.values()}) for right in layout.owner_rights(owner)]
        rights += [right for subscriber in policy.subscribers for right in layout.subscriber_rights(subscriber)]
        rights += [layout.grant_right(each.subscriber, each.name) for each in policy.grants if (each.subscriber, each.name) not in ended]
        self.admin.allow(rights)
