"""The product's image in containers: a record travels, the stack of compose/ comes up, nothing is left in the image.

Needs Docker; where it is missing the tests are skipped, with CI=true that is a failure. No image is pulled where the
machine has none to pull: compose/build makes the base of Debian's packages. Every container and volume is removed by
its id or the name that this run gave it, also after a failure.
"""

from __future__ import annotations

import csv
import os
import secrets
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Self

import pytest
from testcontainers.core.config import testcontainers_config
from testcontainers.core.container import DockerContainer

from tests.waiting import wait_until

ROOT = Path(__file__).parents[2]
COMPOSE = ROOT / "compose"
CI = os.environ.get("CI", "").lower() in ("1", "true")
HUB = "/var/lib/gongyu"
#: What the bank was granted of demo/businesses.csv: the second business has too little capital.
GRANTED = [("1018100001", "Haneul Foods", "ACTIVE", "120000000.00")]
#: Read-only where it may be, no capability: as the services of docker-compose.yml.
CONFINED: dict[str, Any] = {"read_only": True, "cap_drop": ["ALL"], "security_opt": ["no-new-privileges:true"]}
READ_TABLE = """
import sqlite3
try:
    bank = sqlite3.connect("file:bank.db?mode=ro", uri=True)
    print(bank.execute('SELECT business_id, trade_name, status, capital FROM "business-standing" ORDER BY 1').fetchall())
except sqlite3.OperationalError as not_yet:
    print(not_yet)
"""

# The first test waits for the image: a base of packages and a hundred wheels on a machine that has seen neither.
pytestmark = [pytest.mark.docker, pytest.mark.timeout(900)]


