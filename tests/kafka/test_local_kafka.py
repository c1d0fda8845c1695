"""Embedded Kafka: users, rights, secrets, and surviving every way to end."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from confluent_kafka import Consumer, KafkaError, KafkaException, Producer
from confluent_kafka.admin import (
    AclBinding,
    AclOperation,
    AclPermissionType,
    AdminClient,
    NewTopic,
    ResourcePatternType,
    ResourceType,
    ScramCredentialInfo,
    ScramMechanism,
    UserScramCredentialUpsertion,
)
from pydantic import SecretStr

from gongyu_hub.local_kafka import LocalKafka
from gongyu_hub.local_kafka.node import read_node
from gongyu_schemas import exit_codes
from gongyu_schemas.errors import ConfigError, KafkaUnavailable
from gongyu_schemas.transport.clients import client_config, make_admin, make_producer, require_connection
from gongyu_schemas.transport.profile import Profile, read_profile
from tests.waiting import wait_until

pytestmark = pytest.mark.kafka


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalKafka]:
    """A Kafka of this module's own, to be killed and restarted."""
    local = LocalKafka(tmp_path_factory.mktemp("own"))
    yield local
    local.stop()


@pytest.fixture
def running(own: LocalKafka) -> LocalKafka:
    if not own.running:
        own.start()
    return own


def make_topic(admin: AdminClient, topic: str) -> None:
    admin.create_topics([NewTopic(topic, 1, 1)])[topic].result(10)


def make_user(admin: AdminClient, user: str, password: str) -> None:
    change = UserScramCredentialUpsertion(user, ScramCredentialInfo(ScramMechanism.SCRAM_SHA_512, 4096), password.encode())
    admin.alter_user_scram_credentials([change])[user].result(10)


def allow_write(admin: AdminClient, user: str, topic: str) -> None:
    rule = AclBinding(
        ResourceType.TOPIC, topic, ResourcePatternType.LITERAL, f"User:{user}", "*", AclOperation.WRITE, AclPermissionType.ALLOW
    )
    admin.create_acls([rule])[rule].result(10)


def send(profile: Profile, topic: str, value: bytes, timeout_ms: int = 10_000) -> KafkaError | None:
    outcome: list[KafkaError | None] = []
    producer = make_producer(profile, **{"message.timeout.ms": timeout_ms})
    producer.produce(topic, value, on_delivery=lambda error, _message: outcome.append(error))
    producer.flush(15)
    return outcome[0]


def read_all(profile: Profile, topic: str, count: int) -> list[bytes | None]:
    consumer = Consumer(client_config(profile, **{"group.id": f"read-{topic}", "auto.offset.reset": "earliest"}))
    consumer.subscribe([topic])
    try:
        messages = consumer.consume(count, timeout=20)
        return [message.value() for message in messages if message.error() is None]
    finally:
        consumer.close()


def with_user(profile: Profile, user: str, password: str) -> Profile:
    return profile.model_copy(update={"user": user, "password": SecretStr(password)})


def test_a_user_may_do_what_a_rule_allows_and_nothing_else(admin: Profile, unique: Callable[[str], str]) -> None:
    client, user, open_topic, closed_topic = make_admin(admin), unique("writer"), unique("open"), unique("closed")
    make_user(client, user, "its-password")
    for topic in (open_topic, closed_topic):
        make_topic(client, topic)
    allow_write(client, user, open_topic)
    writer = with_user(admin, user, "its-password")
    assert send(writer, open_topic, b"x") is None
    refused = send(writer, closed_topic, b"x")
    assert refused is not None
    assert refused.code() == KafkaError.TOPIC_AUTHORIZATION_FAILED


def test_a_wrong_password_is_refused(admin: Profile) -> None:
    with pytest.raises(KafkaUnavailable, match="refuses user 'admin'"):
        require_connection(with_user(admin, "admin", "wrong"))


def test_the_controller_listener_asks_for_a_password(running: LocalKafka) -> None:
    properties = (running.directory / "kafka" / "server.properties").read_text(encoding="utf-8")
    address = properties.partition("controller.quorum.voters=1@")[2].partition("\n")[0]
    stranger = Producer({"bootstrap.servers": address, "security.protocol": "PLAINTEXT", "log_level": 0})
    with pytest.raises(KafkaException):
        stranger.list_topics(timeout=2)
    assert "ANONYMOUS" not in properties


def test_topics_are_not_made_by_writing_to_them(admin: Profile, unique: Callable[[str], str]) -> None:
    topic = unique("never-made")
    assert send(admin, topic, b"x", timeout_ms=2_000) is not None
    assert topic not in make_admin(admin).list_topics(timeout=10).topics


def test_data_users_and_port_survive_kill_9_of_the_broker(running: LocalKafka, unique: Callable[[str], str]) -> None:
    topic, user, port = unique("kept"), unique("kept"), running.port
    client = make_admin(running.profile)
    make_topic(client, topic)
    make_user(client, user, "its-password")
    assert send(running.profile, topic, b"before") is None
    assert running.pid is not None
    os.kill(running.pid, signal.SIGKILL)
    wait_until(lambda: not running.running, 10, "the broker's end is noticed")
    running.start()
    assert running.port == port
    assert send(running.profile, topic, b"after") is None
    assert read_all(running.profile, topic, 2) == [b"before", b"after"]
    require_connection(with_user(running.profile, user, "its-password"))


