"""The demo: the public commands as processes, six registers, a day of changes, a killed worker, and the self-check.

Enters a folder and sizes; leaves an `Outcome` with everything that was measured and found. Nothing here knows how the hub
works inside: it starts the commands a user would start, waits for what they print, and reads Kafka as anyone could.
Raises FatalError when a command fails, with the last lines of its log.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from gongyu_hub.demo.check import CheckResult, check_hub
from gongyu_hub.demo.customers import Customers
from gongyu_hub.demo.figures import Figures, Outcome, Sizes
from gongyu_hub.demo.places import Places
from gongyu_hub.demo.policy_text import read_policy
from gongyu_hub.demo.processes import Process, Processes
from gongyu_hub.demo.reference import Terms
from gongyu_hub.demo.scenario import BUSINESS, OP, POLICY, RESIDENT, Scenario, invent
from gongyu_hub.demo.screen import Reading, Screen
from gongyu_hub.demo.sums import check_sums
from gongyu_hub.demo.tables import compare_table, read_positions
from gongyu_hub.demo.tail import Tail
from gongyu_hub.demo.topics import Topics
from gongyu_schemas.errors import FatalError
from gongyu_schemas.information_type import load_types, shipped_types
from gongyu_schemas.names import grant_topic, owner_topic, owner_user, subjects_topic, subscriber_user
from gongyu_schemas.private import make_private_folder
from gongyu_schemas.transport.profile import read_profile

_KAFKA_TIMEOUT_S = 180.0  # the first time its jars are fetched
_SERVE_TIMEOUT_S = 60.0
_WORKER_TIMEOUT_S = 180.0  # the first time its kernels are compiled
_PUBLISH_TIMEOUT_S = 120.0
_SETTLE_TIMEOUT_S = 120.0
_POLL_S = 0.05
_READ_EVERY_S = 0.25


class Run:
    """One run in one folder; the processes end with `processes`."""

    def __init__(self, places: Places, sizes: Sizes, processes: Processes, screen: Screen) -> None:
        self._places = places
        self._sizes = sizes
        self._processes = processes
        self._screen = screen
        self._began = time.monotonic()
        self._grants: tuple[Terms, ...] = ()
        self._owner_topics: dict[str, str] = {}
        self._figures = Figures()
        self._read_at = 0.0
        self.bootstrap = self.registry = self.metrics = ""

    def play(self) -> Outcome:
        """Everything from the empty folder to the findings. Raises FatalError."""
        scenario, worker = self._start()
        self._topics = Topics(read_profile(self._places.profile("admin")))
        partitions = self._topics.partitions()
        self._list_topics = [topic for topic in map(subjects_topic, self._owner_topics) if topic in partitions]
        wanted = [*self._owner_topics.values(), *self._list_topics, *(_topic(grant) for grant in self._grants)]
        with Tail(read_profile(self._places.profile("admin")), {topic: partitions[topic] for topic in wanted}) as tail:
            self._tail = tail
            self._load(scenario)
            day_began = {name: tail.ends(topic) for name, topic in self._owner_topics.items()}
            self._play_day(scenario, worker)
            check = self._check()
            self._topics.close()
            self._measure_latencies(check, day_began)
        self._figures.total_s = time.monotonic() - self._began
        return Outcome(check, self._figures, scenario.events)

    def _start(self) -> tuple[Scenario, Process]:
        """Everything up to a ready worker; the registers are invented while Kafka starts."""
        folder, processes, sizes = self._places.folder, self._processes, self._sizes
        make_private_folder(folder)
        self._places.policy.write_text(POLICY.read_text(encoding="utf-8"), encoding="utf-8")
        self._grants = read_policy(self._places.policy, load_types(shipped_types()))
        shared = {grant.information_type.name: grant.information_type for grant in self._grants}
        self._owner_topics = {name: owner_topic(each.owner, name) for name, each in shared.items()}
        self._screen.phase(f"starting Kafka (gongyu-hub kafka); inventing registers of {sizes.residents:,} residents")
        kafka = processes.start("kafka", "gongyu-hub", "kafka", "--dir", folder)
        inventing = invent(processes, self._places.inputs, sizes.residents, sizes.businesses, sizes.seed)
        self.bootstrap = kafka.wait_ready(r"^kafka: ready at (\S+)", _KAFKA_TIMEOUT_S, self._idle)[1]
        self._screen.phase("starting the control plane (gongyu-hub serve)")
        serve = processes.start("serve", "gongyu-hub", "serve", "--dir", folder, "--policy", self._places.policy)
        self.registry = serve.wait_ready(r"^control plane: ready at (\S+)", _SERVE_TIMEOUT_S, self._idle)[1]
        self._screen.phase(f"starting a worker and {len(self._grants)} receivers (gongyu-hub work, gongyu-subscriber receive)")
        worker = self._start_worker()
        for grant in self._grants:
            table = self._places.table(grant)
            table.parent.mkdir(parents=True, exist_ok=True)
            profile = self._places.profile(subscriber_user(grant.subscriber))
            arguments = ("receive", grant.name, "--to", f"sqlite:///{table}", "--profile", profile)
            processes.start(f"{grant.subscriber}.{grant.name}", "gongyu-subscriber", *arguments)
        scenario = inventing.finish(self._idle)
        self._wait_worker(worker)
        self._customers = Customers(self._places, processes, self._grants)
        self._screen.phase(f"making {len(self._customers)} subject lists (gongyu-hub lists put)")
        self._customers.write(scenario.registers[RESIDENT], shared[RESIDENT])
        self._customers.change("put", self._idle)
        return scenario, worker

    def _start_worker(self) -> Process:
        return self._processes.start("worker-1", "gongyu-hub", "work", "--dir", self._places.folder, "--name", "worker-1")

    def _wait_worker(self, worker: Process) -> None:
        pattern = r"^worker worker-1: ready, metrics at (\S+)"
        self.metrics = worker.wait_ready(pattern, _WORKER_TIMEOUT_S, self._idle)[1]

    def _publish(self, name: str, file: Path, *options: str) -> Process:
        owner = next(grant.information_type.owner for grant in self._grants if grant.information_type.name == name)
        profile, state = self._places.profile(owner_user(owner)), self._places.folder / "owners" / owner
        arguments = (file, "--type", name, "--profile", profile, "--state-dir", state)
        return self._processes.run(f"owner-{owner}-{file.stem}", "gongyu-owner", "publish", *arguments, *options)

    def _load(self, scenario: Scenario) -> None:
        """All registers at once; the time runs from the first message of an owner to the last one settled."""
        self._screen.phase("owners publish their registers (gongyu-owner publish)")
        publishing = [self._publish(name, file, *(["--snapshot"] if name == BUSINESS else [])) for name, file in scenario.registers.items()]
        for process in publishing:
            process.wait_done(_PUBLISH_TIMEOUT_S, self._watch)
        self._screen.phase("the hub shares them")
        self._wait_settled()
        figures, tail = self._figures, self._tail
        firsts = [at for topic in self._owner_topics.values() if (at := tail.first_at(topic)) is not None]
        deliveries = [at for grant in self._grants if (at := tail.first_at(_topic(grant))) is not None]
        figures.first_delivery_s = max(0.0, min(deliveries) - min(firsts)) if firsts and deliveries else 0.0
        figures.load_changes = sum(tail.count(topic) for topic in self._owner_topics.values())
        figures.load_deliveries = sum(tail.count(_topic(grant)) for grant in self._grants)
        figures.load_s = time.time() - min(firsts)

    def _play_day(self, scenario: Scenario, worker: Process) -> None:
        """Hour by hour, other owners beside the residents'; at noon the worker is killed."""
        noon = len(scenario.hours) // 2
        self._screen.phase(f"a day of {scenario.changes:,} changes")
        beside: list[Process] = []
        others = list(scenario.days.items())
        for hour, file in enumerate(scenario.hours):
            residents = self._publish(RESIDENT, file, "--op-column", OP)
            if hour == noon:
                worker = self._kill(worker, residents)
                for action in ("add", "remove"):
                    self._customers.change(action, self._watch)
            beside += [self._publish(name, changes, "--op-column", OP) for name, changes in others[hour :: len(scenario.hours)]]
            residents.wait_done(_PUBLISH_TIMEOUT_S, self._watch)
        beside.append(self._publish(BUSINESS, scenario.businesses_after, "--snapshot"))
        for process in beside:
            process.wait_done(_PUBLISH_TIMEOUT_S, self._watch)
        self._screen.phase("the hub catches up")
        self._wait_worker(worker)
        self._wait_settled()
        self._screen.phase("the subscribers catch up")
        self._wait(self._subscribers_caught_up, "the subscribers did not catch up")
        self._figures.worker_peak_bytes = max(self._figures.worker_peak_bytes, worker.peak_memory_bytes())
        self._read()

    def _kill(self, worker: Process, publishing: Process) -> Process:
        """Kill -9 as soon as a change of this hour is in the topic, so that the worker is busy with it; start it again."""
        before = self._published()
        self._wait(lambda: self._published() > before or publishing.ended(), "nothing was published")
        self._figures.worker_peak_bytes = worker.peak_memory_bytes()
        self._processes.kill(worker)
        began = time.time()
        self._screen.note(f"worker killed (kill -9 {worker.pid}) in the middle of the day, and started again")
        worker.log.rename(worker.log.with_suffix(".killed.log"))
        worker = self._start_worker()
        publishing.wait_done(_PUBLISH_TIMEOUT_S, self._watch)
        self._wait_settled()
        self._figures.outage = (began, time.time())
        return worker

    def _check(self) -> CheckResult:
        self._screen.phase("self-check: an independent reference, record by record")
        began = time.monotonic()
        check = check_hub(self._places.folder, self._places.policy)
        inputs = {name: sum(reference.outcomes.values()) for name, reference in check.references.items()}
        grants = Counter(grant.information_type.name for grant in self._grants)
        check.findings.include(check_sums(self.metrics, inputs, grants))
        for name, reference in check.references.items():
            of_type = [grant for grant in self._grants if grant.information_type.name == name]
            for index, grant in enumerate(of_type):
                check.findings.include(compare_table(self._places.table(grant), grant, reference.views(index)))
        self._figures.check_s = time.monotonic() - began
        return check

    def _measure_latencies(self, check: CheckResult, day_began: dict[str, dict[int, int]]) -> None:
        """Only of the day: while the registers are loaded, latency is the length of the queue."""
        for result in check.grants:
            grant = result.terms
            began = day_began[grant.information_type.name]
            latencies = self._figures.latencies_ms.setdefault(name_of(grant), [])
            calm = self._figures.calm_latencies_ms.setdefault(name_of(grant), [])
            killed, settled = self._figures.outage
            for message, delivery in result.compared.found:
                at = self._tail.arrived_at(_topic(grant), message.partition, message.offset)
                if at is not None and delivery.offset >= began[delivery.partition]:
                    latencies.append(at * 1000 - delivery.ts_ms)
                    if not killed <= at <= settled + 1:
                        calm.append(latencies[-1])

    def _published(self) -> int:
        return sum(self._tail.count(topic) for topic in self._owner_topics.values())

    def _lag(self) -> int:
        """Owner messages that the hub has not committed."""
        behind = 0
        for topic in [*self._owner_topics.values(), *self._list_topics]:
            committed = self._topics.committed(topic, len(self._tail.ends(topic)))
            behind += self._tail.behind(topic, committed)
        return behind

    def _settled(self) -> int:
        return self._published() - self._lag()

    def _wait_settled(self) -> None:
        self._wait(lambda: self._lag() == 0, "the hub did not settle all changes")

    def _subscribers_caught_up(self) -> bool:
        """Only messages count, not the control records behind the last of them."""
        for grant in self._grants:
            positions = read_positions(self._places.table(grant))
            ends = self._tail.ends(_topic(grant))
            if any(positions.get(partition, 0) < end for partition, end in ends.items()):
                return False
        return True

    def _wait(self, done: Callable[[], bool], otherwise: str) -> None:
        deadline = time.monotonic() + _SETTLE_TIMEOUT_S
        while not done():
            self._watch()
            if time.monotonic() > deadline:
                raise FatalError(f"{otherwise} within {_SETTLE_TIMEOUT_S:.0f} s; the logs are in {self._places.logs}")
            time.sleep(_POLL_S)

    def _watch(self) -> None:
        """While waiting: has anything failed, and what is the state?"""
        self._idle()
        self._tail.check()
        if time.monotonic() - self._read_at >= _READ_EVERY_S:
            self._read()

    def _read(self) -> None:
        self._read_at = time.monotonic()
        lag = self._lag()  # before the count: it must not be taken from an older one
        deliveries = {name_of(grant): self._tail.count(_topic(grant)) for grant in self._grants}
        self._screen.read(Reading(max(self._published(), lag), lag, deliveries))

    def _idle(self) -> None:
        self._processes.require_alive()


def name_of(grant: Terms) -> str:
    """A grant's name that is unique in the hub."""
    return f"{grant.subscriber}/{grant.name}"


def _topic(grant: Terms) -> str:
    return grant_topic(grant.subscriber, grant.name)


@contextmanager
def running(places: Places, sizes: Sizes, screen: Screen) -> Iterator[Run]:
    """A run whose processes end with the context."""
    with Processes(places.logs) as processes:
        yield Run(places, sizes, processes, screen)