def run(*command: str | Path, **environment: str) -> str:
    """Standard output. Raises AssertionError with all output where the command fails."""
    done = subprocess.run([*map(str, command)], cwd=COMPOSE, env={**os.environ, **environment}, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{command} ended with {done.returncode}:\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def image() -> str:
    """The image of this clone, built as its README says."""
    answer = shutil.which("docker") and subprocess.run(["docker", "version"], capture_output=True, text=True, check=False)
    if not CI and (not answer or answer.returncode != 0):
        pytest.skip("Docker does not answer here: start it, or set DOCKER_HOST")
    run(COMPOSE / "build", IMAGE="gongyu:test")
    return "gongyu:test"


@pytest.fixture
def volume() -> Iterator[Callable[[str], str]]:
    """`volume("hub")` is the name of a volume for this test."""
    made: list[str] = []

    def make(stem: str) -> str:
        made.append(run("docker", "volume", "create", f"gongyu-test-{stem}-{secrets.token_hex(4)}").strip())
        return made[-1]

    yield make
    run("docker", "volume", "rm", *made)  # goes on after one that it cannot remove, and tells


class Services:
    """Containers of one image in one network namespace, which the first of them holds; removed in reverse order."""

    def __init__(self, image: str) -> None:
        testcontainers_config.ryuk_disabled = True  # its image would have to be pulled; this class removes what it starts
        self._image = image
        self._network = "none"  # loopback alone: nothing outside reaches a port
        self._held = ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._held.close()

    def start(self, *command: str, data: str, kernels: str | None = None, **environment: str) -> DockerContainer:
        container = DockerContainer(self._image).with_kwargs(network_mode=self._network, **CONFINED)
        container.with_command(list(command)).with_volume_mapping(data, HUB, "rw").with_tmpfs_mount("/tmp").with_envs(**environment)  # noqa: S108
        if kernels is not None:
            container.with_volume_mapping(kernels, "/var/cache/gongyu", "rw")
        self._held.enter_context(container)
        if self._network == "none":
            self._network = f"container:{container.get_container_id()}"
        return container

    def ready(self, *command: str, words: str, **more: str) -> DockerContainer:
        """A service that has said these words."""
        container = self.start(*command, **more)
        wait_until(lambda: words in said(container) or ended(container), 90, f"{words!r} from {command}")
        assert words in said(container), said(container)
        return container


def said(container: DockerContainer) -> str:
    return b"\n".join(container.get_logs()).decode(errors="replace")


def ended(container: DockerContainer) -> bool:
    inner = container.get_wrapped_container()
    inner.reload()
    return bool(inner.status == "exited")


def health(container: DockerContainer) -> str:
    return run("docker", "inspect", "--format", "{{.State.Health.Status}}", container.get_container_id()).strip()


def in_container(container: DockerContainer, *command: str) -> str:
    code, output = container.exec(list(command))
    assert code == 0, output.decode(errors="replace")
    return output.decode().strip()


def test_a_record_travels_from_owner_to_subscriber_through_containers(image: str, volume: Callable[[str], str]) -> None:
    hub, owner, bank = volume("hub"), volume("owner"), volume("bank")
    registry, worker_metrics = "127.0.0.1:8081", "127.0.0.1:9101"
    with Services(image) as services:
        broker = services.ready("gongyu-hub", "kafka", "--dir", HUB, words="kafka: ready at", data=hub)
        copy_in(broker, hub_file="policy.yaml", text=(COMPOSE / "demo" / "policy.yaml").read_text(encoding="utf-8"))
        serve = ["gongyu-hub", "serve", "--dir", HUB, "--policy", f"{HUB}/policy.yaml", "--listen", registry]
        control = services.ready(*serve, words="control plane: ready", data=hub, HEALTH_URL=f"http://{registry}/health/ready")
        work = ["gongyu-hub", "work", "--dir", HUB, "--metrics", worker_metrics]
        worker = services.ready(
            *work, words="worker worker-1: ready", data=hub, kernels=volume("kernels"), HEALTH_URL=f"http://{worker_metrics}/metrics"
        )

        publish = ["gongyu-owner", "publish", "businesses.csv", "--type", "business", "--snapshot", "--profile", "profile.yaml"]
        receive = ["gongyu-subscriber", "receive", "business-standing", "--to", "sqlite:///bank.db", "--profile", "profile.yaml"]
        for data, user in ((owner, "owner.nts"), (bank, "subscriber.bank-maru")):
            bearer = services.start("sleep", "infinity", data=data)
            copy_in(bearer, hub_file="profile.yaml", text=in_container(control, "cat", f"profiles/{user}.yaml"))
            copy_in(bearer, hub_file="businesses.csv", text=(COMPOSE / "demo" / "businesses.csv").read_text(encoding="utf-8"))
        published = services.start(*publish, data=owner)
        wait_until(lambda: ended(published), 60, "the owner has published")
        assert "created 2" in said(published), said(published)
        subscriber = services.ready(*receive, words="business-standing", data=bank)
        wait_until(lambda: in_container(subscriber, "python", "-c", READ_TABLE) == str(GRANTED), 60, "the bank has its record")

        for container in (broker, control, worker, subscriber):
            wait_until(lambda each=container: health(each) == "healthy", 60, "every service is healthy")
            assert in_container(container, "id", "-u") == "10001"
            refused, _ = container.exec(["touch", "/app/anything"])
            assert refused != 0, "the root is read-only"
        open_to_others = in_container(
            broker, "find", HUB, "-path", f"{HUB}/kafka/*", "-prune", "-o", "!", "-empty", "-perm", "/077", "-print"
        )
        assert open_to_others == "", "what holds secrets and records is its user's alone; kafka/ itself is private"
        assert in_container(worker, "find", HUB, "-name", "*.nbc") == "", "the kernels came compiled with the image"
        print("a record travelled through 7 containers; 4 services healthy, as user 10001 on a read-only root")


def copy_in(container: DockerContainer, hub_file: str, text: str) -> None:
    """Write a file as the container's user, mode 0600: `docker cp` does not reach volumes of a read-only container."""
    write = "import os, sys; os.write(os.open(sys.argv[1], os.O_CREAT | os.O_WRONLY, 0o600), sys.argv[2].encode())"
    in_container(container, "python", "-c", write, f"{HUB}/{hub_file}", text)


def test_the_image_holds_no_compiler_no_installer_and_no_address_of_a_package_source(image: str) -> None:
    search = (
        "import glob, shutil;"
        "print([name for name in ('gcc', 'cc', 'g++', 'clang', 'make', 'pip', 'pip3') if shutil.which(name)],"
        "[name for it in ('/etc/pip.conf', '/app/pip.conf', '/wheels*', '/app/lib/*/site-packages/pip') for name in glob.glob(it)])"
    )
    assert run("docker", "run", "--rm", "--network", "none", image, "python", "-c", search).strip() == "[] []"
    history = run("docker", "history", "--no-trunc", "--format", "{{.CreatedBy}}", image)
    assert "PIP_" not in history and "://" not in history, history


def test_the_stack_of_the_compose_file_comes_up_and_a_changed_register_travels(image: str, tmp_path: Path) -> None:
    shutil.copytree(COMPOSE, tmp_path / "compose")
    folder = tmp_path / "compose"
    settings = {"GONGYU_IMAGE": image, "PROMETHEUS_PORT": "0", **prometheus_image()}
    command = ["docker-compose"] if shutil.which("docker-compose") else ["docker", "compose"]
    project = [*command, "--file", folder / "docker-compose.yml", "--project-name", f"gongyu-test-{secrets.token_hex(4)}"]

    def python(service: str, program: str) -> str:
        return run(*project, "exec", "-T", service, "python", "-c", program, **settings).strip()

    query = "http://127.0.0.1:9090/api/v1/query?query=up%7Bjob%3D%22gongyu-worker%22%7D"
    scraped = (
        f"import json, urllib.request as web; print([each['value'][1] for each in json.load(web.urlopen('{query}'))['data']['result']])"
    )
    try:
        run(*project, "up", "--detach", **settings)
        wait_until(lambda: python("subscriber", READ_TABLE) == str(GRANTED), 90, "the bank has its record")
        wait_until(lambda: python("worker", scraped) == "['1']", 60, "the worker is scraped")

        register = folder / "demo" / "businesses.csv"
        register.write_text(register.read_text(encoding="utf-8").replace("30000000.00", "90000000.00"), encoding="utf-8")
        run(*project, "run", "--rm", "-T", "owner", **settings)
        both = str([*GRANTED, ("1018100002", "Nuri Books", "ACTIVE", "90000000.00")])
        wait_until(lambda: python("subscriber", READ_TABLE) == both, 60, "the bank has the second record")
        seen = python("subscriber", "import pathlib; print(*sorted(each.name for each in pathlib.Path('.').rglob('*.yaml')))")
        assert seen == "profile.yaml", "a subscriber has its own profile and no other"
        print("the stack came up, Prometheus reads the worker, a changed register travelled")
    finally:
        run(*project, "down", "--volumes", "--timeout", "20", **settings)


def prometheus_image() -> dict[str, str]:
    """The image that compose/build made where prom/prometheus can not be pulled."""
    made = run("docker", "images", "--quiet", "gongyu-prometheus:dev")
    return {"PROMETHEUS_IMAGE": "gongyu-prometheus:dev"} if made else {}


def test_the_demo_register_is_what_the_tests_say() -> None:
    with (COMPOSE / "demo" / "businesses.csv").open(encoding="utf-8", newline="") as file:
        assert [row["capital"] for row in csv.DictReader(file)] == ["120000000.00", "30000000.00"]
