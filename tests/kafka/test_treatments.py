"""Treated fields on real Kafka: what two banks receive of one register under pseudonyms, masks and coarser dates."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka.schema_registry.avro import AvroDeserializer
from confluent_kafka.serialization import MessageField, SerializationContext

from gongyu_hub.demo.tables import compare_table, read_positions
from gongyu_schemas import exit_codes
from gongyu_schemas.names import grant_topic, subscriber_user
from gongyu_schemas.transport.clients import make_registry
from tests.hub.demo.spellings import spellings
from tests.running import Process, Published, Row, RunningHub
from tests.waiting import wait_until

pytestmark = pytest.mark.kafka

PARTITIONS = 4
FIELDS = ["id", "name", "phone", "born", "region"]
TREATMENTS = {
    "id": {"pseudonymise": {"key_version": 1}},
    "name": {"mask": {"keep_first": 1}},
    "phone": {"mask": {"keep_last": 4}},
    "born": {"generalise": {"to": "month"}},
    "region": {"null": True},
}
GRANT = {"fields": FIELDS, "rows": "region LIKE '11%'", "treatments": TREATMENTS}
ANNA = {"id": "900101-1234567", "name": "안나 카나리아", "phone": "010-5550-1001", "born": date(1990, 1, 17), "region": "1111010100"}
BORA = {"id": "880202-7654321", "name": "보라 카나리아", "phone": None, "born": date(1988, 2, 2), "region": "1121510900"}


def story(of: Published) -> list[str]:
    """Sends a register's changes; the op that a bank gets for each, - for none."""
    told: list[str] = []

    def send(op: str, before: Row | None, after: Row | None, delivered: str) -> None:
        of.send(op, before, after)
        told.append(delivered)

    send("c", None, ANNA, "c")
    send("c", None, BORA, "c")
    moved = {**ANNA, "phone": "010-9999-1001"}
    send("u", ANNA, moved, "-")  # the digits that moved are masked
    other = {**moved, "phone": "010-9999-2002", "born": date(1990, 1, 31)}
    send("u", moved, other, "u")
    send("u", other, {**other, "born": date(1990, 1, 1)}, "-")  # the same month
    later = {**other, "born": date(1990, 2, 1)}
    send("u", {**other, "born": date(1990, 1, 1)}, later, "u")
    send("u", later, {**later, "region": "1199999999"}, "-")  # the rows see it, nobody else
    send("u", {**later, "region": "1199999999"}, {**later, "region": "26"}, "d")
    send("u", {**later, "region": "26"}, later, "c")
    send("d", BORA, None, "d")
    of.settled()
    return told


def add_type(hub: RunningHub, name: str) -> tuple[Published, str]:
    """The type with this grant for two banks; the second one's name."""
    other = f"o-{name}"
    basis = {"statute": "Test Act", "article": "1", "valid_from": "2020-01-01", "valid_to": None}
    content = {"purpose": {"code": "test", "text": "A test"}, "legal_basis": basis, "subscriber": other, "grant": "again", **GRANT}
    hub.policy_content["subscribers"][other] = {"title": {"ko": other, "en": other}}
    hub.policy_content["grants"].append({"information_type": name, **content})
    return hub.add_type("customer", name, {"customers": GRANT}), other


def received(of: Published, subscriber: str, grant: str) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """(key, value) of every delivery but markers, in the order of the owner's messages, read with the bank's own credentials."""
    topic, profile = grant_topic(subscriber, grant), of.hub.profile(subscriber_user(subscriber))
    with make_registry(profile) as registry:
        read = AvroDeserializer(registry)
        found: list[tuple[Any, Any]] = []
        for message in of.read(topic, PARTITIONS):
            if message.key() is not None:
                key = read(message.key(), SerializationContext(topic, MessageField.KEY))
                found.append((key, read(message.value(), SerializationContext(topic, MessageField.VALUE))))
    return sorted(found, key=lambda each: (each[1]["source"]["partition"], each[1]["source"]["offset"]))


