"""The control plane makes what a policy needs, once, and goes on after any stop: users, rights, topics, epochs."""

from __future__ import annotations

import random
import sqlite3
import stat
import subprocess
import uuid
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import httpx2
import pytest
from confluent_kafka import KafkaError, Producer, TopicPartition
from confluent_kafka.admin import ConfigResource, ResourceType
from pydantic import SecretStr

from gongyu_hub.local_kafka import LocalKafka
from gongyu_hub.policy.records import GrantVersion, Heartbeat, Manifest
from gongyu_hub.registry.first_account import TOKEN_FILE, read_token
from gongyu_schemas.errors import KafkaUnavailable
from gongyu_schemas.transport.clients import make_admin, make_consumer, make_producer, require_connection
from gongyu_schemas.transport.profile import Profile, write_profile
from gongyu_schemas.transport.transactional import TransactionalProducer
from tests.hub.commands import SERVE, Running, run
from tests.hub.registry.policies import grant, write_policy, write_type
from tests.kafka.hub_on_kafka import HubFiles, empty_hub, heartbeats, policy_records
from tests.waiting import wait_until

pytestmark = pytest.mark.kafka


@pytest.fixture
def hub(tmp_path: Path, admin: Profile) -> HubFiles:
    """Dogs for a vet and a shop, cats for the shop, wolves for nobody."""
    files = empty_hub(tmp_path, admin)
    write_type(files.types, "dog", "kennel", partitions=6)
    write_type(files.types, "cat", "cattery", partitions=2)
    write_type(files.types, "wolf", "forest")
    write_policy(files.policy, grant("vet", "dogs", rows="town = 'x'"), grant("shop", "dogs"), grant("shop", "cats", "cat"))
    return files


def settings(admin: Profile, topic: str) -> dict[str, str]:
    resource = ConfigResource(ResourceType.TOPIC, topic)
    client = make_admin(admin)  # the answer is lost if its client is gone
    found = client.describe_configs([resource])[resource].result(10)
    return {name: entry.value for name, entry in found.items()}


def partitions(admin: Profile) -> dict[str, int]:
    return {name: len(topic.partitions) for name, topic in make_admin(admin).list_topics(timeout=10).topics.items()}


def test_topics_have_their_partitions_and_settings(hub: HubFiles, admin: Profile) -> None:
    with hub.serve():
        made = partitions(admin)
    expected = {
        "owner.kennel.dog": 6, "hub.state.dog": 6, "grant.vet.dogs": 4, "grant.shop.dogs": 4,
        "owner.cattery.cat": 2, "hub.state.cat": 2, "grant.shop.cats": 2,
        "owner.forest.wolf": 4, "hub.state.wolf": 4,
        "hub.policy": 1, "hub.dead-letter": 4,
    }  # fmt: skip
    assert {name: made.get(name) for name in expected} == expected
    day = 24 * 3600 * 1000
    grants, owner, state = settings(admin, "grant.vet.dogs"), settings(admin, "owner.kennel.dog"), settings(admin, "hub.state.dog")
    assert (grants["index.interval.bytes"], grants["retention.ms"], grants["cleanup.policy"]) == ("1048576", str(7 * day), "delete")
    assert (owner["retention.ms"], owner["cleanup.policy"]) == (str(14 * day), "delete")
    assert (state["cleanup.policy"], state["delete.retention.ms"]) == ("compact", str(7 * day))
    assert settings(admin, "hub.policy")["cleanup.policy"] == "compact"
    assert settings(admin, "hub.dead-letter")["retention.ms"] == str(30 * day)
    assert min(int(each["max.message.bytes"]) for each in (grants, owner, state)) > 2 * 400_000 + 10_000


