"""Subjects of images: on which of the policy's lists they are, and which records they have.

Enters transitions of record changes and the pendings of their partitions; leaves the same transitions with the lists of the
subjects before and after (a change may give a record another subject), and keeps the index of subjects in the pendings.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

import numpy as np

from gongyu_hub.engine.keys import join_fields
from gongyu_hub.policy.compiled import TypePolicy
from gongyu_hub.state.pending import Pending
from gongyu_hub.values import Transitions, Words, pieces


def with_lists(transitions: Transitions, pendings: Mapping[int, Pending], policy: TypePolicy) -> Transitions:
    """What a record change needs to know of lists; nothing where the policy has none and the subject is the record key."""
    if not len(transitions) or (policy.subject_is_key and not policy.lists):
        return transitions
    old = pieces(*join_fields(transitions.old_buffer, transitions.old_fields, policy.subject_fields))
    new = pieces(*join_fields(transitions.new_buffer, transitions.new_fields, policy.subject_fields))
    partitions = transitions.partitions.tolist()
    if not policy.subject_is_key:
        for partition, key, was, now in zip(partitions, transitions.record_keys, old, new, strict=True):
            if was != now:
                _index(pendings[partition], key, was, now)
    if not policy.lists:
        return transitions
    subjects: dict[int, set[bytes]] = {}
    for partition, was, now in zip(partitions, old, new, strict=True):
        subjects.setdefault(partition, set()).update((was, now))
    known = {partition: pendings[partition].lists_of(of_partition) for partition, of_partition in subjects.items()}
    return replace(
        transitions,
        old_lists=numbered((known[partition][was] for partition, was in zip(partitions, old, strict=True)), policy),
        new_lists=numbered((known[partition][now] for partition, now in zip(partitions, new, strict=True)), policy),
    )


def numbered(lists: Iterable[frozenset[str]], policy: TypePolicy) -> Words:
    """[m, W]: the lists as bits by the policy's numbers; those that no grant uses are left out."""
    numbers = {name: number for number, name in enumerate(policy.lists)}
    distinct: dict[frozenset[str], int] = {}
    rows = [distinct.setdefault(each, len(distinct)) for each in lists]
    words = np.zeros((len(distinct), (len(numbers) + 63) // 64), np.uint64)
    for names, row in distinct.items():
        for number in (numbers[name] for name in names if name in numbers):
            words[row, number // 64] |= np.uint64(1 << (number % 64))
    return np.asarray(words[np.array(rows, np.int64)], np.uint64)


def _index(pending: Pending, record_key: bytes, was: bytes, now: bytes) -> None:
    """An absent image has no subject, and no subject is empty."""
    if was:
        pending.index(was, record_key, there=False)
    if now:
        pending.index(now, record_key, there=True)