@pytest.mark.timeout(240)
def test_each_bank_receives_what_changed_as_it_sees_it_and_under_names_of_its_own(
    hub: RunningHub, unique: Callable[[str], str], tmp_path: Path
) -> None:
    of, other = add_type(hub, unique("customer"))
    with hub.working() as worker:
        told = story(of)
        table = receive(of, tmp_path)
        result = of.check()
        said = worker.text()
    ours, theirs = received(of, of.subscriber, "customers"), received(of, other, "again")
    assert [(value["op"], value["after"] or value["before"]) for _, value in ours] != [], "something came"
    assert sorted(value["op"] for _, value in ours) == sorted(op for op in told if op != "-") == sorted(value["op"] for _, value in theirs)
    anna = [(value["op"], value["after"]) for _, value in ours if (value["after"] or value["before"])["name"][0] == "안"]
    assert anna[0] == (
        "c",
        {"id": ours_id(ours, "안"), "name": "안******", "phone": "*********1001", "born": date(1990, 1, 1), "region": None},
    )
    assert [op for op, _ in anna] == ["c", "u", "u", "d", "c"] and anna[1][1]["phone"] == "*********2002"
    for deliveries in (ours, theirs):
        assert all(key == {"id": (value["after"] or value["before"])["id"]} for key, value in deliveries), "the message key is treated too"
    tokens = [{key["id"] for key, _ in deliveries} for deliveries in (ours, theirs)]
    assert len(tokens[0]) == len(tokens[1]) == 2 and not tokens[0] & tokens[1], "two banks cannot link their pseudonyms"
    assert all(token.startswith("p1.") and len(token) == 35 for token in tokens[0] | tokens[1])
    [index] = [number for number, each in enumerate(result.grants) if each.terms.subscriber == of.subscriber]
    reference = result.references[of.type.name]
    assert compare_table(table, result.grants[index].terms, reference.views(index)).clean
    with closing(sqlite3.connect(table)) as database:
        assert database.execute('SELECT phone, born, region FROM "customers"').fetchall() == [("*********2002", "1990-02-01", None)]
    require_nothing_clear(of, other, said)
    print(f"inputs: {result.inputs}, deliveries of each bank: {len(ours)}")


def ours_id(deliveries: list[tuple[dict[str, Any], dict[str, Any]]], initial: str) -> str:
    return next(str(value["after"]["id"]) for _, value in deliveries if value["after"] and value["after"]["name"].startswith(initial))


def receive(of: Published, folder: Path) -> Path:
    """The bank's SQLite table of the grant, when it holds all of the topic."""
    table, profile = folder / "customers.db", of.hub.profile_path(subscriber_user(of.subscriber))
    target = f"sqlite:///{table}"
    done = Process(
        folder / "receive.log", "gongyu-subscriber", "receive", "customers", "--to", target, "--profile", profile, "--exit-at-end"
    )
    wait_until(lambda: done.process.poll() is not None, 60, "the bank's receiver done")
    assert done.stop() == exit_codes.OK, done.text()
    assert read_positions(table)
    return table


def require_nothing_clear(of: Published, other: str, said: str) -> None:
    """No clear value of a treated field in anything that a bank can read, and the key nowhere but in its file."""
    wanted = [
        each for row in (ANNA, BORA) for text in (row["id"], row["name"], row["phone"], row["region"]) if text for each in spellings(text)
    ]
    wanted += spellings("010-9999") + spellings("카나리아")
    seen: list[bytes] = []
    for subscriber, grant in ((of.subscriber, "customers"), (other, "again")):
        topic = grant_topic(subscriber, grant)
        for message in of.read(topic, PARTITIONS):
            seen += [part for part in (message.key(), message.value()) if isinstance(part, bytes)]
        with make_registry(of.hub.profile(subscriber_user(subscriber))) as registry:
            seen += [str(registry.get_latest_version(f"{topic}-{part}").schema.schema_str).encode() for part in ("key", "value")]
    assert [(each, part) for each in wanted for part in seen if each in part] == []
    key = (of.hub.directory / "secrets" / "pseudonym.key").read_text(encoding="ascii").split()[1]
    secret = [key.encode(), bytes.fromhex(key), *spellings(key)[3:]]
    assert of.hub.control is not None
    policy = [part for message in of.read("hub.policy", 1) for part in (message.key(), message.value()) if isinstance(part, bytes)]
    database = [file.read_bytes() for file in of.hub.directory.glob("hub.db*")]
    elsewhere = [*seen, *policy, *database, of.hub.control.text().encode(), said.encode()]
    assert not any(each in part for each in secret for part in elsewhere)


@pytest.mark.timeout(120)
def test_a_worker_without_the_key_or_with_another_decides_nothing(hub: RunningHub, unique: Callable[[str], str], tmp_path: Path) -> None:
    of, _ = add_type(hub, unique("customer"))
    foreign = tmp_path / "other.key"
    foreign.write_text(f"gongyu-pseudonym-key-1 {'00' * 32}\n", encoding="ascii")
    foreign.chmod(0o600)
    for file, words in ((tmp_path / "none.key", "has no key for them: copy"), (foreign, "of another key than this worker has")):
        log = tmp_path / f"{file.name}.log"
        worker = Process(log, "gongyu-hub", "work", "--dir", hub.directory, "--name", unique("w"), "--pseudonym-key", file)
        wait_until(lambda process=worker: process.process.poll() is not None, 60, "the worker gave up")
        assert (worker.stop(), words in worker.text()) == (exit_codes.FATAL, True), worker.text()
    with hub.working():
        of.send("c", None, ANNA)
        of.settled()
        assert [value["op"] for _, value in received(of, of.subscriber, "customers")] == ["c"]
