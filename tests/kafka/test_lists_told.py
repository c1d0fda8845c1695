"""The control plane tells Kafka its subject lists: nothing late lands behind them, one control plane alone tells, no heart without."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import httpx2
import pytest
from confluent_kafka import KafkaException, Producer
from confluent_kafka.admin import AlterConfigOpType, ConfigEntry, ConfigResource, ResourceType

from gongyu_hub.policy.records import Heartbeat
from gongyu_hub.registry import layout
from gongyu_hub.registry.claim import Claim, Replaced
from gongyu_hub.registry.kafka_admin import KafkaAdmin
from gongyu_schemas.names import CONTROL_TRANSACTIONAL_ID
from gongyu_schemas.subject_lists import ADDED, split_entry_key
from gongyu_schemas.transport.clients import client_config, make_admin
from gongyu_schemas.transport.profile import Profile
from gongyu_schemas.transport.transactional import TransactionalProducer, TransactionLost
from tests.hub.commands import SERVE, Running
from tests.hub.registry.policies import write_policy, write_type
from tests.kafka.hub_on_kafka import HubFiles, empty_hub, heartbeats
from tests.running import read_all
from tests.waiting import wait_until

pytestmark = pytest.mark.kafka
TOPIC, PARTITIONS = "hub.subjects.dog", 2


@pytest.fixture
def hub(tmp_path: Path, admin: Profile) -> HubFiles:
    files = empty_hub(tmp_path, admin)
    write_type(files.types, "dog", "kennel", partitions=PARTITIONS)
    write_policy(files.policy, subscribers=("vet",))
    return files


@dataclass(frozen=True, slots=True)
class Lists:
    """One control plane over HTTP."""

    url: str
    admin: Profile

    def change(self, action: str, subjects: Sequence[str]) -> None:
        body = b"".join(json.dumps({"line": n, "values": [each]}).encode() + b"\n" for n, each in enumerate(subjects, 1))
        assert self._ask("POST", f"/subject-lists/dog/vet/patients/{action}", content=body).status_code == 200

    def untold(self) -> int:
        return int(self._ask("GET", "/subject-lists/dog/vet/patients").json()["untold"])

    def told(self) -> None:
        wait_until(lambda: self.untold() == 0, 30, "all changes told")

    def reasons(self) -> dict[str, str]:
        found: dict[str, str] = self._ask("GET", "/health/ready").json()["reasons"]
        return found

    def _ask(self, method: str, path: str, **more: Any) -> httpx2.Response:
        return httpx2.request(method, self.url + path, auth=("admin", self.admin.password.get_secret_value()), trust_env=False, **more)


def entries(admin: Profile) -> list[tuple[str, bytes | None]]:
    """(subject, value) of every committed message on the topic of lists."""
    messages = read_all(admin, TOPIC, PARTITIONS)
    return [(split_entry_key(message.key() or b"")[1][6:].decode(), message.value()) for message in messages]


def set_message_bytes(admin: Profile, most: int) -> None:
    """With 85, an entry is too large for the topic of lists and the mark of a transaction's end is not."""
    change = ConfigEntry("max.message.bytes", str(most), incremental_operation=AlterConfigOpType.SET)
    client = make_admin(admin)
    for done in client.incremental_alter_configs([ConfigResource(ResourceType.TOPIC, TOPIC, incremental_configs=[change])]).values():
        done.result(10)


@pytest.mark.timeout(120)
def test_what_a_killed_control_plane_had_on_its_way_never_lands_behind_the_next_one(hub: HubFiles, admin: Profile) -> None:
    with hub.serve() as (control, url):
        Lists(url, admin).change("put", ["rex", "ben"])
        Lists(url, admin).told()
        control.stop()
    message = read_all(admin, TOPIC, PARTITIONS)[0]
    late = Producer(client_config(admin, **{"transactional.id": CONTROL_TRANSACTIONAL_ID}))
    late.init_transactions(10)
    late.begin_transaction()
    late.produce(TOPIC, None, message.key(), message.partition() or 0)
    assert late.flush(10) == 0, "it lies on the broker, uncommitted"
    with hub.serve() as (control, _):
        with pytest.raises(KafkaException):
            late.commit_transaction(10)
        assert sorted(entries(admin)) == [("ben", ADDED), ("rex", ADDED)]
        control.stop()
    client, topic = make_admin(admin), ConfigResource(ResourceType.TOPIC, TOPIC)
    found = client.describe_configs([topic])[topic].result(10)
    kept = {name: found[name].value for name in ("cleanup.policy", "min.compaction.lag.ms", "max.compaction.lag.ms", "delete.retention.ms")}
    assert list(kept.values()) == ["compact", "1209600000", "1209600000", "604800000"]


