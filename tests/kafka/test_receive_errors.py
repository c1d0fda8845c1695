"""Receiving: wrong input and a broken world end with a clear text and the documented exit code, in bounded time."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from confluent_kafka.admin import AclBindingFilter
from pydantic import SecretStr

from gongyu_hub.local_kafka import LocalKafka
from gongyu_schemas import exit_codes
from gongyu_schemas.transport.profile import Profile, write_profile
from tests.consumers import receiver
from tests.consumers.fed_grant import Event, FedGrant, fed_grant
from tests.waiting import wait_until

pytestmark = pytest.mark.kafka

COPY = (Event("begin"), Event("r", "1", "Seoul"), Event("end"))


@pytest.fixture
def fed(admin: Profile, tmp_path: Path, unique: Callable[[str], str]) -> Iterator[FedGrant]:
    with fed_grant(admin, tmp_path, unique("bank")) as made:
        yield made


def changed(fed: FedGrant, folder: Path, **fields: object) -> Path:
    path = folder / "changed.yaml"
    write_profile(path, fed.profile.model_copy(update=fields))
    return path


@pytest.mark.parametrize(
    ("fields", "text"),
    [({"password": SecretStr("wrong")}, "wrong password"), ({"bootstrap": "127.0.0.1:1"}, "does not answer")],
    ids=["wrong password", "unreachable"],
)
def test_a_wrong_connection_ends_soon_with_code_3(fed: FedGrant, tmp_path: Path, fields: dict[str, object], text: str) -> None:
    begun = time.monotonic()
    code, _, err = receiver.run(fed, "-", profile=changed(fed, tmp_path, **fields))
    assert (code, text in err, err.count("\n")) == (exit_codes.KAFKA, True, 1), err
    assert time.monotonic() - begun < 18


def test_an_unknown_grant_is_named_with_its_topic(fed: FedGrant) -> None:
    code, _, err = receiver.run(fed, "-", grant="no-such-grant")
    assert (code, f"grant.{fed.subscriber}.no-such-grant" in err) == (exit_codes.KAFKA, True), err


def test_a_grant_taken_away_while_running_ends_with_code_3_and_keeps_what_came(fed: FedGrant, tmp_path: Path) -> None:
    path = tmp_path / "bank.jsonl"
    fed.publish(*COPY)
    process = receiver.start(fed, f"jsonl:{path}")
    wait_until(lambda: path.exists() and path.read_text().count("\n") == 3, 20, "the copy")
    rule = fed.read_rule()
    taken = AclBindingFilter(
        rule.restype, rule.name, rule.resource_pattern_type, rule.principal, rule.host, rule.operation, rule.permission_type
    )
    fed.admin.delete_acls([taken])[taken].result(10)
    _, err = process.communicate(timeout=30)
    assert (process.returncode, fed.topic in err) == (exit_codes.KAFKA, True), err
    assert path.read_text().count("\n") == 3


def test_a_broken_registry_is_asked_again_and_then_named(fed: FedGrant, tmp_path: Path) -> None:
    fed.publish(*COPY)
    fed.registry.broken = True
    code, _, err = receiver.run(fed, f"sqlite:///{tmp_path / 'bank.db'}", "--exit-at-end")
    assert (code, "schema registry" in err, "503" in err) == (exit_codes.KAFKA, True, True), err
    assert len(fed.registry.asked) > 4


def test_a_registry_that_comes_back_is_waited_for(fed: FedGrant, tmp_path: Path) -> None:
    fed.publish(*COPY)
    fed.registry.broken = True
    process = receiver.start(fed, f"sqlite:///{tmp_path / 'bank.db'}", "--exit-at-end")
    wait_until(lambda: fed.registry.asked, 20, "a first question")
    fed.registry.broken = False
    _, err = process.communicate(timeout=30)
    assert process.returncode == exit_codes.OK, err


def test_a_registry_that_is_not_there_is_named(fed: FedGrant, tmp_path: Path, free_port: int) -> None:
    profile = changed(fed, tmp_path, registry=f"http://127.0.0.1:{free_port}")
    code, _, err = receiver.run(fed, f"sqlite:///{tmp_path / 'bank.db'}", profile=profile)
    assert (code, "cannot be reached" in err) == (exit_codes.KAFKA, True), err


def test_another_principals_profile_is_refused(fed: FedGrant, tmp_path: Path) -> None:
    code, _, err = receiver.run(fed, "-", profile=changed(fed, tmp_path, user="owner.mois"))
    assert (code, "subscriber." in err) == (exit_codes.USAGE, True), err


@pytest.mark.parametrize("to", ["postgres://x", "sqlite:///", "bank.db"])
def test_an_unknown_target_is_refused(fed: FedGrant, to: str) -> None:
    code, _, err = receiver.run(fed, to)
    assert (code, "sqlite:///FILE" in err) == (exit_codes.USAGE, True), err


def test_a_target_in_use_by_another_receiver_is_refused(fed: FedGrant, tmp_path: Path) -> None:
    to = f"sqlite:///{tmp_path / 'bank.db'}"
    process = receiver.start(fed, to)
    wait_until((tmp_path / "bank.db").exists, 20, "the first receiver's file")
    code, _, err = receiver.run(fed, to)
    assert (code, "another receiver" in err) == (exit_codes.DATABASE, True), err
    process.terminate()
    process.communicate(timeout=20)
    assert process.returncode == exit_codes.OK


def test_a_file_of_another_grant_is_refused(fed: FedGrant, admin: Profile, tmp_path: Path, unique: Callable[[str], str]) -> None:
    to = f"jsonl:{tmp_path / 'bank.jsonl'}"
    fed.publish(*COPY)
    assert receiver.run(fed, to, "--exit-at-end")[0] == exit_codes.OK
    (tmp_path / "other").mkdir()
    with fed_grant(admin, tmp_path / "other", unique("insurer")) as other:
        code, _, err = receiver.run(other, to, "--exit-at-end")
    assert (code, "belongs to grant" in err) == (exit_codes.USAGE, True), err


def test_a_broker_killed_and_started_again_is_waited_for(fed: FedGrant, kafka: LocalKafka, tmp_path: Path) -> None:
    path = tmp_path / "bank.jsonl"
    fed.publish(*COPY)
    process = receiver.start(fed, f"jsonl:{path}")
    wait_until(lambda: path.exists() and path.read_text().count("\n") == 3, 20, "the copy")
    kafka.kill()
    kafka.start()
    fed.publish(Event("c", "2", "Jeju"))
    wait_until(lambda: path.read_text().count("\n") == 4, 40, "the change after the restart")
    process.terminate()
    _, err = process.communicate(timeout=20)
    assert process.returncode == exit_codes.OK, err
