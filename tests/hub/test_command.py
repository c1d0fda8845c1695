"""`gongyu-hub work`: wrong input ends with a clear line and its documented exit code."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from pydantic import SecretStr

from gongyu_hub.membership import own_name
from gongyu_schemas import exit_codes
from gongyu_schemas.errors import ConfigError
from gongyu_schemas.transport.profile import Profile, write_profile

HUB = Path(sys.executable).parent / "gongyu-hub"


def work(directory: Path, *more: str) -> tuple[int, str]:
    done = subprocess.run([HUB, "work", "--dir", directory, *more], capture_output=True, text=True, timeout=90, check=False)
    assert "Traceback" not in done.stderr
    return done.returncode, done.stderr


def with_profile(directory: Path, bootstrap: str) -> Path:
    write_profile(
        directory / "profiles" / "hub.yaml",
        Profile(bootstrap=bootstrap, user="hub", password=SecretStr("secret"), registry="http://127.0.0.1:9"),
    )
    return directory


def test_a_folder_that_is_no_hubs_is_named(tmp_path: Path) -> None:
    code, text = work(tmp_path)
    assert code == exit_codes.USAGE and "is no hub's folder, it has no profiles" in text


@pytest.mark.thorough
def test_unreachable_kafka_is_told_with_its_address(tmp_path: Path, free_port: int) -> None:
    code, text = work(with_profile(tmp_path, f"127.0.0.1:{free_port}"))
    assert code == exit_codes.KAFKA and f"127.0.0.1:{free_port} does not answer" in text and "secret" not in text


def test_a_name_that_is_none_is_refused(tmp_path: Path) -> None:
    code, text = work(with_profile(tmp_path, "127.0.0.1:9"), "--name", "Worker 1")
    assert code == exit_codes.USAGE and "'Worker 1' is not a name" in text


def test_an_address_that_is_none_is_refused(tmp_path: Path) -> None:
    code, text = work(with_profile(tmp_path, "127.0.0.1:9"), "--metrics", "nowhere")
    assert code == exit_codes.USAGE and "--metrics" in text


def test_an_occupied_metrics_port_is_told(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        code, text = work(with_profile(tmp_path, "127.0.0.1:9"), "--metrics", f"127.0.0.1:{port}")
    assert code == exit_codes.USAGE and f"127.0.0.1:{port} cannot be used: another program uses it" in text


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, exit_codes.OK), (signal.SIGINT, exit_codes.INTERRUPTED)])
def test_a_signal_before_there_is_work_ends_it_at_once(number: int, code: int, tmp_path: Path, free_port: int) -> None:
    """It waits for Kafka then, which does not answer; after 10 s it would say so and end with another code."""
    directory = with_profile(tmp_path, f"127.0.0.1:{free_port}")
    with socket.create_server(("127.0.0.1", free_port)) as silent:
        silent.settimeout(60)
        command = [sys.executable, "-m", "gongyu_hub", "work", "--dir", str(directory)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as worker:
            try:
                client, _ = silent.accept()
                worker.send_signal(number)
                assert (*worker.communicate(timeout=60), worker.returncode) == ("", "", code)
                client.close()
            finally:
                worker.kill()


def test_a_second_worker_of_a_name_in_a_folder_is_refused_and_another_name_is_not(tmp_path: Path) -> None:
    folder = with_profile(tmp_path, "127.0.0.1:9")
    with own_name(folder / "store", "worker-1"):
        code, text = work(folder)
        assert code == exit_codes.USAGE, text
        assert f"a worker named worker-1 runs in {folder} already (process {os.getpid()}); stop it, or give this one another --name" in text
        with own_name(folder / "store", "worker-2"):
            pass
    with own_name(folder / "store", "worker-1"):
        pass


def test_the_name_of_a_killed_worker_is_free_at_once(tmp_path: Path) -> None:
    code = f"""
import time
from pathlib import Path
from gongyu_hub.membership import own_name
with own_name(Path({str(tmp_path)!r}), "worker-1"):
    print("held", flush=True)
    time.sleep(600)
"""
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as worker:
        assert worker.stdout is not None
        assert worker.stdout.readline() == "held\n"
        with pytest.raises(ConfigError, match=f"process {worker.pid}"), own_name(tmp_path, "worker-1"):
            pass
        worker.kill()
    with own_name(tmp_path, "worker-1"):
        pass


def test_help_has_an_example() -> None:
    done = subprocess.run([HUB, "work", "--help"], capture_output=True, text=True, timeout=60, check=True)
    assert "Example: gongyu-hub work" in done.stdout
