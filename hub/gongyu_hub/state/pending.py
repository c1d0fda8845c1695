"""What an open transaction has decided for one partition. Thrown away whole when the transaction is lost."""

from __future__ import annotations

from collections.abc import Iterable

from gongyu_hub.state.records import PROGRESS_KEY, Progress
from gongyu_hub.state.store import Store
from gongyu_hub.values import Tally


class Partition:
    """One assigned partition of an owner topic: its store, and its progress as last committed."""

    def __init__(self, topic: str, state_topic: str, number: int, store: Store, progress: Progress) -> None:
        self.topic = topic
        self.state_topic = state_topic
        self.number = number
        self.store = store
        self.progress = progress


class Pending:
    """An overlay over the partition's store, and the progress as it will be."""

    def __init__(self, partition: Partition) -> None:
        self.partition = partition
        self.progress = partition.progress
        self.overlay: dict[bytes, bytes | None] = {}  # state key -> stored value
        #: of the batch at hand, for the state topic
        self._changed_keys: list[bytes] = []
        self._changed_values: list[bytes | None] = []
        self.tally = Tally()
        self.last_state_offset = -1  # of the last state record, told by its delivery

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

    def settle(self) -> None:
        """After the commit: the store and the partition's progress move forward."""
        store = self.partition.store
        changes = {**self.overlay, PROGRESS_KEY: self.progress.encode()}
        store.apply(changes, max(store.next_offset, self.last_state_offset + 1), self.tally.images)
        self.partition.progress = self.progress
