"""The worker's stages on logs in memory: batches of any size, commits, lost transactions, restarts from the state alone, resumes, ends."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np

from gongyu_hub.decode import decode
from gongyu_hub.demo.compare import Findings, Received, compare
from gongyu_hub.demo.ends import End
from gongyu_hub.demo.interleave import interleave
from gongyu_hub.demo.reading import Input, ListMessage, OwnerMessage, Published
from gongyu_hub.demo.reference import Delivery, Outcome, Reference, terms
from gongyu_hub.diff import diff
from gongyu_hub.entitle import entitle
from gongyu_hub.fan_out import fan_out
from gongyu_hub.list_changes import list_changes
from gongyu_hub.policy.compiled import end_grants
from gongyu_hub.state.pending import Partition, Pending
from gongyu_hub.state.records import IMAGE_KIND, PROGRESS_KEY, Progress, is_live, read_stamp
from gongyu_hub.state.store import Identity, Store
from gongyu_hub.values import Diffed, Transitions
from gongyu_schemas.envelope import owner_envelope, subject_key_schema
from gongyu_schemas.names import state_topic, subjects_topic
from tests.hub.building import KEY_ID, MASTER, WRITER_ID, World, batch_of
from tests.hub.demo.side_by_side import _markers, _topic

Log = list[tuple[int, int, bytes | None, bytes | None]]


class HubInMemory:
    """`world`'s messages and entries are the two logs; offsets count both."""

    def __init__(self, world: World, folder: Path) -> None:
        self.world = world
        self.policy = world.policy()
        self.listed = world.listed()
        self.received: list[list[Received]] = [_markers(self.policy, index) for index in range(len(self.policy.grants))]
        self.ends: dict[str, dict[int, End]] = {}  # by grant
        self.order: list[Input] = []
        self.outcomes: Counter[str] = Counter()
        self.list_outcomes: Counter[str] = Counter()
        self.lost = 0
        self.by_lists = 0  # deliveries, also lost ones
        self.moved = 0  # changes of a record to a subject that is on other lists
        self.across_epochs = 0  # decisions of list changes on images of an epoch before
        self._folder = folder
        self._stores = 0
        self._state: dict[int, dict[bytes, bytes]] = {number: {} for number in range(world.information_type.partitions)}
        self.restart()

    @property
    def at_end(self) -> bool:
        return not self._behind(self.world.messages, 1, "cursor") and not self._behind(self.world.entries, 1, "subjects")

    def take_changes(self, count: int) -> None:
        messages = self._behind(self.world.messages, count, "cursor")
        if messages:
            batch = batch_of(self.world.topic, messages)
            self._taken += [OwnerMessage(p, o, k, v, 7) for p, o, k, v in messages]
            diffed = diff(decode(batch, self.policy), self._pendings, self.policy, 1_000_000)
            decided = diffed.transitions
            stays = (decided.old_fields[:, 0] >= 0) & (decided.new_fields[:, 0] >= 0)
            if len(decided.old_lists):  # none are read where no active grant has any
                self.moved += int(np.count_nonzero(stays & (decided.old_lists != decided.new_lists).any(axis=1)))
            self._deliver(diffed)

    def take_lists(self, count: int) -> None:
        messages = self._behind(self.world.entries, count, "subjects")
        if messages:
            batch = batch_of(subjects_topic(self.world.information_type.name), messages)
            self._taken += [ListMessage(p, o, k, v, 7) for p, o, k, v in messages]
            diffed = list_changes(batch, self._pendings, self.listed, self.policy)
            self._require_stamped(diffed.transitions)
            self.by_lists += self._deliver(diffed)

    def commit(self) -> None:
        for number, pending in self._pendings.items():
            self.outcomes.update({outcome.value: count for outcome, count in pending.tally.outcomes.items()})
            self.list_outcomes.update({outcome.value: count for outcome, count in pending.list_tally.outcomes.items()})
            state = self._state[number]
            assert pending.take_changed() == ([], []), "every image reaches the state topic"
            for key, value in self._produced[number]:
                state.pop(key, None)
                if value is not None:
                    state[key] = value
            state[PROGRESS_KEY] = pending.progress.encode()
            pending.settle()
            assert dict(self._all_of(pending.partition.store)) == state
        places = {name: index for index, name in enumerate(self.world.grants)}
        for view, delivered in zip(self.policy.grants, self._delivered, strict=True):
            self.received[places[view.grant]].extend(delivered)
        self.order += self._taken
        self._begin([pending.partition for pending in self._pendings.values()])

    def lose(self) -> None:
        """What is open is thrown away; its messages come again, in batches of other sizes."""
        self.lost += len(self._taken)
        self._begin([pending.partition for pending in self._pendings.values()])

    def resume(self) -> None:
        """The next transaction records an epoch that decides like the one before, as a resume makes one."""
        self.commit()
        following = self.world.policy(self.policy.epoch + 1, self.ends)
        # Both of a worker's ways: compiled at its start, and made from the policy that it has.
        self.policy = following if following.epoch % 2 else end_grants(self.policy, following.manifest)
        self._begin([pending.partition for pending in self._pendings.values()])

    def end(self, grant: str) -> None:
        """The next transaction records an epoch in which it has ended."""
        self.commit()
        if grant not in self.ends:
            places = ((number, pending.progress) for number, pending in self._pendings.items())
            self.ends[grant] = {number: End(progress.cursor, progress.subjects) for number, progress in places}
        before = self.policy.manifest
        self.resume()
        assert [entry.grant for entry in self.policy.manifest.active()] == [view.grant for view in self.policy.grants]
        assert len(before.grants) == len(self.policy.manifest.grants)

    def restart(self) -> None:
        """A new worker with an empty store: everything comes back from the state."""
        self.close()
        partitions = []
        for number, state in self._state.items():
            self._stores += 1
            name = state_topic(self.world.information_type.name)
            store = Store(self._folder / str(self._stores), Identity("cluster", name, "id", number))
            store.begin(fresh=True)
            store.apply(state, 1, 0)
            progress = Progress.decode(state[PROGRESS_KEY]) if PROGRESS_KEY in state else Progress(adopted=1, segments=(("~", 1),))
            partitions.append(Partition(self.world.topic, name, number, store, progress))
        self._begin(partitions)

    def close(self) -> None:
        for pending in getattr(self, "_pendings", {}).values():
            pending.partition.store.release()

    def findings(self) -> list[str]:
        """Against the reference, in the order in which messages were taken and in the one that the check finds by itself."""
        of = self.world.information_type
        published = Published(of, KEY_ID, subject_key_schema(of), {WRITER_ID: owner_envelope(of)})
        grants = [
            terms("bank", name, of, each["fields"], each.get("rows"), None, None, each.get("treatments"), MASTER, each.get("list"))
            for name, each in self.world.grants.items()
        ]
        grants = [replace(grant, ends=self.ends.get(grant.name, {})) for grant in grants]
        topics = [_topic(self.world, grant, index) for index, grant in enumerate(grants)]
        changes = [OwnerMessage(p, o, k, v, 7) for p, o, k, v in self.world.messages]
        lists = [ListMessage(p, o, k, v, 7) for p, o, k, v in self.world.entries]
        found = []
        for title, order in (("taken", self.order), ("found", interleave(published, topics, changes, lists, self.received))):
            reference = Reference(published, grants)
            expected: list[list[Delivery]] = [[] for _ in grants]
            for decided in reference.process(order):
                for index, delivery in decided.deliveries:
                    expected[index].append(delivery)
            findings = Findings()
            for index, topic in enumerate(topics):
                findings.include(compare(topic, expected[index], self.received[index]).findings)
            found += [f"{title}: {example}" for example in findings.examples]
            for mine, counts in ((self.outcomes, reference.outcomes), (self.list_outcomes, reference.list_outcomes)):
                theirs = {outcome.value: counts[outcome] for outcome in Outcome if counts[outcome]}
                found += [] if mine == theirs else [f"{title}: outcomes {dict(mine)} instead of {theirs}"]
        return found

    def _begin(self, partitions: list[Partition]) -> None:
        self._pendings = {partition.number: Pending(partition) for partition in partitions}
        for pending in self._pendings.values():
            if pending.progress.adopted != self.policy.epoch:
                pending.progress = pending.progress.adopt(self.policy.epoch, -1)
        self._delivered: list[list[Received]] = [[] for _ in self.policy.grants]
        self._taken: list[Input] = []
        self._produced: dict[int, list[tuple[bytes, bytes | None]]] = {number: [] for number in self._state}

    def _behind(self, log: Log, count: int, cursor: str) -> Log:
        """Up to `count` messages of each partition, from where it stands."""
        found: Log = []
        for number, pending in self._pendings.items():
            found += [each for each in log if each[0] == number and each[1] >= getattr(pending.progress, cursor)][:count]
        return found

    def _deliver(self, diffed: Diffed) -> int:
        decisions = entitle(diffed.transitions, self.policy)
        for decision in decisions:
            assert decision.withheld + decision.unchanged + len(decision.rows) == len(diffed.transitions)
        for deliveries in fan_out(diffed.transitions, decisions, self.policy):
            places = zip(deliveries.keys, deliveries.partitions, deliveries.starts, deliveries.starts[1:], strict=False)
            topic = self._delivered[deliveries.grant]
            topic += [Received(partition, 0, key, deliveries.content[start:end]) for key, partition, start, end in places]
        for number, pending in self._pendings.items():
            self._produced[number] += zip(*pending.take_changed(), strict=True)
        return sum(len(decision.rows) for decision in decisions)

    def _require_stamped(self, decided: Transitions) -> None:
        """By a list change: from now on under the epoch in effect."""
        for number, key in zip(decided.partitions.tolist(), decided.record_keys, strict=True):
            pending, place = self._pendings[number], IMAGE_KIND + key
            settled = pending.partition.store.get(place)
            stored = pending.overlay.get(place, settled)
            assert stored is not None
            assert read_stamp(stored) == self.policy.epoch
            self.across_epochs += settled is not None and is_live(settled) and read_stamp(settled) < self.policy.epoch

    @staticmethod
    def _all_of(store: Store) -> list[tuple[bytes, bytes]]:
        keys = [key for key in store.keys_behind([b"\x01", b"\x02", b"\x03", b"\x04"]).values() for key in key]
        return list(store.get_many(keys).items())
