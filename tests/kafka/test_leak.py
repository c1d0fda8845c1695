"""No leak: what a subscriber was not granted is nowhere in anything that it can see, in no form.

Canaries stand in every ungranted field and record, in rejected messages, in what an owner tells beside its records, and in the
grants of another subscriber. Then everything that the subscriber's credentials open is read byte for byte: topics (raw, aborted
messages too), groups, the registry and the gateway with their errors, metrics, logs, its own commands' output and files.
"""

from __future__ import annotations

import base64
import random
import subprocess
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import httpx2
import pytest
from confluent_kafka import KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import AclBindingFilter, AclOperation, AclPermissionType, ConfigResource, ResourcePatternType, ResourceType

from gongyu_schemas.names import DEAD_LETTER_TOPIC, subscriber_group_prefix, subscriber_user
from gongyu_schemas.transport.clients import make_admin, make_consumer
from gongyu_schemas.transport.profile import Profile
from tests.kafka.canaries import STEM, Canaries, text_forms
from tests.running import BIN, Process, Published, Row, RunningHub
from tests.waiting import wait_until

pytestmark = pytest.mark.kafka

RECORDS = 300
GRANTED_ROWS = "region = '11'"


@dataclass
class Seen:
    """Everything that was looked at, by where it came from."""

    canaries: Canaries
    answers: Counter[str] = field(default_factory=Counter)
    bytes: Counter[str] = field(default_factory=Counter)
    leaks: list[str] = field(default_factory=list)

    def look(self, where: str, content: bytes | str | None) -> None:
        raw = content.encode() if isinstance(content, str) else content or b""
        kind = where.partition(" ")[0]
        self.answers[kind] += 1
        self.bytes[kind] += len(raw)
        self.leaks += [f"{where}: {found}" for found in self.canaries.find(raw)]


def other_subscribers_grant(hub: RunningHub, canaries: Canaries, of: str, name: str) -> str:
    """A grant of another subscriber on the same type, whose every text is a canary."""
    subscriber = f"s2-{name}"
    law = {"statute": canaries.text("statute"), "article": canaries.text("article"), "valid_from": "2020-01-01", "valid_to": None}
    purpose = {"code": canaries.text("purpose"), "text": canaries.text("purpose-text")}
    hub.policy_content["subscribers"][subscriber] = {"title": {"ko": canaries.text("title"), "en": canaries.text("title")}}
    rows = f"region = '26' OR name = '{canaries.text('row-text')}'"
    grant = {"subscriber": subscriber, "grant": "theirs", "information_type": of, "fields": ["id", "name", "income", "score", "fee"]}
    hub.policy_content["grants"].append({**grant, "rows": rows, "purpose": purpose, "legal_basis": law})
    return subscriber


