"""The worker: builds the stages and runs the loop. The table of contents of the hub.

One pass of the loop:
    policy     take new epochs; too old a heartbeat stops the reading
    restore    partitions that were assigned, or whose transaction was lost
    adopt      partitions whose type has an epoch that they have not recorded
    batches    consume, decode and diff, or list changes; then entitle, fan out, publish
    settle     commit: at once when nothing more is waiting, else after the interval or enough bytes

A lost transaction, for whatever reason, has one answer: throw away what is pending and restore every partition as on assignment.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable

import structlog

from gongyu_hub.adopt import adopt
from gongyu_hub.consume import Intake, ListIntake, Replaced
from gongyu_hub.decode import decode
from gongyu_hub.diff import diff
from gongyu_hub.entitle import entitle
from gongyu_hub.fan_out import fan_out
from gongyu_hub.list_changes import list_changes
from gongyu_hub.membership import await_name
from gongyu_hub.observe.lag import tell_lag
from gongyu_hub.observe.metrics import Metrics
from gongyu_hub.policy.compiled import TypePolicy
from gongyu_hub.policy.epochs import PolicyReader
from gongyu_hub.policy.in_force import InForce
from gongyu_hub.policy.schemas import SchemaReader
from gongyu_hub.publish import count_dead_letter_partitions, publish_dead_letters, publish_deliveries, publish_state
from gongyu_hub.settings import Settings
from gongyu_hub.settle import Transaction
from gongyu_hub.state.pending import Partition, Pending
from gongyu_hub.state.restore import Restorer, Wanted
from gongyu_hub.state.turns import BACK_OFF_S, Turns
from gongyu_hub.values import Batch, Diffed, Place
from gongyu_schemas.errors import KafkaUnavailable, TransientError
from gongyu_schemas.names import HUB_TRANSACTIONAL_PREFIX, owner_and_type, state_topic
from gongyu_schemas.transport.profile import Profile
from gongyu_schemas.transport.transactional import TransactionalProducer

LOG = structlog.get_logger()
_POLICY_WAIT_S = 60.0
_IDLE_POLL_S = 0.05
_COLLECT_EVERY_S = 30.0
#: Changes of subject lists between two looks at the clock: each decides every record of its subject.
_LIST_CHANGES = 500


class Worker:
    """One worker process. `run` returns after `stopping` says so; every other way out is an exception."""

    def __init__(self, profile: Profile, settings: Settings, metrics: Metrics, stopping: Callable[[], bool]) -> None:
        self._profile = profile
        self._settings = settings
        self._metrics = metrics
        self._stopping = stopping
        self._partitions: dict[Place, Partition] = {}
        self._lost = False
        self._collected_at = time.monotonic()
        self._turns = Turns()
        group = f"hub.{settings.name}"
        self._policy = PolicyReader(profile, f"{group}.policy")
        self._schemas = SchemaReader(profile, stopping)
        self._in_force = InForce(self._policy, self._schemas, settings.pseudonym_key)
        self._policies = self._in_force.policies  # by owner topic
        self._restorer = Restorer(profile, f"{group}.restore", settings.store_dir / settings.name)
        self._intake = Intake(profile, settings, self._leave)
        self._lists = ListIntake(profile, f"{group}.subjects")
        self._dead_letter_partitions = 0
        transactional_id = f"{HUB_TRANSACTIONAL_PREFIX}{settings.name}"
        self._producer = TransactionalProducer(profile, transactional_id, connect_timeout_s=None, fenced_is_final=False, stopping=stopping)
        self._transaction = Transaction(self._producer, self._intake.consumer, metrics, settings)

    def start(self) -> None:
        """Read the policy, compile it and join the group; nothing is decided before `run`."""
        self._policy.start(_POLICY_WAIT_S, self._stopping)
        self._dead_letter_partitions = count_dead_letter_partitions(self._profile)
        self._read_policies()

    def run(self) -> None:
        gc.collect()
        gc.freeze()
        gc.disable()  # batches make no cycles: a collector that walks them again and again costs a fifth of the time
        while not self._stopping():
            try:
                self._pass()
                self._collect_garbage()
            except KafkaUnavailable:
                if not self._stopping():
                    raise
                self._lost = True
            except Replaced as error:
                LOG.warning("the group says that another has this worker's name: waiting until it is free", cause=str(error))
                self._lost = True
                self._join_again()
            except TransientError as error:
                LOG.warning("transaction lost: starting again from what is committed", cause=str(error))
                self._metrics.transactions_lost.inc()
                self._lost = True
        self._finish()

    def _pass(self) -> None:
        if self._policy.poll():
            self._read_policies()
        age = self._policy.age_s()
        self._metrics.policy_age.set(age)
        for intake in (self._intake, self._lists):
            intake.pause_all(age > self._settings.policy_max_age_s)
        if self._lost:
            self._recover()
        due = self._turns.due(self._intake.waiting - self._restorer.places)
        restoring = bool(due or self._restorer.places)
        busy_already = self._transaction.is_open or restoring
        batches = self._intake.take(self._settings.batch_messages, 0 if busy_already else _IDLE_POLL_S)
        if self._lost:  # while partitions left, inside `take`: what was taken was meant for the transaction that is gone
            raise TransientError("the transaction was lost while partitions left")
        lists = self._lists.take(self._settings.batch_messages)
        self._adopt()
        for batch in lists:
            for part in batch.parts(_LIST_CHANGES):
                self._process_lists(part)
                if self._transaction.is_due(busy=True):  # one change may decide many records
                    self._transaction.commit()
        for batch in batches:
            self._process(batch)
        if self._transaction.is_due(busy=bool(batches or lists)):
            self._transaction.commit()
            tell_lag(self._metrics, self._intake.consumer, self._partitions, self._intake.ends, self._intake.out_of_reach)
        if restoring:
            self._transaction.commit()  # restoring may take longer than a transaction may stay open
            self._restore([place for place in due if place in self._intake.waiting])
        if not self._transaction.is_open:
            self._read_on()

    def _collect_garbage(self) -> None:
        if time.monotonic() - self._collected_at > _COLLECT_EVERY_S:
            gc.collect()
            self._collected_at = time.monotonic()

    def _process(self, batch: Batch) -> None:
        """A batch through the stages, into the open transaction."""
        policy, pendings, began = self._policies[batch.topic], self._pendings(batch.topic, batch), time.monotonic()
        self._deliver(diff(decode(batch, policy), pendings, policy, self._settings.max_rejections), policy, pendings, began)
        for pending in pendings.values():
            self._hold_if_paused((batch.topic, pending.partition.number), pending.progress.paused)

    def _process_lists(self, batch: Batch) -> None:
        """A batch of list changes: what it moves is decided like anything else."""
        listed, began = self._in_force.lists_of(batch.topic), time.monotonic()
        policy, pendings = self._policies.get(listed.announced.topic), self._pendings(listed.announced.topic, batch)
        self._deliver(list_changes(batch, pendings, listed, policy), policy, pendings, began)

    def _pendings(self, topic: str, batch: Batch) -> dict[int, Pending]:
        numbers = sorted(set(batch.partitions.tolist()))
        return {number: self._transaction.pending(self._partitions[topic, number]) for number in numbers}

    def _deliver(self, diffed: Diffed, policy: TypePolicy | None, pendings: dict[int, Pending], began: float) -> None:
        publish_dead_letters(self._producer, diffed.dead_letters, self._dead_letter_partitions)
        if policy is not None:
            decisions = entitle(diffed.transitions, policy)
            deliveries = fan_out(diffed.transitions, decisions, policy)
            self._transaction.bytes += publish_deliveries(self._producer, deliveries, policy)
            self._transaction.count(policy, decisions)
        for pending in pendings.values():
            publish_state(self._producer, pending)
        self._metrics.batch_seconds.observe(time.monotonic() - began)

    def _hold_if_paused(self, place: Place, paused: int | None) -> None:
        """Too many rejections in a row: the partition's owner topic is not read further, its policy still takes effect."""
        if paused is not None:
            self._intake.hold(place)
            LOG.error("partition paused after rejections in a row; see the dead letters", topic=place[0], partition=place[1], offset=paused)

    def _read_on(self) -> None:
        """Read owner partitions whose first epoch has come (before it only their subject lists are read) or whose pause has ended."""
        for place in self._intake.held & self._partitions.keys():
            progress = self._partitions[place].progress
            if progress.paused is None and place[0] in self._policies:
                self._intake.start(place, progress.cursor)
                LOG.info("partition is read on", topic=place[0], partition=place[1], offset=progress.cursor)

    def _adopt(self) -> None:
        """Record the epoch in effect, in a transaction of its own: what is open ends, and it is in effect before more is decided."""
        if not self._behind():
            return
        self._transaction.commit()
        for partition in self._behind():
            policy = self._policies[partition.topic]
            before = self._policy.epochs.get((policy.manifest.information_type, partition.progress.adopted))
            adopt(self._transaction.pending(partition), policy, before, self._producer, time.time_ns() // 1_000_000)
        self._transaction.commit()

    def _behind(self) -> list[Partition]:
        """Partitions that have not recorded the epoch of their type."""
        return [each for each in self._partitions.values() if each.progress.adopted != self._in_force.epoch(each.topic)]

    def _read_policies(self) -> None:
        self._in_force.read()
        self._intake.subscribe(self._in_force.topics)
        self._listen()

    def _listen(self) -> None:
        """Read the subject lists of restored partitions whose types have any."""
        offsets: dict[Place, int] = {}
        for (topic, number), partition in self._partitions.items():
            partition.subjects_topic = self._in_force.subjects_topic(topic)
            if partition.subjects_topic is not None:
                offsets[partition.subjects_topic, number] = partition.progress.subjects
        self._lists.start(offsets)

    def _restore(self, due: list[Place]) -> None:
        """Some partitions together, a slice of time a pass: the group and the policy are heard in between."""
        wanted = [Wanted(*place, state_topic(owner_and_type(place[0])[1]), self._in_force.subjects_topic(place[0])) for place in due]
        restored = []
        for place, outcome in self._restorer.restore(self._intake.consumer, wanted).items():
            if not isinstance(outcome, Partition):
                self._turns.failed(place, str(outcome))
            elif outcome.progress.adopted > self._in_force.epoch(place[0]):
                outcome.store.release()
                self._turns.failed(place, f"it waits for epoch {outcome.progress.adopted}, which it has adopted")
            else:
                self._partitions[place] = outcome
                restored.append(place)
        for place in restored:
            self._start(place)
        self._listen()

    def _start(self, place: Place) -> None:
        partition = self._partitions[place]
        if place[0] in self._policies:
            self._intake.start(place, partition.progress.cursor)
        else:
            self._intake.hold(place)
        self._metrics.tell_partition(partition)
        self._hold_if_paused(place, partition.progress.paused)

    def _leave(self, places: list[Place], lost: bool) -> None:
        """Partitions go to another worker: what is open is committed, or forgotten where they are lost already."""
        if lost:
            self._lost = self._lost or self._transaction.is_open
        else:
            self._commit_last("transaction lost while partitions leave")
        self._restorer.drop(places)
        left = [partition for place in places if (partition := self._partitions.pop(place, None)) is not None]
        self._lists.stop((each.subjects_topic, each.number) for each in left if each.subjects_topic is not None)
        for partition in left:
            partition.store.release() if lost or self._lost else partition.store.close()
            self._metrics.forget_partition(partition)

    def _recover(self) -> None:
        """The one answer to every loss: nothing pending survives, every partition is restored as on assignment."""
        self._release()
        time.sleep(BACK_OFF_S)
        if self._transaction.is_open:
            self._transaction.forget()
            self._producer.abandon()
        self._intake.restart()
        self._lists.restart()
        self._lost = False

    def _release(self, clean: bool = False) -> None:
        """All stores; `clean`: they reflect what was committed."""
        self._restorer.drop(self._restorer.places)
        for partition in self._partitions.values():
            partition.store.close() if clean else partition.store.release()
        self._partitions.clear()

    def _join_again(self) -> None:
        """As a new member of the group. Raises FatalError where another worker lives under this one's name."""
        for partition in self._partitions.values():
            self._metrics.forget_partition(partition)
        self._release()
        self._intake.abandon()
        await_name(self._profile, self._settings.name, self._settings.session_timeout_s, self._stopping)
        self._intake = Intake(self._profile, self._settings, self._leave)
        self._intake.subscribe(self._in_force.topics)
        self._transaction.consumer = self._intake.consumer

    def _finish(self) -> None:
        """A clean stop: what is open is committed, stores are closed at a known place."""
        self._commit_last("the last transaction was lost; it will be done again at the next start")
        self._release(clean=not self._lost)
        for part in (self._restorer, self._schemas, self._policy, self._lists, self._intake, self._producer):
            part.close()

    def _commit_last(self, where_lost: str) -> None:
        """Before stores are let go: what is open is committed, or lost."""
        if self._lost:
            return
        try:
            self._transaction.commit()
        except TransientError as error:
            LOG.warning(where_lost, cause=str(error))
            self._lost = True
