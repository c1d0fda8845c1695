"""The hub's stages and the reference on the same owner messages, side by side, in memory."""

from __future__ import annotations

import tempfile
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from gongyu_hub.adopt import make_marker
from gongyu_hub.decode import decode
from gongyu_hub.demo.compare import Findings, GrantTopic, Received, compare
from gongyu_hub.demo.reading import OwnerMessage, Published
from gongyu_hub.demo.reference import Delivery, Outcome, Reference, Terms, terms
from gongyu_hub.diff import diff
from gongyu_hub.entitle import entitle
from gongyu_hub.fan_out import fan_out
from gongyu_hub.policy.compiled import TypePolicy
from gongyu_hub.values import Batch
from gongyu_schemas.envelope import COPY_BEGIN, COPY_END, owner_envelope, record_key_schema, subject_key_schema
from tests.hub.building import FIRST_VIEW_ID, KEY_ID, MASTER, WRITER_ID, World

#: The grant topics of `World` have these.
PARTITIONS = 2


@dataclass
class SideBySide:
    """What the stages did, and what is wrong with it."""

    findings: Findings
    outcomes: tuple[Counter[str], Counter[str]]  # of the stages, of the reference
    dead_letters: tuple[set[tuple[int, int]], set[tuple[int, int]]]
    whys: tuple[list[str], list[str]]
    delivered: int


def run(world: World, batches: list[Batch]) -> SideBySide:
    """Both on the same batches."""
    received, stages, letters, details = run_stages(world, batches)
    of = world.information_type
    published = Published(of, KEY_ID, subject_key_schema(of), {WRITER_ID: owner_envelope(of)})
    grants = [
        terms(
            "bank",
            name,
            of,
            each["fields"],
            each.get("rows"),
            treatments=each.get("treatments"),
            master=MASTER,
            subject_list=each.get("list"),
        )
        for name, each in world.grants.items()
    ]
    reference = Reference(published, grants)
    expected: list[list[Delivery]] = [[] for _ in grants]
    rejected, whys = set(), []
    for decided in reference.process(message for batch in batches for message in _messages(batch)):
        if decided.outcome is Outcome.REJECTED:
            rejected.add((decided.message.partition, decided.message.offset))
            whys.append(f"{decided.message.offset}: {decided.why}")
        for index, delivery in decided.deliveries:
            expected[index].append(delivery)
    findings = Findings()
    for index, grant in enumerate(grants):
        findings.include(compare(_topic(world, grant, index), expected[index], received[index]).findings)
    outcomes = Counter({outcome.value: count for outcome, count in reference.outcomes.items() if count})
    return SideBySide(findings, (stages, outcomes), (letters, rejected), (details, whys), sum(map(len, received)))


def run_stages(world: World, batches: list[Batch]) -> tuple[list[list[Received]], Counter[str], set[tuple[int, int]], list[str]]:
    policy = world.policy()
    received: list[list[Received]] = [_markers(policy, index) for index in range(len(policy.grants))]
    outcomes: Counter[str] = Counter()
    letters: set[tuple[int, int]] = set()
    details: list[str] = []
    with tempfile.TemporaryDirectory() as folder:
        pendings = world.pendings(Path(folder))
        for batch in batches:
            diffed = diff(decode(batch, policy), pendings, policy, 1_000_000)
            letters |= {(letter.partition, letter.offset) for letter in diffed.dead_letters}
            details += [f"{letter.offset}: {letter.detail}" for letter in diffed.dead_letters]
            for deliveries in fan_out(diffed.transitions, entitle(diffed.transitions, policy), policy):
                topic = received[deliveries.grant]
                places = zip(deliveries.keys, deliveries.partitions, deliveries.starts, deliveries.starts[1:], strict=False)
                topic += [Received(partition, 0, key, deliveries.content[start:end]) for key, partition, start, end in places]
        for pending in pendings.values():
            outcomes.update({outcome.value: count for outcome, count in pending.tally.outcomes.items()})
            pending.partition.store.close()
    return received, outcomes, letters, details


def _markers(policy: TypePolicy, grant: int) -> list[Received]:
    view = policy.grants[grant]
    return [
        Received(number % view.partitions, 0, None, make_marker(view, phase, number, 0, 1))
        for number in range(policy.manifest.partitions)
        for phase in (COPY_BEGIN, COPY_END)
    ]


def _messages(batch: Batch) -> list[OwnerMessage]:
    places = zip(batch.partitions.tolist(), batch.offsets.tolist(), batch.keys, batch.values, batch.timestamps_ms.tolist(), strict=True)
    return [OwnerMessage(*place) for place in places]


def _topic(world: World, grant: Terms, index: int) -> GrantTopic:
    schema = world.view_schema(grant.name)
    schema |= {"gongyu.purpose": {}, "gongyu.legalBasis": {}}
    return GrantTopic(
        terms=grant,
        topic=grant.name,
        partitions=PARTITIONS,
        input_partitions=world.information_type.partitions,
        key_schema_id=KEY_ID,
        key_schema=record_key_schema(world.information_type, world.treatments(grant.name)),
        view_schemas={FIRST_VIEW_ID + index: schema},
    )