def test_grant_versions_come_before_their_manifest_and_types_without_grants_have_no_epoch(hub: HubFiles, admin: Profile) -> None:
    with hub.serve():
        wait_until(lambda: len(heartbeats(admin)) >= 2, 10, "heartbeats")
        records = policy_records(admin)
    assert [key for key, _ in records] == [b"grant/shop/cats/1", b"grant/shop/dogs/1", b"grant/vet/dogs/1", b"epoch/cat/1", b"epoch/dog/1"]
    version = GrantVersion.model_validate_json(dict(records)[b"grant/vet/dogs/1"])
    assert (version.topic, version.partitions, version.fields, version.rows) == ("grant.vet.dogs", 4, ("dog_id", "name"), "town = 'x'")
    manifest = Manifest.model_validate_json(dict(records)[b"epoch/dog/1"])
    assert [(entry.subscriber, entry.grant, entry.version) for entry in manifest.grants] == [("vet", "dogs", 1), ("shop", "dogs", 1)]
    assert (manifest.topic, manifest.partitions) == ("owner.kennel.dog", 6)
    assert (manifest.key_fields, manifest.subject_fields) == (("dog_id",), ("dog_id",))
    assert [str(writer) for writer in manifest.writer_schema_ids] == list(version.view_schema_ids)


def test_profiles_are_for_their_user_alone_and_log_in(hub: HubFiles) -> None:
    with hub.serve() as (_, url):
        users = {file.stem for file in (hub.directory / "profiles").iterdir()}
        owners = {f"owner.{name}" for name in ("kennel", "cattery", "forest", "mois", "nts", "klid", "molit", "nhis")}
        assert users == {"admin", "hub", "subscriber.vet", "subscriber.shop", *owners}
        for file in (hub.directory / "profiles").iterdir():
            assert stat.S_IMODE(file.stat().st_mode) == 0o600
        profile = hub.profile("subscriber.vet")
        assert profile.registry == url
        require_connection(profile, 10)
        assert len({hub.profile(user).password.get_secret_value() for user in users}) == len(users)
        wrong = profile.model_copy(update={"password": hub.profile("subscriber.shop").password})
        with pytest.raises(KafkaUnavailable, match="refuses user"):
            require_connection(wrong, 10)
    for secret in (hub.profile(user).password.get_secret_value() for user in users):
        assert secret not in hub.log.read_text()
        assert secret.encode() not in (hub.directory / "hub.db").read_bytes()


def test_the_first_operator_gets_in_and_finds_who_takes_part(hub: HubFiles) -> None:
    file = hub.directory / TOKEN_FILE
    with Running(SERVE, *hub.arguments(), log=hub.log) as control:
        assert control.line("control plane: the operator's token is in ") == str(file)
        url = control.line("control plane: ready at ")
        token = read_token(file)
        assert httpx2.get(f"{url}/api/v1/me", trust_env=False).status_code == 401
        log_in = {"Authorization": f"Bearer {token}"}
        found = httpx2.get(f"{url}/api/v1/organisations", headers=log_in, trust_env=False).json()["items"]
        parts = {each["name"]: (each["owner"], each["subscriber"]) for each in found}
        assert {"kennel": (True, False), "cattery": (True, False), "vet": (False, True), "shop": (False, True)}.items() <= parts.items()
        assert control.stop() == 0
    with hub.serve():
        assert read_token(file) == token
    assert token not in hub.log.read_text()


def may_read(profile: Profile, topic: str) -> bool:
    settings = {"group.id": "irrelevant", "enable.auto.commit": False, "enable.partition.eof": True}
    consumer = make_consumer(profile, **settings)
    try:
        if consumer.list_topics(topic, timeout=10).topics[topic].error is not None:
            return False  # it may not even see the topic
        consumer.assign([TopicPartition(topic, 0, 0)])
        answers: list[int] = []

        def answered() -> bool:
            answers.extend(message.error().code() for message in consumer.consume(10, 0.2) if message.error() is not None)
            return bool({KafkaError._PARTITION_EOF, KafkaError.TOPIC_AUTHORIZATION_FAILED} & set(answers))

        wait_until(answered, 15, f"an answer about {topic}")
        return KafkaError.TOPIC_AUTHORIZATION_FAILED not in answers
    finally:
        consumer.close()


