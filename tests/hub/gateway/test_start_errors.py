"""What keeps the control plane from starting is said in a line, with the documented exit code; Kafka is not asked before."""

from __future__ import annotations

import socket
import subprocess
from pathlib import Path

import pytest
from pydantic import SecretStr

from gongyu_hub.gateway.server import read_address
from gongyu_hub.registry.database import open_database
from gongyu_schemas.errors import ConfigError
from gongyu_schemas.transport.profile import Profile, write_profile
from tests.hub.commands import SERVE, run
from tests.hub.registry.policies import grant, write_policy, write_type

pytestmark = pytest.mark.thorough  # each test starts processes


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    write_type(tmp_path / "types")
    write_policy(tmp_path / "policy.yaml", grant("vet", "dogs"))
    profile = Profile(bootstrap="127.0.0.1:1", user="admin", password=SecretStr("x"))
    write_profile(tmp_path / "hub" / "profiles" / "admin.yaml", profile)
    return tmp_path / "hub"


def serve(directory: Path, *more: str) -> subprocess.CompletedProcess[str]:
    around = directory.parent
    return run(SERVE, "--dir", directory, "--policy", around / "policy.yaml", "--types", around / "types", *more)


def test_a_port_that_is_occupied_is_exit_code_2_also_when_it_was_ours_before(directory: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        given = serve(directory, "--listen", f"127.0.0.1:{port}")
        database = open_database(directory)
        database.keep_setting("port", str(port))
        database.close()
        kept = serve(directory)
    assert (given.returncode, kept.returncode) == (2, 2)
    assert f"port {port} on 127.0.0.1 cannot be used: another program uses it; give another --listen" in given.stderr
    assert "stop what uses it, or give --listen with another port" in kept.stderr


def test_a_missing_administrator_profile_says_what_to_start(directory: Path) -> None:
    (directory / "profiles" / "admin.yaml").unlink()
    failed = serve(directory)
    assert failed.returncode == 2
    assert f"start `gongyu-hub kafka --dir {directory}` first, or give --profile" in failed.stderr


def test_a_policy_with_mistakes_is_exit_code_2_with_the_places(directory: Path) -> None:
    file = write_policy(directory.parent / "policy.yaml", grant("vet", "dogs", fields=["nmae"]))
    failed = serve(directory)
    assert failed.returncode == 2
    assert f"{file}:11:3: grants[0].fields: key field 'dog_id' is not granted" in failed.stderr
    assert f"{file}:11:5: grants[0].fields[0]: 'nmae' is not a field of 'dog'; did you mean 'name'?" in failed.stderr


def test_a_file_that_is_no_database_is_exit_code_4(directory: Path) -> None:
    (directory / "hub.db").write_bytes(b"no database" * 100)
    failed = serve(directory)
    assert failed.returncode == 4
    assert "hub.db cannot be used: file is not a database" in failed.stderr


@pytest.mark.parametrize(
    ("listen", "why"),
    [
        ("0.0.0.0:0", "only loopback"),
        ("[::]:80", "only loopback"),
        ("127.0.0.1", "is not ADDRESS:PORT"),
        ("localhost:80", "is not ADDRESS:PORT"),
        ("127.0.0.1:x", "is not ADDRESS:PORT"),
        ("127.0.0.1:70000", "0 to 65535"),
    ],
)
def test_an_address_is_a_loopback_address_and_a_port(listen: str, why: str) -> None:
    with pytest.raises(ConfigError, match=why):
        read_address(listen)
    assert read_address("[::1]:81") == ("::1", 81)
