"""What an open transaction has decided for one partition. Thrown away whole when the transaction is lost."""

from __future__ import annotations

from collections.abc import Iterable

from gongyu_hub.state.records import IMAGE_KIND, PROGRESS_KEY, Progress
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
        self.overlay: dict[bytes, bytes | None] = {}  # record key -> stored value
        #: (record key, stored value) of the batch at hand, for the state topic; emptied when they are produced
        self.changed: list[tuple[bytes, bytes | None]] = []
        self.tally = Tally()
        self.last_state_offset = -1  # of the last state record, told by its delivery

    def last_images(self, record_keys: Iterable[bytes]) -> dict[bytes, bytes]:
        """Stored values of records that this transaction has not changed."""
        overlay = self.overlay
        wanted = [IMAGE_KIND + key for key in set(record_keys) if key not in overlay]
        return {key[1:]: value for key, value in self.partition.store.get_many(wanted).items()}

    def settle(self) -> None:
        """After the commit: the store and the partition's progress move forward."""
        changes: dict[bytes, bytes | None] = {IMAGE_KIND + key: value for key, value in self.overlay.items()}
        changes[PROGRESS_KEY] = self.progress.encode()
        store = self.partition.store
        store.apply(changes, max(store.next_offset, self.last_state_offset + 1), self.tally.images)
        self.partition.progress = self.progress