def test_a_clean_stop_is_quick_and_keeps_data(running: LocalKafka, unique: Callable[[str], str]) -> None:
    topic = unique("kept")
    make_topic(make_admin(running.profile), topic)
    assert send(running.profile, topic, b"before") is None
    pid = running.pid
    running.stop(10)
    assert pid is not None
    assert not Path(f"/proc/{pid}").exists()
    running.start()
    assert read_all(running.profile, topic, 1) == [b"before"]


def test_a_second_start_in_the_same_directory_is_refused(running: LocalKafka) -> None:
    second = LocalKafka(running.directory)
    with pytest.raises(ConfigError, match=f"another Kafka runs in .* and {running.pid}"):
        second.start()
    require_connection(running.profile)


def test_secrets_are_readable_by_their_user_alone(running: LocalKafka) -> None:
    home = running.directory / "kafka"
    for path in (home / "node.json", home / "server.properties", running.profile_path):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600, path
    assert stat.S_IMODE(home.stat().st_mode) == 0o700
    assert not (home / "format.arguments").exists()
    assert read_profile(running.profile_path) == running.profile


def test_no_password_is_on_any_command_line_or_in_any_log(hub_directory: Path) -> None:
    seen: set[bytes] = set()
    with watched_processes(seen), LocalKafka(hub_directory) as local:
        node = read_node(hub_directory / "kafka" / "node.json")
        log = local.log.read_text(encoding="utf-8")
    assert node is not None
    assert any(b"StorageTool" in line for line in seen), "the first start was watched"
    assert any(b"kafka.Kafka" in line for line in seen)
    for secret in (node.admin_password, node.broker_password):
        assert not [line for line in seen if secret.encode() in line]
        assert secret not in log


@contextmanager
def watched_processes(seen: set[bytes]) -> Iterator[None]:
    """Collects, as other users could, the command line of every process that lives meanwhile."""
    done = threading.Event()

    def watch() -> None:
        while not done.wait(0.01):
            for path in Path("/proc").glob("[0-9]*/cmdline"):
                with suppress(OSError):  # it has ended
                    seen.add(path.read_bytes())

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield
    finally:
        done.set()
        watcher.join()


class TestCommand:
    """`gongyu-hub kafka` as a process."""

    def test_it_says_where_it_is_and_ends_cleanly_on_sigterm_and_ctrl_c(self, hub_directory: Path) -> None:
        with command(hub_directory) as process:
            port = ready_port(process)
            broker = broker_of(hub_directory)
            require_connection(read_profile(hub_directory / "profiles" / "admin.yaml"))
            process.send_signal(signal.SIGTERM)
            _, error = process.communicate(timeout=30)
            assert process.returncode == exit_codes.OK
            assert error == ""
            assert not Path(f"/proc/{broker}").exists()

        with command(hub_directory) as again:
            assert ready_port(again) == port
            again.send_signal(signal.SIGINT)
            assert again.wait(30) == exit_codes.OK

    def test_kill_9_of_the_command_leaves_no_broker_and_the_next_start_works(self, hub_directory: Path) -> None:
        with command(hub_directory) as process:
            ready_port(process)
            broker = broker_of(hub_directory)
            process.kill()
            process.wait(10)
        wait_until(lambda: not Path(f"/proc/{broker}").exists(), 10, "the broker ends with its starter")
        with LocalKafka(hub_directory) as local:
            require_connection(local.profile)

    def test_kill_9_of_the_broker_ends_the_command_with_the_exit_code_for_kafka(self, hub_directory: Path) -> None:
        with command(hub_directory) as process:
            ready_port(process)
            os.kill(broker_of(hub_directory), signal.SIGKILL)
            _, error = process.communicate(timeout=30)
        assert process.returncode == exit_codes.KAFKA
        assert "ended by itself" in error
        assert str(hub_directory / "kafka" / "logs" / "kafka.log") in error

    def test_a_second_command_in_the_same_directory_exits_with_the_code_for_usage(self, running: LocalKafka) -> None:
        with command(running.directory) as process:
            _, error = process.communicate(timeout=30)
        assert process.returncode == exit_codes.USAGE
        assert error.startswith("error: another Kafka runs in")


@contextmanager
def command(directory: Path) -> Iterator[subprocess.Popen[str]]:
    program = "import typer; from gongyu_hub.local_kafka.command import kafka; typer.run(kafka)"
    arguments = [sys.executable, "-c", program, "--dir", str(directory)]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def ready_port(process: subprocess.Popen[str]) -> int:
    assert process.stdout is not None
    line = process.stdout.readline()
    assert line.startswith("kafka: ready at 127.0.0.1:"), line
    return int(line.rpartition(":")[2])


def broker_of(directory: Path) -> int:
    return int((directory / "kafka" / "lock").read_text(encoding="ascii").split()[-1])
