"""Adopt: what a partition does when an epoch of its type comes into effect there, inside the transaction that records it.

Enters the pending of a partition that has not recorded the epoch; leaves its progress with the epoch adopted, a record of the
adoption for everybody else (`hub.adoptions`), and the markers of the first copies in the grant topics. A grant that has ended is not
in the policy any more: nothing is delivered for it, no `d` either. Raises FatalError where images would have to be carried from one
epoch to another.
"""

from __future__ import annotations

from io import BytesIO

import fastavro

from gongyu_hub.policy.compiled import GrantView, TypePolicy
from gongyu_hub.policy.records import Adoption, Manifest
from gongyu_hub.state.pending import Pending
from gongyu_schemas.envelope import COPY_BEGIN, COPY_END, MARKER, marker_schema
from gongyu_schemas.errors import FatalError
from gongyu_schemas.names import ADOPTIONS_TOPIC
from gongyu_schemas.transport.transactional import TransactionalProducer

_MARKER_SCHEMA = fastavro.parse_schema(marker_schema())


def adopt(pending: Pending, policy: TypePolicy, before: Manifest | None, producer: TransactionalProducer, now_ms: int) -> None:
    """`before`: the manifest of the epoch that the partition has adopted; None where it is not known or there is none."""
    if pending.progress.adopted == 0:
        _begin_copies(pending, policy, producer)
    elif before is None or not policy.manifest.follows(before):
        partition = pending.partition
        raise FatalError(
            f"{partition.topic} {partition.number}: epoch {policy.epoch} decides otherwise than epoch {pending.progress.adopted}, which is "
            "in effect; this version cannot carry images from one epoch to another"
        )
    before_epoch = pending.progress.adopted
    # An epoch under which every image has the same views needs no walk over them.
    pending.progress = pending.progress.adopt(policy.epoch, policy.manifest.resume.get(pending.partition.number, -1))
    adoption = Adoption(
        information_type=policy.manifest.information_type,
        partition=pending.partition.number,
        epoch=policy.epoch,
        before=before_epoch,
        owner_offset=pending.progress.cursor,
        list_offset=pending.progress.subjects,
        at_ms=now_ms,
    )
    producer.produce(ADOPTIONS_TOPIC, adoption.encode(), adoption.key(), 0)


def _begin_copies(pending: Pending, policy: TypePolicy, producer: TransactionalProducer) -> None:
    """The first epoch finds no image: each copy begins, the walk over nothing ends, each copy ends."""
    partition, progress = pending.partition, pending.progress
    if partition.store.images:
        raise FatalError(f"{partition.topic} {partition.number}: there are images, but no epoch under which they were decided")
    for phase in (COPY_BEGIN, COPY_END):
        for grant in policy.grants:
            marker = make_marker(grant, phase, partition.number, progress.cursor, policy.manifest.published_ms)
            producer.produce(grant.topic, marker, None, partition.number % grant.partitions)


def make_marker(grant: GrantView, phase: str, partition: int, cursor: int, ts_ms: int) -> bytes:
    """A copy's begin or end marker: scoped to the owner topic's partition. `cursor`: the owner offset to be read next."""
    body = BytesIO()
    fastavro.schemaless_writer(
        body,
        _MARKER_SCHEMA,
        {
            "op": MARKER,
            "ts_ms": ts_ms,
            "source": {"partition": partition, "offset": cursor},
            "copy": {"phase": phase, "number": grant.copy_number, "partition": partition},
        },
    )
    return grant.view_header.tobytes() + body.getvalue()
