"""Which decided records may be published now: an epoch that uses subject lists waits for the hub to have read their entries.

Each epoch waits for what its own lists had when it was first asked for, and behind an epoch that waits every later one of its type waits
too: epochs take effect in their order, and none before a list that only it uses is told. Where Kafka does not say, nothing passes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field

import structlog

from gongyu_hub.registry import subject_lists
from gongyu_hub.registry.database import Database
from gongyu_hub.registry.epochs import Decided
from gongyu_schemas.errors import KafkaUnavailable
from gongyu_schemas.names import subjects_topic

LOG = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class ListGate:
    """`ends`: of a topic's partitions. `has_read`: whether the hub has read all before such ends. Both raise KafkaUnavailable."""

    database: Database
    ends: Callable[[str], Mapping[int, int]]
    has_read: Callable[[str, Mapping[int, int]], bool]
    #: Epoch's key -> partition -> offset of the subject lists that the hub must have read before it is published.
    _needs: dict[bytes, dict[int, int]] = field(default_factory=dict)

    def passing(self, records: Iterable[Decided], new: AbstractSet[str]) -> list[Decided]:
        """Of records in the order of writing those that may go; `new`: types whose lists Kafka does not know of yet."""
        passing, held = [], set()
        for each in records:
            of_type = each.key.rpartition(b"/")[0]
            if of_type in held or not self._may_go(each, new):
                held.add(of_type)
            else:
                passing.append(each)
        return passing

    def _may_go(self, record: Decided, new: AbstractSet[str]) -> bool:
        if record.waits_for is None:
            return True
        information_type, lists = record.waits_for
        with self.database.reading() as session:
            if record.key not in self._needs and not subject_lists.all_told(session, information_type, lists):
                return False
        if information_type in new:
            return True
        topic = subjects_topic(information_type)
        try:
            if record.key not in self._needs:
                self._needs[record.key] = {partition: end for partition, end in self.ends(topic).items() if end > 0}
            if not self.has_read(topic, self._needs[record.key]):
                return False
        except KafkaUnavailable as error:
            LOG.warning("not known yet how far the hub has read subject lists", information_type=information_type, cause=str(error))
            return False
        del self._needs[record.key]
        return True
