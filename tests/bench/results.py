"""Runs, what they come to, and whether the goals are met."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from statistics import median

from tests.bench.drain import Drain
from tests.bench.job import Oracle

_MEGABYTE = 1e6


@dataclass(frozen=True, slots=True)
class Run:
    """One right run. Times in seconds; `first_output_s` from the start of the process until Kafka has its first output."""

    system: str
    grants: int
    inputs: int
    outputs: int
    wall_s: float
    cpu_s: float
    ready_cpu_s: float | None
    span_s: float
    first_output_s: float
    peak_bytes: int
    anonymous_bytes: int
    broker_cpu_s: float
    control_plane_cpu_s: float | None

    @staticmethod
    def of(system: str, grants: int, oracle: Oracle, drained: Drain, first_s: float, last_s: float, beside_s: float | None = None) -> Run:
        return Run(
            system=system,
            grants=grants,
            inputs=oracle.records,
            outputs=oracle.outputs(grants),
            wall_s=drained.wall_s,
            cpu_s=drained.cpu_s,
            ready_cpu_s=drained.ready_cpu_s,
            span_s=last_s - first_s,
            first_output_s=first_s - drained.began_s,
            peak_bytes=drained.peak_bytes,
            anonymous_bytes=drained.anonymous_bytes,
            broker_cpu_s=drained.broker_cpu_s,
            control_plane_cpu_s=beside_s,
        )

    @property
    def cpu_us_per_output(self) -> float:
        return self.cpu_s / self.outputs * 1e6

    @property
    def line(self) -> str:
        return (
            f"{self.cpu_us_per_output:.2f} us/output, {self.outputs / self.span_s:,.0f} outputs/s, "
            f"first after {self.first_output_s:.1f} s, {self.peak_bytes / _MEGABYTE:.0f} MB, {self.wall_s:.1f} s"
        )


@dataclass(frozen=True, slots=True)
class Column:
    """One figure of the table; `of` gives None where a system has no such figure."""

    title: str
    of: Callable[[Run], float | None]
    form: str


COLUMNS = (
    Column("CPU us/output", lambda run: run.cpu_us_per_output, ".2f"),
    Column(
        "same, start excluded", lambda run: None if run.ready_cpu_s is None else (run.cpu_s - run.ready_cpu_s) / run.outputs * 1e6, ".2f"
    ),
    Column("CPU us/input", lambda run: run.cpu_s / run.inputs * 1e6, ".2f"),
    Column("outputs/s", lambda run: run.outputs / run.span_s, ",.0f"),
    Column("inputs/s", lambda run: run.inputs / run.span_s, ",.0f"),
    Column("first output s", lambda run: run.first_output_s, ".2f"),
    Column("peak RSS MB", lambda run: run.peak_bytes / _MEGABYTE, ".0f"),
    Column("of it anonymous MB", lambda run: run.anonymous_bytes / _MEGABYTE, ".0f"),
    Column("broker CPU s", lambda run: run.broker_cpu_s, ".1f"),
    Column("control plane CPU s", lambda run: run.control_plane_cpu_s, ".1f"),
)


@dataclass(frozen=True, slots=True)
class Goal:
    """`value`: None where it was not measured."""

    what: str
    value: float | None
    limit: float

    @property
    def met(self) -> bool:
        return self.value is not None and self.value <= self.limit

    @property
    def line(self) -> str:
        value = "not measured" if self.value is None else f"{self.value:.2f}"
        return f"{'met   ' if self.met else 'MISSED'} {self.what}: {value}, at most {self.limit:g}"


@dataclass(frozen=True, slots=True)
class Report:
    """All counted runs of one measurement. `facts`: machine, versions, settings. `skipped`: system and why."""

    runs: Sequence[Run]
    facts: dict[str, str]
    skipped: dict[str, str]

    def ratios(self) -> list[tuple[int, str, float | None]]:
        """Per N and peer: the hub's CPU per output over the peer's."""
        return [(grants, peer, self._ratio(grants, peer)) for grants in self._grants() for peer in ("loop", "twin")]

    def goals(self, grants: int = 20) -> list[Goal]:
        peak = self._median("hub", grants, lambda run: run.peak_bytes / _MEGABYTE)
        return [
            Goal(f"CPU per output at N={grants}, hub over loop", self._ratio(grants, "loop"), 0.25),
            Goal(f"CPU per output at N={grants}, hub over twin", self._ratio(grants, "twin"), 0.7),
            Goal(f"peak RSS of the worker at N={grants}, MB", peak, 700),
        ]

    def markdown(self) -> str:
        """One table: median, and least to most."""
        titles = ["N", "system", *(column.title for column in COLUMNS)]
        lines = ["# Job J", "", f"| {' | '.join(titles)} |", f"|{'---|' * len(titles)}"]
        for grants in self._grants():
            for system in dict.fromkeys(run.system for run in self.runs):
                cells = [_cell(self._values(system, grants, column.of), column.form) for column in COLUMNS]
                lines.append(f"| {grants} | {system} | {' | '.join(cells)} |")
        lines += ["", "Cells: median (least-most) of the counted runs. Every run's counts and checksums equal the oracle's.", ""]
        lines += [
            f"- N={grants}: hub / {peer} = {'not measured' if ratio is None else f'{ratio:.2f}'} (CPU per output)"
            for grants, peer, ratio in self.ratios()
        ]
        lines += ["", *(f"- {goal.line}" for goal in self.goals())]
        lines += ["", *(f"- skipped: {system}: {why}" for system, why in self.skipped.items())]
        lines += [f"- {name}: {fact}" for name, fact in self.facts.items()]
        return "\n".join(lines) + "\n"

    def json(self) -> str:
        content = {
            "facts": self.facts,
            "skipped": self.skipped,
            "runs": [asdict(run) for run in self.runs],
            "ratios": [{"grants": grants, "peer": peer, "hub_over_peer": ratio} for grants, peer, ratio in self.ratios()],
            "goals": [{**asdict(goal), "met": goal.met} for goal in self.goals()],
        }
        return json.dumps(content, indent=1) + "\n"

    def _grants(self) -> list[int]:
        return sorted({run.grants for run in self.runs})

    def _values(self, system: str, grants: int, of: Callable[[Run], float | None]) -> list[float]:
        found = (of(run) for run in self.runs if run.system == system and run.grants == grants)
        return [value for value in found if value is not None]

    def _median(self, system: str, grants: int, of: Callable[[Run], float | None]) -> float | None:
        values = self._values(system, grants, of)
        return median(values) if values else None

    def _ratio(self, grants: int, peer: str) -> float | None:
        own = self._median("hub", grants, lambda run: run.cpu_us_per_output)
        other = self._median(peer, grants, lambda run: run.cpu_us_per_output)
        return None if own is None or other is None else own / other


def _cell(values: Sequence[float], form: str) -> str:
    if not values:
        return "-"
    return f"{median(values):{form}} ({min(values):{form}}-{max(values):{form}})"