def may_write(profile: Profile, topic: str) -> bool:
    failures: list[int] = []
    producer = make_producer(profile, **{"message.timeout.ms": 8000, "enable.idempotence": False})

    def note(error: KafkaError | None, _message: object) -> None:
        failures.extend([] if error is None else [error.code()])

    producer.produce(topic, b"x", b"k", partition=0, on_delivery=note)
    assert producer.flush(10) == 0
    assert set(failures) <= {KafkaError.TOPIC_AUTHORIZATION_FAILED}
    return not failures


def may_join(profile: Profile, group: str) -> bool:
    consumer = make_consumer(profile, **{"group.id": group})
    assigned: list[bool] = []
    try:
        # A group is joined only with a topic that the user can see.
        consumer.subscribe([min(RIGHTS[profile.user]["read"])], on_assign=lambda *_: assigned.append(True))

        def answered() -> bool:
            message = consumer.poll(0.2)
            error = None if message is None else message.error()
            if error is not None and error.code() == KafkaError.GROUP_AUTHORIZATION_FAILED:
                assigned.append(False)
            return bool(assigned)

        wait_until(answered, 20, f"an answer about group {group}")
        return assigned[0]
    finally:
        consumer.close()


def may_transact(profile: Profile, transactional_id: str) -> bool:
    try:
        TransactionalProducer(profile, transactional_id, connect_timeout_s=10).close()
    except KafkaUnavailable as error:
        refusal = str(error)
    else:
        return True
    assert "no right to use" in refusal
    return False


OWNERS, GRANTS = ("owner.kennel.dog", "owner.cattery.cat"), ("grant.vet.dogs", "grant.shop.dogs", "grant.shop.cats")
HUBS = ("hub.policy", "hub.state.dog", "hub.dead-letter")
#: user -> what it may read, write; groups it may join; transactional ids it may use.
RIGHTS: dict[str, dict[str, set[str]]] = {
    "owner.kennel": {
        "read": {"owner.kennel.dog"},
        "write": {"owner.kennel.dog"},
        "join": {"owner.kennel.x"},
        "transact": {"owner.kennel.x"},
    },
    "subscriber.vet": {"read": {"grant.vet.dogs"}, "write": set(), "join": {"subscriber.vet.x"}, "transact": set()},
    "subscriber.shop": {
        "read": {"grant.shop.dogs", "grant.shop.cats"},
        "write": set(),
        "join": {"subscriber.shop.x"},
        "transact": set(),
    },
    "hub": {"read": {*OWNERS, *HUBS}, "write": {*GRANTS, *HUBS}, "join": {"hub.worker"}, "transact": {"hub.worker-1"}},
}
NAMES = {
    "read": OWNERS + GRANTS + HUBS,
    "write": OWNERS + GRANTS + HUBS,
    "join": ("owner.kennel.x", "subscriber.vet.x", "subscriber.shop.x", "hub.worker", "x"),
    "transact": ("owner.kennel.x", "owner.kennelx", "hub.worker-1", "control", "x"),
}
TRIES: dict[str, Callable[[Profile, str], bool]] = {"read": may_read, "write": may_write, "join": may_join, "transact": may_transact}


def test_each_user_may_do_exactly_what_is_its_own(hub: HubFiles) -> None:
    with hub.serve():
        found = {
            user: {act: {name for name in NAMES[act] if attempt(hub.profile(user), name)} for act, attempt in TRIES.items()}
            for user in RIGHTS
        }
    assert found == RIGHTS


def test_a_restart_keeps_port_passwords_ids_and_epochs(hub: HubFiles, admin: Profile) -> None:
    def seen(url: str) -> Any:
        auth = ("admin", admin.password.get_secret_value())
        with httpx2.Client(base_url=url, auth=auth) as client:
            subjects = client.get("/subjects").json()
            ids = {subject: client.get(f"/subjects/{subject}/versions/latest").json()["id"] for subject in subjects}
        return url, ids, hub.profile("subscriber.vet").password, policy_records(admin)

    with hub.serve() as (control, url):
        before = seen(url)
        assert control.stop() == 0, "SIGTERM is a clean stop"
    with hub.serve() as (control, url):
        assert seen(url) == before
        wait_until(lambda: heartbeats(admin), 10, "a heartbeat")
        last = Heartbeat.model_validate_json(heartbeats(admin)[-1]).sequence
        wait_until(lambda: Heartbeat.model_validate_json(heartbeats(admin)[-1]).sequence > last, 10, "heartbeats go on")
        assert control.stop() == 0


