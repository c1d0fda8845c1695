"""The self-check: holds every grant topic against the independent reference, record by record.

Enters a hub's folder, its policy file and its information types; reads the owner topics, the subject lists, the grant topics, the
dead letters and where the hub recorded that grants ended, whole and committed messages only; leaves a `CheckResult` and, as a command,
its lines and exit code 1 unless every count is zero. Changes nothing: it may run beside a
working hub, once the hub has caught up with its owners.

    python -m gongyu_hub.demo.check --dir DIR --policy FILE
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated

import typer
from confluent_kafka import Message
from confluent_kafka.schema_registry import SchemaRegistryClient

from gongyu_hub.demo.compare import Compared, Defect, Findings, GrantTopic, Received, compare
from gongyu_hub.demo.ends import read_ended, read_ends
from gongyu_hub.demo.interleave import interleave
from gongyu_hub.demo.policy_text import published_terms, read_policy
from gongyu_hub.demo.reading import Input, ListMessage, OwnerMessage, Published
from gongyu_hub.demo.reference import Delivery, Outcome, Reference, Tally, Terms
from gongyu_hub.demo.registered import describe, read_published
from gongyu_hub.demo.topics import Topics, wait_until
from gongyu_hub.demo.treatments import read_key
from gongyu_schemas.errors import FatalError, reported
from gongyu_schemas.information_type import InformationType, load_types, shipped_types
from gongyu_schemas.names import (
    ADMIN_USER,
    ADOPTIONS_TOPIC,
    DEAD_LETTER_TOPIC,
    HUB_USER,
    POLICY_TOPIC,
    grant_topic,
    owner_topic,
    subjects_topic,
)
from gongyu_schemas.transport.clients import make_registry
from gongyu_schemas.transport.profile import read_profile

_GRANT_TOPICS = "grant."


@dataclass(frozen=True, slots=True)
class GrantResult:
    """One grant: what the reference says of it and what is wrong with its topic."""

    terms: Terms
    tally: Tally
    received: int
    compared: Compared


@dataclass(slots=True)
class CheckResult:
    """Everything that was compared; `references` by information type, for their views."""

    grants: list[GrantResult] = field(default_factory=list)
    references: dict[str, Reference] = field(default_factory=dict)
    findings: Findings = field(default_factory=Findings)

    @property
    def inputs(self) -> int:
        """The number of owner messages."""
        return sum(sum(reference.outcomes.values()) for reference in self.references.values())

    @property
    def list_inputs(self) -> int:
        """The number of messages of subject lists."""
        return sum(sum(reference.list_outcomes.values()) for reference in self.references.values())

    def outcomes(self) -> dict[Outcome, int]:
        """The number of owner messages by outcome."""
        return {outcome: sum(reference.outcomes[outcome] for reference in self.references.values()) for outcome in Outcome}


def check_hub(
    folder: Path,
    policy: Path,
    type_folders: Sequence[Path] = (),
    timeout_s: float = 60.0,
    only: str | None = None,
    pseudonym_key: Path | None = None,
) -> CheckResult:
    """Compare all that the hub in this folder has delivered, or what it has of `only` one type. Raises ConfigError, KafkaUnavailable."""
    types, key = load_types(shipped_types(), *type_folders), read_key(pseudonym_key or folder / "secrets" / "pseudonym.key")
    grants = read_policy(policy, types, key)
    hub, admin = (read_profile(folder / "profiles" / f"{user}.yaml") for user in (HUB_USER, ADMIN_USER))
    with make_registry(hub) as registry, closing(Topics(admin)) as topics:
        ended = read_ended(topics.read({POLICY_TOPIC: 1})[POLICY_TOPIC])
        named = {(grant.subscriber, grant.name) for grant in grants}
        grants += tuple(published_terms(each.version, types, key) for name, each in ended.items() if name not in named)
        return _check(topics, registry, grants, timeout_s, only)


def _check(topics: Topics, registry: SchemaRegistryClient, grants: Sequence[Terms], timeout_s: float, only: str | None) -> CheckResult:
    """First the owner topics and subject lists; then, when the hub has caught up with what was read there, what it has written."""
    result, partitions = CheckResult(), topics.partitions()
    of_topics: dict[str, list[Terms]] = {}
    for grant in grants:
        if only in (None, grant.information_type.name):
            of_topics.setdefault(_owner_topic(grant.information_type), []).append(grant)
    lists_of = {topic: subjects_topic(of_type[0].information_type.name) for topic, of_type in of_topics.items()}
    wanted = {*of_topics, *(topic for topic in lists_of.values() if topic in partitions)}
    inputs = topics.read({topic: partitions.get(topic, 0) for topic in wanted})
    changes = {topic: [_owner_message(each) for each in inputs[topic]] for topic in of_topics}
    lists = {topic: [_list_message(each) for each in inputs.get(of_lists, ())] for topic, of_lists in lists_of.items()}
    for topic in of_topics:
        _wait_for_hub(result.findings, topics, topic, partitions.get(topic, 0), changes[topic], timeout_s)
        _wait_for_hub(result.findings, topics, lists_of[topic], partitions.get(lists_of[topic], 0), lists[topic], timeout_s)
    recorded = topics.read({POLICY_TOPIC: 1, ADOPTIONS_TOPIC: 1})
    ends = read_ends(read_ended(recorded[POLICY_TOPIC]), recorded[ADOPTIONS_TOPIC])
    known = {_topic(grant) for grant in grants}
    strangers = {topic for topic in partitions if topic.startswith(_GRANT_TOPICS) and topic not in known}
    grants_wanted = {_topic(grant) for of_topic in of_topics.values() for grant in of_topic} | strangers | {DEAD_LETTER_TOPIC}
    outputs = topics.read({topic: partitions.get(topic, 0) for topic in grants_wanted})
    rejected: set[tuple[str, int, int]] = set()
    for topic, of_type in of_topics.items():
        published = read_published(registry, of_type[0].information_type)
        until = [replace(each, ends=ends.get((each.subscriber, each.name), {})) for each in of_type]
        grant_topics = [describe(registry, each, partitions) for each in until]
        received = [[_received(each) for each in outputs.get(described.topic, ())] for described in grant_topics]
        in_order = interleave(published, grant_topics, changes[topic], lists[topic], received)
        rejected |= _check_type(result, published, grant_topics, in_order, received)
    for topic in sorted(strangers):
        for message in outputs[topic]:
            result.findings.add(Defect.EXTRA, f"{topic} [{message.partition()}] at {message.offset()}: the policy has no such grant")
    _check_dead_letters(result.findings, rejected, set(inputs), outputs[DEAD_LETTER_TOPIC])
    for of_grant in result.grants:
        result.findings.include(of_grant.compared.findings)
    return result


def _check_type(
    result: CheckResult,
    published: Published,
    grant_topics: Sequence[GrantTopic],
    messages: Iterable[Input],
    received: Sequence[Sequence[Received]],
) -> set[tuple[str, int, int]]:
    """Compare the grants of one type; the positions of the messages that must be dead letters are left. `received`: by grant."""
    of_lists = subjects_topic(published.information_type.name)
    reference = Reference(published, [each.terms for each in grant_topics])
    expected: list[list[Delivery]] = [[] for _ in grant_topics]
    rejected = set()
    for decided in reference.process(messages):
        for index, delivery in decided.deliveries:
            expected[index].append(delivery)
        if decided.outcome is Outcome.REJECTED:
            topic = of_lists if isinstance(decided.message, ListMessage) else _owner_topic(published.information_type)
            rejected.add((topic, decided.message.partition, decided.message.offset))
    result.references[published.information_type.name] = reference
    for described, tally, deliveries, of_grant in zip(grant_topics, reference.tallies, expected, received, strict=True):
        result.grants.append(GrantResult(described.terms, tally, len(of_grant), compare(described, deliveries, of_grant)))
    return rejected


def _owner_topic(information_type: InformationType) -> str:
    return owner_topic(information_type.owner, information_type.name)


def _topic(grant: Terms) -> str:
    return grant_topic(grant.subscriber, grant.name)


def _wait_for_hub(findings: Findings, topics: Topics, topic: str, partitions: int, messages: Iterable[Input], timeout_s: float) -> None:
    """The hub commits the offset behind each message that it settled, so it has caught up at the last one."""
    ends: dict[int, int] = {}
    for message in messages:
        ends[message.partition] = message.offset + 1
    if not ends:
        return

    def caught_up() -> bool:
        committed = topics.committed(topic, partitions)
        return all(committed.get(partition, 0) >= end for partition, end in ends.items())

    if not wait_until(caught_up, timeout_s):
        committed = topics.committed(topic, partitions)
        behind = sum(1 for message in messages if message.offset >= committed.get(message.partition, 0))
        findings.add(Defect.UNPROCESSED, f"{topic}: the hub has committed {committed}, the topic ends at {ends}", behind)


def _check_dead_letters(
    findings: Findings, rejected: set[tuple[str, int, int]], owner_topics: set[str], letters: Iterable[Message]
) -> None:
    seen: set[tuple[str, int, int]] = set()
    for letter in letters:
        origin = _origin(letter)
        if origin[0] not in owner_topics:
            continue
        if origin not in rejected or origin in seen:
            findings.add(Defect.WRONG_DEAD_LETTER, f"dead letter for input {origin}, which is not rejected or already has one")
        seen.add(origin)
    for position in rejected - seen:
        findings.add(Defect.WRONG_DEAD_LETTER, f"no dead letter for input {position}")


def _origin(letter: Message) -> tuple[str, int, int]:
    given = letter.headers() or ()
    pairs = given.items() if isinstance(given, dict) else given
    headers = {name: value.decode() if isinstance(value, bytes) else str(value) for name, value in pairs}
    return headers["gongyu.topic"], int(headers["gongyu.partition"]), int(headers["gongyu.offset"])


def _owner_message(message: Message) -> OwnerMessage:
    partition, offset, (_, timestamp_ms) = _number(message.partition()), _number(message.offset()), message.timestamp()
    return OwnerMessage(partition, offset, _bytes(message.key()), _bytes(message.value()), timestamp_ms)


def _list_message(message: Message) -> ListMessage:
    change = _owner_message(message)
    return ListMessage(change.partition, change.offset, change.key, change.value, change.timestamp_ms)


def _received(message: Message) -> Received:
    return Received(_number(message.partition()), _number(message.offset()), _bytes(message.key()), _bytes(message.value()))


def _number(value: int | None) -> int:
    return -1 if value is None else value


def _bytes(value: str | bytes | None) -> bytes | None:
    return value.encode() if isinstance(value, str) else value


def print_result(result: CheckResult) -> None:
    """A line per grant, a line per defect, then the examples."""
    outcomes = ", ".join(f"{count} {outcome.value}" for outcome, count in result.outcomes().items())
    print(f"inputs: {result.inputs} = {outcomes}")
    for grant in result.grants:
        ops = " ".join(f"{op}={count}" for op, count in grant.tally.delivered.items())
        name = f"{grant.terms.subscriber}/{grant.terms.name}"
        print(f"grant {name}: expected {ops}, withheld {grant.tally.withheld}, unchanged {grant.tally.unchanged}; read {grant.received}")
    for defect, count in result.findings.counts.items():
        print(f"{defect.value}: {count}")
    for example in result.findings.examples:
        print(f"  {example}")


def main(
    folder: Annotated[Path, typer.Option("--dir", help="Folder of the hub.")],
    policy: Annotated[Path, typer.Option(help="Its policy file.")],
    types: Annotated[list[Path] | None, typer.Option(help="Further folders of information types.")] = None,
    only: Annotated[str | None, typer.Option(help="Only this information type.")] = None,
    pseudonym_key: Annotated[Path | None, typer.Option(help="Its pseudonym key; default: secrets/pseudonym.key in its folder.")] = None,
    timeout_s: Annotated[float, typer.Option("--timeout", help="Seconds to wait until the hub has caught up.")] = 60.0,
) -> None:
    """Compare every message of every grant topic with an independent reference; exit 1 unless all is right.

    Example: python -m gongyu_hub.demo.check --dir ./hub --policy policy.yaml
    """
    with reported():
        result = check_hub(folder, policy, types or (), timeout_s, only, pseudonym_key)
    print_result(result)
    if not result.findings.clean:
        raise SystemExit(FatalError.exit_code)


if __name__ == "__main__":
    typer.run(main)
