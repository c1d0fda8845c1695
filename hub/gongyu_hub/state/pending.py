"""What an open transaction has decided for one partition. Thrown away whole when the transaction is lost."""

from __future__ import annotations

from collections.abc import Iterable

from gongyu_hub.state.records import (
    INDEXED,
    MEMBER_KIND,
    PROGRESS_KEY,
    Progress,
    index_prefix,
    pack_lists,
    unpack_lists,
)
from gongyu_hub.state.store import Store
from gongyu_hub.values import Tally


class Partition:
    """One assigned partition of an owner topic: its store, and its progress as last committed.

    `subjects_topic`: the topic of its type's subject lists, read beside the owner topic; None where there are no lists.
    """

    def __init__(
        self, topic: str, state_topic: str, number: int, store: Store, progress: Progress, subjects_topic: str | None = None
    ) -> None:
        self.topic = topic
        self.state_topic = state_topic
        self.number = number
        self.store = store
        self.progress = progress
        self.subjects_topic = subjects_topic


class Pending:
    """An overlay over the partition's store, and the progress as it will be."""

    def __init__(self, partition: Partition) -> None:
        self.partition = partition
        self.progress = partition.progress
        self.overlay: dict[bytes, bytes | None] = {}  # state key of an image -> stored value
        #: The same of memberships and of the index of subjects.
        self.beside: dict[bytes, bytes | None] = {}
        #: All of these, of the batch at hand, for the state topic.
        self._changed_keys: list[bytes] = []
        self._changed_values: list[bytes | None] = []
        self.tally = Tally()
        self.list_tally = Tally()  # of list changes
        self.last_state_offset = -1  # of the last state record, told by its delivery
        self._indexed: dict[bytes, dict[bytes, bool]] = {}  # subject -> record key -> whether it is the subject's

    def last_images(self, keys: Iterable[bytes]) -> dict[bytes, bytes]:
        """Stored values, by state key, of records that this transaction has not changed."""
        overlay = self.overlay
        return self.partition.store.get_many([key for key in set(keys) if key not in overlay])

    def put(self, key: bytes, stored: bytes | None) -> None:
        """What is stored of a record from now on; None: nothing."""
        self.overlay[key] = stored
        self._changed_keys.append(key)
        self._changed_values.append(stored)

    def take_changed(self) -> tuple[list[bytes], list[bytes | None]]:
        """Keys and values put since the last call."""
        taken = self._changed_keys, self._changed_values
        self._changed_keys, self._changed_values = [], []
        return taken

    def lists_of(self, subjects: Iterable[bytes]) -> dict[bytes, frozenset[str]]:
        """By subject, the lists that it is on: one look-up each."""
        keys = {MEMBER_KIND + subject: subject for subject in subjects}
        stored = self.partition.store.get_many([key for key in keys if key not in self.beside])
        return {subject: unpack_lists(self.beside[key] if key in self.beside else stored.get(key)) for key, subject in keys.items()}

    def put_lists(self, subject: bytes, lists: frozenset[str]) -> None:
        self._put_beside(MEMBER_KIND + subject, pack_lists(lists))

    def records_of(self, subjects: Iterable[bytes]) -> dict[bytes, list[bytes]]:
        """By subject, the keys of its records, in their order; for types whose subject is not the record key."""
        prefixes = {index_prefix(subject): subject for subject in subjects}
        found = {}
        for prefix, keys in self.partition.store.keys_behind(prefixes).items():
            subject = prefixes[prefix]
            known = dict.fromkeys((key[len(prefix) :] for key in keys), True)
            known.update(self._indexed.get(subject, {}))
            found[subject] = sorted(key for key, there in known.items() if there)
        return found

    def index(self, subject: bytes, record_key: bytes, there: bool) -> None:
        """Note that a record is, or is no longer, the subject's."""
        self._indexed.setdefault(subject, {})[record_key] = there
        self._put_beside(index_prefix(subject) + record_key, INDEXED if there else None)

    def settle(self) -> None:
        """After the commit: the store and the partition's progress move forward."""
        store = self.partition.store
        changes = {**self.overlay, **self.beside, PROGRESS_KEY: self.progress.encode()}
        store.apply(changes, max(store.next_offset, self.last_state_offset + 1), self.tally.images)
        self.partition.progress = self.progress

    def _put_beside(self, key: bytes, value: bytes | None) -> None:
        self.beside[key] = value
        self._changed_keys.append(key)
        self._changed_values.append(value)
