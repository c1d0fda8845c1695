"""The hub under the job: its public commands as processes, on topics made anew for each run.

Untimed first: a control plane with N grants, one `c` for each record that has a `before`, and a worker until all of it is settled;
it stops, and the ends of the grant topics are noted. Then the changes are loaded, the worker starts on its core, and what is
measured is the worker's process. The control plane runs beside the broker; what it uses meanwhile is reported on its own.
"""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from gongyu_hub.local_kafka import LocalKafka
from gongyu_schemas import wire
from gongyu_schemas.names import HUB_GROUP, grant_topic, key_subject, owner_topic, value_subject
from gongyu_schemas.transport.clients import make_registry
from gongyu_schemas.transport.profile import read_profile, write_profile
from tests.bench.broker import Broker
from tests.bench.drain import Drain, Work, drain
from tests.bench.job import TYPES, Job
from tests.bench.load import load
from tests.bench.outputs import check_outputs
from tests.bench.processes import Measured
from tests.bench.results import Run
from tests.waiting import wait_until

NAME = "hub"
_PEER_INPUT = "j.in"
_OWNER, _TYPE, _SUBSCRIBER = "j", "j-resident", "bench"
_TOPIC = owner_topic(_OWNER, _TYPE)
_READY_S = 120.0
_GRANT = """\
  - subscriber: bench
    grant: g{g:02d}
    information_type: j-resident
    fields: [resident_id, name, region_code, address, status]
    rows: "region_code LIKE '{digit}%'"
    purpose: {{code: bench, text: Measuring}}
    legal_basis: {{statute: Act on Measuring, article: "{g}", valid_from: 2020-01-01, valid_to: null}}
"""


def policy_text(grants: int) -> str:
    """Grant g sees the records whose region begins with the digit 1 + g % 4."""
    head = "subscribers:\n  bench: {title: {ko: 측정, en: Bench}}\ngrants:\n"
    return head + "".join(_GRANT.format(g=g, digit=1 + g % 4) for g in range(grants))


class Hub:
    """The hub on one broker."""

    def __init__(self, kafka: LocalKafka, broker: Broker, job: Job, cores: tuple[int, int], folder: Path, logs: Path) -> None:
        """`cores`: of everything else, of the worker. `folder`: for the hubs' own directories."""
        self._kafka = kafka
        self._broker = broker
        self._job = job
        self._cores = cores
        self._folder = folder
        self._logs = logs
        self._command = str(Path(sys.executable).parent / "gongyu-hub")

    def run(self, grants: int, label: str) -> Run:
        """One drain. Raises BenchFailed if its outputs are not the oracle's."""
        directory = self._make_directory(label)
        topics = [grant_topic(_SUBSCRIBER, f"g{g:02d}") for g in range(grants)]
        with self._control_plane(directory, grants, label) as control:
            self._load(directory, self._job.images)
            self._work(directory, f"{label}-images")
            delivered = self._broker.ends(topics)
            self._load(directory, self._job.changes)
            before = control.cpu_s()
            drained = self._work(directory, label)
            beside = control.cpu_s() - before
            appended = check_outputs(self._broker.bootstrap, topics, delivered, self._job.oracle)
            control.stop()
        shutil.rmtree(directory)
        return Run.of(NAME, grants, self._job.oracle, drained, appended.first_s, appended.last_s, beside)

    def _make_directory(self, label: str) -> Path:
        """A hub that has never run, on a Kafka without its topics."""
        self._broker.delete_topics(lambda name: name != _PEER_INPUT)
        wait_until(lambda: not self._broker.committed(HUB_GROUP, _TOPIC), _READY_S, "offsets of the deleted topics gone")
        directory = self._folder / label
        (directory / "profiles").mkdir(parents=True)
        write_profile(directory / "profiles" / "admin.yaml", self._kafka.profile)
        return directory

    @contextmanager
    def _control_plane(self, directory: Path, grants: int, label: str) -> Iterator[Measured]:
        policy = directory / "policy.yaml"
        policy.write_text(policy_text(grants), encoding="utf-8")
        command = [self._command, "serve", "--dir", str(directory), "--policy", str(policy), "--types", str(TYPES)]
        with Measured("control plane", command, self._cores[0], self._logs / f"{label}-control-plane.log") as control:
            wait_until(lambda: control.has_said("control plane: ready"), _READY_S, "control plane ready")
            yield control

    def _load(self, directory: Path, pairs: Path) -> None:
        registry = make_registry(read_profile(directory / "profiles" / f"owner.{_OWNER}.yaml"))
        subjects = key_subject(_TOPIC), value_subject(_TOPIC)
        key_header, value_header = (wire.header(registry.get_latest_version(subject).schema_id or 0) for subject in subjects)
        load(self._broker.bootstrap, _TOPIC, pairs, key_header, value_header)

    def _work(self, directory: Path, label: str) -> Drain:
        """A worker from its start until everything is settled, and its clean end."""
        work = Work(HUB_GROUP, _TOPIC, self._broker.ends([_TOPIC]))
        command = [self._command, "work", "--dir", str(directory)]
        began = time.time()
        with Measured("worker", command, self._cores[1], self._logs / f"{label}.log") as worker:
            drained = drain(worker, work, self._broker, began, ready="worker worker-1: ready")
            worker.stop()
        return drained
