"""`make bench`: job J by the hub, the plain Python loop and the stateful Kafka Streams twin, in one run on one broker.

The broker, the control plane and everything that loads or checks run on the first core, the system under test alone on the
second. Per number of grants the systems take turns (A B C A B C); the first turn warms up and is not counted. Leaves
bench.json and bench.md. Exit code 1: a run was not right or, in a full measurement, a goal was missed.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Annotated

import typer

from gongyu_schemas import exit_codes
from tests.bench.broker import BenchKafka, Broker
from tests.bench.errors import BenchFailed
from tests.bench.hub import Hub
from tests.bench.job import make_job
from tests.bench.machine import describe_machine
from tests.bench.peers import LOOP, TWIN, Peer, Peers
from tests.bench.results import Report, Run

_ROOT = Path(__file__).parents[2]
_FULL_INPUTS, _FULL_RUNS, _GOAL_GRANTS = 600_000, 3, 20
_CACHE = Path(os.environ.get("GONGYU_CACHE") or Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "gongyu") / "bench"

Measure = Callable[[int, str], Run]


def bench(
    out: Annotated[Path, typer.Option(help="Folder of the report and of the logs.")],
    peers: Annotated[Path, typer.Option(help="Folder of the peers' sources.")] = _ROOT.parent / "shared" / "peers",
    inputs: Annotated[int, typer.Option(min=1, help="Number of changes.")] = _FULL_INPUTS,
    runs: Annotated[int, typer.Option(min=1, help="Counted runs of each system and number of grants.")] = _FULL_RUNS,
    grants: Annotated[str, typer.Option(help="Numbers of grants, with commas.")] = "1,5,20",
    systems: Annotated[str, typer.Option(help="Systems, in their order, with commas.")] = "hub,loop,twin",
    quick: Annotated[bool, typer.Option("--quick", help="While developing: 60000 inputs, one run, no warm-up, N = 1 and 20.")] = False,
) -> None:
    """Measure.

    Example: python -m tests.bench --out build/bench
    """
    if quick:
        inputs, runs, grants = 60_000, 1, "1,20"
    numbers = [int(number) for number in grants.split(",")]
    try:
        report = _measure(out, peers, inputs, runs, numbers, systems.split(","), warm_up=not quick)
    except BenchFailed as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(exit_codes.FATAL) from error
    (out / "bench.json").write_text(report.json(), encoding="utf-8")
    (out / "bench.md").write_text(report.markdown(), encoding="utf-8")
    print(f"\n{report.markdown()}\nwritten to {out}/bench.md and bench.json", flush=True)
    is_full = inputs >= _FULL_INPUTS and runs >= _FULL_RUNS and _GOAL_GRANTS in numbers
    if is_full and not all(goal.met for goal in report.goals()):
        raise typer.Exit(exit_codes.FATAL)


def _measure(out: Path, sources: Path, inputs: int, runs: int, numbers: list[int], names: list[str], warm_up: bool) -> Report:
    first_core, second_core = _cores()
    if not (sources / "gen.py").exists():
        raise BenchFailed(f"{sources} has no gen.py: give the folder of the peers with --peers")
    os.sched_setaffinity(0, {first_core})
    out.mkdir(parents=True, exist_ok=True)
    job = make_job(inputs, sources, _CACHE / f"job-{inputs}")
    facts = describe_machine() | {
        "job": f"{inputs} inputs; broker and the rest on core {first_core}, system on core {second_core}; {runs} runs"
    }
    with (
        tempfile.TemporaryDirectory(prefix="bench-") as work,
        BenchKafka(Path(work) / "kafka", say=print) as kafka,
        _asking(kafka) as broker,
    ):
        logs = _fresh(out / "logs")
        own = Hub(kafka, broker, job, (first_core, second_core), Path(work), logs)
        others = Peers(sources, _CACHE / "peers", broker, job, second_core, logs)
        systems, skipped = _choose(names, own, others, facts)
        if any(name != "hub" for name in systems):
            others.load()
        counted = []
        for number in numbers:
            for turn in range(0 if warm_up else 1, runs + 1):
                for name, measure in systems.items():
                    run = measure(number, f"{name}-n{number}-{turn}")
                    print(f"{time.strftime('%H:%M:%S')} N={number} {name} {'warm-up' if turn == 0 else turn}: {run.line}", flush=True)
                    if turn:
                        counted.append(run)
    return Report(counted, facts, skipped)


def _choose(names: list[str], own: Hub, others: Peers, facts: dict[str, str]) -> tuple[dict[str, Measure], dict[str, str]]:
    """The systems to be measured, and those that cannot be."""
    known: dict[str, Peer] = {peer.name: peer for peer in (LOOP, TWIN)}
    systems: dict[str, Measure] = {}
    skipped: dict[str, str] = {}
    for name in names:
        if name == "hub":
            systems[name] = own.run
            continue
        if name not in known:
            raise BenchFailed(f"no system is called {name!r}; there are hub, {', '.join(known)}")
        peer = known[name]
        missing = others.missing(peer)
        if missing is not None:
            skipped[name] = missing
            print(f"SKIPPED {name}: {missing}", flush=True)
            continue
        systems[name] = _bound(others, peer)
        facts[name] = others.versions(peer)
    return systems, skipped


def _bound(others: Peers, peer: Peer) -> Measure:
    return lambda grants, label: others.run(peer, grants, label)


def _asking(kafka: BenchKafka) -> closing[Broker]:
    return closing(Broker(kafka.plain, kafka.pid or 0))


def _cores() -> tuple[int, int]:
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) < 2:
        raise BenchFailed("needs two cores: one for the broker, one for the system under test")
    return cores[0], cores[1]


def _fresh(folder: Path) -> Path:
    """Logs of this measurement only."""
    folder.mkdir(parents=True, exist_ok=True)
    for log in folder.glob("*.log"):
        log.unlink()
    return folder


if __name__ == "__main__":
    typer.run(bench)