def test_kill_9_at_any_moment_never_makes_a_second_epoch(hub: HubFiles, admin: Profile) -> None:
    chance = random.Random(3)
    for _ in range(6):
        with Running(SERVE, *hub.arguments(), log=hub.log) as control, suppress(subprocess.TimeoutExpired):
            control.process.wait(1.2 + 2.5 * chance.random())
    with hub.serve() as (_, url):
        records = policy_records(admin)
        assert httpx2.get(f"{url}/health/ready").json() == {"ready": True, "reasons": {}}
    values: dict[bytes, set[bytes]] = {}
    for key, value in records:
        values.setdefault(key, set()).add(value)
    assert set(values) == {b"grant/shop/cats/1", b"grant/shop/dogs/1", b"grant/vet/dogs/1", b"epoch/cat/1", b"epoch/dog/1"}
    assert all(len(each) == 1 for each in values.values()), "every repetition has the same bytes"


def test_new_types_and_grants_are_published_while_running(hub: HubFiles, admin: Profile) -> None:
    with hub.serve():
        write_type(hub.types, "bird", "aviary")
        more = [grant("zoo", "wolves", "wolf"), grant("zoo", "birds", "bird")]
        write_policy(hub.policy, grant("vet", "dogs", rows="town = 'x'"), grant("shop", "dogs"), grant("shop", "cats", "cat"), *more)
        wait_until(lambda: {b"epoch/wolf/1", b"epoch/bird/1"} <= dict(policy_records(admin)).keys(), 20, "epochs of the new types")
        assert may_read(hub.profile("subscriber.zoo"), "grant.zoo.birds")
        assert may_write(hub.profile("owner.aviary"), "owner.aviary.bird")


def refused_now(admin: Profile) -> str:
    """By the newest heartbeat: what for."""
    refused = Heartbeat.model_validate_json(heartbeats(admin)[-1]).refused
    return "" if refused is None else refused.reason


def test_a_change_of_what_is_in_force_is_refused_while_running_and_at_start(hub: HubFiles, admin: Profile) -> None:
    good = hub.policy.read_text()
    with hub.serve() as (control, _):
        before = policy_records(admin)
        write_policy(hub.policy, grant("vet", "dogs"), grant("shop", "dogs"), grant("shop", "cats", "cat"), grant("shop", "wolves", "wolf"))
        wait_until(lambda: "changed policy refused; the policy in force stays" in hub.log.read_text(), 10, "the refusal in the log")
        assert "grant vet/dogs: rows:" in hub.log.read_text()
        beat = len(heartbeats(admin))
        wait_until(lambda: len(heartbeats(admin)) > beat, 10, "the heart goes on")
        wait_until(lambda: "grant vet/dogs: rows:" in refused_now(admin), 10, "the heartbeat tells what is refused")
        assert policy_records(admin) == before, "nothing of a refused policy is published"
        (hub.types / "cat" / "type.yaml").rename(hub.types / "type.yaml")
        wait_until(lambda: "information type broken; the policy in force stays" in hub.log.read_text(), 10, "the broken type in the log")
        wait_until(lambda: str(hub.types / "record.avsc") in refused_now(admin), 10, "the heartbeat tells which folder")
        (hub.types / "type.yaml").rename(hub.types / "cat" / "type.yaml")
        hub.policy.write_text(good)
        wait_until(lambda: '"epochs": "cat 1, dog 1"' in hub.log.read_text(), 10, "the mending in the log")
        wait_until(lambda: refused_now(admin) == "", 10, "the heartbeat tells of nothing any more")
        assert control.stop() == 0
    write_policy(hub.policy, grant("vet", "dogs"), grant("shop", "dogs"), grant("shop", "cats", "cat"), grant("shop", "wolves", "wolf"))
    refused = run(SERVE, *hub.arguments())
    assert (refused.returncode, refused.stdout) == (2, "")
    assert "this policy changes what is in force" in refused.stderr
    assert "grant vet/dogs: rows: \"town = 'x'\" -> null" in refused.stderr
    hub.policy.write_text(good + "broken: [\n")
    broken = run(SERVE, *hub.arguments())
    assert broken.returncode == 2
    assert f"{hub.policy}:" in broken.stderr
    hub.policy.write_text(good)
    with hub.serve():
        assert policy_records(admin) == before