@pytest.mark.timeout(120)
def test_a_control_plane_that_was_replaced_tells_nothing_more_and_says_so(hub: HubFiles, admin: Profile, free_port: int) -> None:
    with hub.serve() as (control, _):
        control.stop()
    copied = HubFiles(hub.directory.parent / "copied" / "hub", hub.types, hub.policy)
    shutil.copytree(hub.directory, copied.directory)
    with hub.serve() as (_, old_url), copied.serve("--listen", f"127.0.0.1:{free_port}") as (_, new_url):
        old, new = Lists(old_url, admin), Lists(new_url, admin)
        wait_until(lambda: "another control plane" in old.reasons().get("subject lists", ""), 30, "the old one says that it was replaced")
        old.change("put", ["old"])
        for name in ("rex", "ben", "pia"):
            new.change("add", [name])
            new.told()
        wait_until(lambda: "another control plane" in old.reasons().get("heartbeat", ""), 10, "the old one's heart stands still")
        assert httpx2.get(f"{old_url}/health/live").status_code == 200, "one that ended would be started again, and take over"
        assert old.untold() == 1 and new.reasons() == {}
    assert sorted(entries(admin)) == [("ben", ADDED), ("pia", ADDED), ("rex", ADDED)]


@pytest.mark.timeout(180)
def test_the_heart_stands_still_while_removals_cannot_be_told_and_begins_behind_them(hub: HubFiles, admin: Profile) -> None:
    def beat_at_ms() -> list[int]:
        return [Heartbeat.model_validate_json(each).at_ms for each in heartbeats(admin)]

    def beats() -> None:
        before = len(beat_at_ms())
        wait_until(lambda: len(beat_at_ms()) > before + 1, 60, "heartbeats")

    with hub.serve() as (control, url):
        lists = Lists(url, admin)
        lists.change("put", ["rex", "ben"])
        lists.told()
        set_message_bytes(admin, 85)
        lists.change("add", ["pia"])
        wait_until(lambda: "subject lists" in lists.reasons(), 60, "an entry that cannot be told")
        beats()
        assert "heartbeat" not in lists.reasons(), "nobody receives too much where only additions wait"
        lists.change("remove", ["rex"])
        wait_until(lambda: "removals from subject lists" in lists.reasons().get("heartbeat", ""), 60, "the heart stands still")
        stopped_ms = time.time() * 1000
        control.process.kill()
    with Running(SERVE, *hub.arguments(), log=hub.log) as control:
        wait_until(lambda: "before the start" in reasons_if_up(lists).get("heartbeat", ""), 60, "a new control plane without a heart")
        wait_until(lambda: "subject lists" in lists.reasons(), 60, "it cannot tell either")
        assert lists.reasons()["start"] == "telling Kafka what changed in subject lists"
        began_ms = time.time() * 1000
        set_message_bytes(admin, 1_000_000)
        control.line("control plane: ready at ")
        assert ("rex", None) in entries(admin), "ready is who has told all"
        beats()
        assert lists.reasons() == {}
        assert began_ms - stopped_ms > 2000 and [each for each in beat_at_ms() if stopped_ms < each < began_ms] == []
        control.stop()


def reasons_if_up(lists: Lists) -> dict[str, str]:
    try:
        return lists.reasons()
    except httpx2.HTTPError:
        return {}


@pytest.fixture
def connect(admin: Profile, unique: Callable[[str], str]) -> Iterator[Callable[[], tuple[Claim, TransactionalProducer]]]:
    """Control planes of this test alone, by their transactional id."""
    KafkaAdmin(admin).make_topics(layout.hub_topics())
    opened: list[Any] = []
    transactional_id = unique("control")

    def one() -> tuple[Claim, TransactionalProducer]:
        made = Claim(admin), TransactionalProducer(admin, transactional_id, fenced_is_final=False)
        opened.extend(made)
        return made

    yield one
    for each in opened:
        each.close()


@pytest.mark.timeout(120)
def test_of_two_control_planes_that_cut_each_other_off_the_later_one_stays(
    connect: Callable[[], tuple[Claim, TransactionalProducer]],
) -> None:
    def tell(producer: TransactionalProducer, value: bytes) -> None:
        producer.begin()
        producer.produce("hub.dead-letter", value, b"k", 0)
        producer.commit()

    first, first_producer = connect()
    first.make(first_producer)
    first.confirm()
    second, second_producer = connect()
    with pytest.raises(TransactionLost):
        tell(first_producer, b"late")  # and the first opens the id anew, before the second has claimed anything
    first.confirm()
    with pytest.raises(TransactionLost):
        second.make(second_producer)
    assert not second.made
    second.make(second_producer)
    with pytest.raises(TransactionLost):
        tell(first_producer, b"late")  # it has opened the id anew, behind the second's claim
    with pytest.raises(Replaced, match="another control plane was started"):
        first.confirm()
    with pytest.raises(TransactionLost):
        tell(second_producer, b"cut off by the first")
    second.confirm()
    tell(second_producer, b"the second goes on")
    wait_until(partial(_is_replaced, first), 10, "the first knows without a loss, too")
    second.look()


def _is_replaced(claim: Claim) -> bool:
    try:
        claim.look()
    except Replaced:
        return True
    return False