def publish(of: Published, canaries: Canaries) -> None:
    """Records inside and outside the grant, changes between both, deletes, and every kind of bad message."""
    chance = random.Random(3)

    def row(number: int, region: str | None) -> Row:
        ident = f"p{number:05d}" if number % 2 == 0 else canaries.text("record")
        secret = {"name": canaries.text("field"), "income": canaries.whole(), "score": canaries.real(), "fee": canaries.decimal()}
        return {"id": ident, "region": region, **secret}

    # Records with an even number are within the grant at times, the others never.
    rows = [row(number, "11" if number % 2 == 0 else chance.choice(["26", None])) for number in range(RECORDS)]
    for each in rows:
        of.send("c", None, each)
    for each in chance.sample(rows, RECORDS // 2):
        fresh = {**row(0, each["region"]), "id": each["id"]}
        lied = {**each, "name": canaries.text("before")}
        of.send("u", lied, fresh)
        if each["region"] == "11":
            of.send("u", None, {**fresh, "region": "26", "name": canaries.text("left")})
            if chance.random() < 0.5:
                of.send("u", None, {**fresh, "name": canaries.text("came-back")})
        if chance.random() < 0.2:
            of.send("d", {**fresh, "name": canaries.text("deleted")}, None)
    granted, key, value = rows[0], of.key(rows[0]), of.value("u", None, rows[0])
    poison = canaries.text("poison").encode()
    for bad_key, bad_value in (
        (key, poison),
        (key, b"\x00\x7f\xff\xff\xff" + poison),
        (key, value[:5] + poison),
        (key, value[:-1]),
        (key, value + poison),
        (poison, value),
        (None, of.value("u", None, {**granted, "name": canaries.text("no-key")})),
        (of.key(rows[2]), of.value("u", None, {**granted, "name": canaries.text("foreign-key")})),
        (key, of.value("t", None, None)),
        (key, of.value("u", None, {**granted, "name": canaries.text("huge") * 60_000})),
    ):
        of.send_raw(bad_key, bad_value)
    of.flush()


def read_everything(profile: Profile, topic: str, partitions: int, seen: Seen) -> int:
    """Raw keys, values and headers, also of transactions that were aborted; the number of messages, -1 where it may not be read."""
    group = subscriber_group_prefix(profile.user.partition(".")[2]) + "leak"
    settings = {"group.id": group, "isolation.level": "read_uncommitted", "enable.partition.eof": True, "enable.auto.commit": False}
    consumer = make_consumer(profile, **settings)
    hidden = consumer.list_topics(topic, 10).topics[topic].error
    if hidden is not None:  # an assigned topic that may not even be described is waited for without end
        consumer.close()
        seen.look(f"kafka-error {topic}", str(hidden))
        assert hidden.code() == KafkaError.TOPIC_AUTHORIZATION_FAILED
        return -1
    consumer.assign([TopicPartition(topic, number, 0) for number in range(partitions)])
    count, refused = 0, False
    open_ = set(range(partitions))

    def turn() -> bool:
        nonlocal count, refused
        for message in consumer.consume(1000, 0.2):
            error = message.error()
            if error is None:
                count += 1
                for part in (message.key(), message.value()):
                    seen.look(f"topic {topic}", part)
                for name, content in message.headers() or ():
                    seen.look(f"header {topic} {name}", f"{name}={content!r}")
            elif error.code() == KafkaError._PARTITION_EOF:
                open_.discard(message.partition() or 0)
            else:
                seen.look(f"kafka-error {topic}", str(error))
                refused = True
        return refused or not open_

    try:
        wait_until(turn, 60, f"all of {topic}")
        return -1 if refused else count
    finally:
        consumer.close()


def search_kafka(profile: Profile, every_topic: dict[str, int], seen: Seen) -> dict[str, int]:
    """Reads every topic that there is; what the user sees of the cluster. Returns messages of each topic that can be read."""
    admin = make_admin(profile)
    seen.look("metadata topics", repr(sorted(admin.list_topics(timeout=10).topics)))
    seen.look("metadata groups", repr([each.group_id for each in admin.list_consumer_groups(request_timeout=10).result(10).valid]))
    acls = AclBindingFilter(ResourceType.ANY, None, ResourcePatternType.ANY, None, None, AclOperation.ANY, AclPermissionType.ANY)
    try:
        seen.look("metadata acls", repr(admin.describe_acls(acls, request_timeout=10).result(10)))
    except KafkaException as error:
        seen.look("kafka-error acls", str(error))
    for resource, future in admin.describe_configs([ConfigResource(ResourceType.TOPIC, name) for name in every_topic]).items():
        try:
            seen.look("metadata configs", repr({name: entry.value for name, entry in future.result(10).items()}))
        except KafkaException as error:
            seen.look(f"kafka-error {resource}", str(error))
    found = {name: read_everything(profile, name, partitions, seen) for name, partitions in every_topic.items()}
    return {name: count for name, count in found.items() if count >= 0}


def search_gateway(profile: Profile, subjects: list[str], types: list[str], seen: Seen) -> Counter[int]:
    """Every route, for every object that exists and for some that do not, with the subscriber's log-in and without."""
    login = (profile.user, profile.password.get_secret_value())
    paths = ["/", "/subjects", "/subjects?subjectPrefix=:*:", "/config", "/mode", "/contexts", "/schemas/types", "/schemas", "/types"]
    paths += ["/health/live", "/health/ready", "/docs", "/openapi.json", "/nowhere", "/metrics", "/grants", "/policy", "/../hub.db"]
    paths += [f"/types/{name}" for name in (*types, "absent")]
    for subject in (*subjects, "absent-value"):
        paths += [f"/subjects/{subject}/versions", f"/config/{subject}", f"/compatibility/subjects/{subject}/versions/latest"]
        paths += [
            f"/subjects/{subject}/versions/{version}{more}" for version in ("1", "latest", "9") for more in ("", "/schema", "/referencedby")
        ]
    for number in range(1, 2 * len(subjects) + 5):
        paths += [f"/schemas/ids/{number}{more}" for more in ("", "/schema", "/versions", "/subjects")]
    statuses: Counter[int] = Counter()
    with httpx2.Client(base_url=str(profile.registry), timeout=10) as client:
        asked = [("GET", path, login) for path in paths] + [("GET", path, None) for path in paths[:40]]
        asked += [(method, path, login) for method in ("POST", "PUT", "DELETE", "OPTIONS") for path in paths[:60:3]]
        asked += [("POST", f"/subjects/{subject}/versions", login) for subject in subjects]
        for method, path, auth in asked:
            content = b'{"schema": "{"}' if method in {"POST", "PUT"} else None
            answer = client.request(method, path, auth=auth, content=content)
            statuses[answer.status_code] += 1
            seen.look(f"gateway {method} {path}", answer.content)
            seen.look(f"gateway-headers {method} {path}", repr(answer.headers.raw))
    return statuses


def search_commands(hub: RunningHub, user: str, grant: str, folder: Path, seen: Seen) -> None:
    """Its own programs: what they print and the files that they make."""
    profile = hub.profile_path(user)
    to = [f"sqlite:///{folder / 'x.db'}", f"jsonl:{folder / 'x.jsonl'}", "-"]
    lines: list[list[str | Path]] = [["receive", grant, "--to", each, "--exit-at-end", "--json", "--profile", profile] for each in to]
    lines += [["grants", "--profile", profile], ["grants", "--json", "--profile", profile], ["sample", grant, "--profile", profile]]
    lines += [["receive", "theirs", "--to", "-", "--exit-at-end", "--profile", profile], ["sample", "theirs", "--profile", profile]]
    for line in lines:
        done = subprocess.run([BIN / "gongyu-subscriber", *line], capture_output=True, timeout=120, check=False)
        seen.look(f"command {line[0]}", done.stdout + done.stderr)
    for file in folder.iterdir():
        seen.look(f"file {file.name}", file.read_bytes())


def raw_copy(hub: RunningHub, worker: Process, seen: Seen) -> None:
    """Metrics and logs: a subscriber should not get at them, and if it does there is nothing in them."""
    address = worker.ready("metrics at").rpartition(" ")[2]
    seen.look("metrics worker", httpx2.get(address, timeout=10).content)
    assert hub.control is not None
    for log in (hub.control.log, worker.log):
        seen.look(f"log {log.name}", log.read_bytes())


HUB_TOPICS = ("hub.", "owner.", "grant.", "notice.")


def topics_of(hub: RunningHub) -> dict[str, int]:
    listed = make_admin(hub.profile("admin")).list_topics(timeout=10).topics
    # Of the hub: other modules' tests have topics of their own on this Kafka, some with transactions left open on purpose.
    return {name: len(topic.partitions) for name, topic in listed.items() if name.startswith(HUB_TOPICS)}


def subjects_of(hub: RunningHub) -> list[str]:
    admin = hub.profile("admin")
    login = (admin.user, admin.password.get_secret_value())
    return list(httpx2.get(f"{hub.profile('hub').registry}/subjects", auth=login, timeout=10).json())


@pytest.mark.timeout(300)
def test_nothing_that_was_not_granted_is_in_anything_that_a_subscriber_sees(
    hub: RunningHub, unique: Callable[[str], str], tmp_path: Path
) -> None:
    canaries, name = Canaries(), unique("leak")
    other = other_subscribers_grant(hub, canaries, name, name)
    of = hub.add_type("person", name, {"mine": {"fields": ["id", "region"], "rows": GRANTED_ROWS}})
    user, seen = subscriber_user(of.subscriber), Seen(canaries)
    with hub.working() as worker:
        publish(of, canaries)
        of.settled()
        every = topics_of(hub)
        readable = search_kafka(hub.profile(user), every, seen)
        statuses = search_gateway(hub.profile(user), subjects_of(hub), [name], seen)
        raw_copy(hub, worker, seen)
    search_commands(hub, user, "mine", tmp_path, seen)
    assert seen.leaks == []
    assert set(readable) == {f"grant.{of.subscriber}.mine"}, "one topic is the subscriber's, of all that there are"
    assert readable[f"grant.{of.subscriber}.mine"] > RECORDS // 2
    assert statuses[200] >= 20 and statuses[404] >= 50 and statuses[401] >= 20
    total, answers = sum(seen.bytes.values()), sum(seen.answers.values())
    print(f"{canaries.made:,} canaries looked for in {answers:,} answers, {total:,} bytes: {dict(seen.answers)}")
    assert canaries.made > 1_000 and answers > 1_500 and total > 300_000
    assert {"topic", "gateway", "gateway-headers", "metadata", "metrics", "log", "command", "file", "kafka-error"} <= set(seen.answers)
    # The same search finds them where they rightly are: the search can find.
    for topic in (of.topic, f"grant.{other}.theirs", DEAD_LETTER_TOPIC):
        control = Seen(canaries)
        read_everything(hub.profile("admin"), topic, every[topic], control)
        assert control.leaks, topic
        if topic != DEAD_LETTER_TOPIC:
            kinds = {leak.partition(": ")[2].partition(" ")[0] for leak in control.leaks}
            assert {"text", "long", "double", "decimal"} <= kinds, topic


def planted(canaries: Canaries) -> Iterator[bytes]:
    text = canaries.text("planted")
    for ahead in range(6):
        plain = b"." * ahead + text.encode() + b"tail"
        yield plain
        yield base64.b64encode(plain)
        yield base64.urlsafe_b64encode(plain)
        yield base64.b64encode(plain[:ahead] + text.encode("utf-16-le"))
    yield text.encode("utf-16-le")
    yield text.encode("utf-16-be")
    yield text.encode().hex().encode()
    yield text.encode().hex().upper().encode()
    yield canaries.numbers[f"long {canaries.whole()}"]
    yield str(canaries.whole()).encode()
    yield canaries.numbers[f"double {canaries.real()!r}"]
    yield str(canaries.decimal()).encode()


def test_the_search_finds_a_planted_canary_in_every_form() -> None:
    canaries = Canaries()
    for number, content in enumerate(planted(canaries)):
        around = random.Random(number).randbytes(5_000)
        assert canaries.find(around) == []
        assert canaries.find(around[:2_500] + content + around[2_500:]), content
    assert min(len(needle) for needle in text_forms(STEM).values()) > 10