def test_a_type_without_an_epoch_changes_only_while_its_topic_is_empty(hub: HubFiles) -> None:
    fields = [{"name": "dog_id", "type": "string"}, {"name": "name", "type": "string"}]
    with hub.serve() as (control, _):
        control.stop()
    write_type(hub.types, "wolf", "forest", fields=fields)
    with hub.serve() as (control, _):
        producer: Producer = make_producer(hub.profile("owner.forest"))
        producer.produce("owner.forest.wolf", b"x", b"k")
        assert producer.flush(10) == 0
        control.stop()
    write_type(hub.types, "wolf", "forest", fields=[*fields, {"name": "pack", "type": "string"}])
    refused = run(SERVE, *hub.arguments())
    assert refused.returncode == 2
    assert "type wolf: record schema: field pack is new (topic owner.forest.wolf holds messages already)" in refused.stderr
    write_type(hub.types, "wolf", "park", fields=fields)
    refused = run(SERVE, *hub.arguments())
    assert refused.returncode == 2
    assert 'type wolf: owner: "forest" -> "park" (topic owner.forest.wolf holds messages already)' in refused.stderr


def test_one_control_plane_at_a_time(hub: HubFiles) -> None:
    with hub.serve():
        second = run(SERVE, *hub.arguments())
    assert second.returncode == 2
    assert "another control plane is running" in second.stderr


def test_a_lost_or_older_database_is_refused_instead_of_publishing_again(hub: HubFiles, admin: Profile) -> None:
    with hub.serve() as (control, _):
        control.stop()
    before = policy_records(admin)
    kept = hub.directory / "hub.db"
    kept.rename(hub.directory / "hub.db.away")
    lost = run(SERVE, *hub.arguments())
    assert lost.returncode == 4
    assert "that the database did not publish" in lost.stderr
    assert policy_records(admin) == before
    (hub.directory / "hub.db.away").rename(kept)
    with closing(sqlite3.connect(kept)) as connection:
        connection.execute("UPDATE setting SET value = ? WHERE name = 'cluster_id'", [uuid.uuid4().hex])
        connection.commit()
    foreign = run(SERVE, *hub.arguments())
    assert foreign.returncode == 4
    assert "belongs to Kafka cluster" in foreign.stderr


def test_an_unreachable_kafka_is_exit_code_3(tmp_path: Path, free_port: int) -> None:
    away = HubFiles(tmp_path / "hub", tmp_path / "types", write_policy(tmp_path / "policy.yaml"))
    away.types.mkdir()
    profile = Profile(bootstrap=f"127.0.0.1:{free_port}", user="admin", password=SecretStr("x"))
    write_profile(away.directory / "profiles" / "admin.yaml", profile)
    unreachable = run(SERVE, *away.arguments())
    assert (unreachable.returncode, unreachable.stdout) == (3, "")
    assert f"Kafka at 127.0.0.1:{free_port} does not answer" in unreachable.stderr


def test_heartbeats_go_on_after_the_broker_was_killed(hub: HubFiles, admin: Profile, kafka: LocalKafka) -> None:
    with hub.serve() as (control, url):
        kafka.kill()
        wait_until(lambda: httpx2.get(f"{url}/health/ready").status_code == 503, 20, "not ready without Kafka")
        assert httpx2.get(f"{url}/health/live").status_code == 200
        kafka.start()
        wait_until(lambda: httpx2.get(f"{url}/health/ready").status_code == 200, 30, "ready again")
        beats = len(heartbeats(admin))
        wait_until(lambda: len(heartbeats(admin)) > beats, 20, "heartbeats")
        assert control.stop() == 0
