"""The demo's input as files: two registers and a day of changes, invented by the public command, and the policy.

Enters sizes and a seed; leaves files in a folder: the resident register as TSV, its day of changes with operations, hour by
hour; the business register as two CSV snapshots, of the morning and the evening.
"""

from __future__ import annotations

import datetime as dt
import json
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gongyu_hub.demo.processes import Process, Processes

HOURS = 6
POLICY = Path(__file__).with_name("policy.yaml")
OP = "op"

#: The day that the demo plays, a Monday; a constant, so that a seed means the same registers tomorrow.
_DAY = dt.date(2026, 3, 2)
#: So many times as busy as in real life, so that about an eighth of the residents change in the day.
_ACTIVITY = 200
_TIMEOUT_S = 120.0


@dataclass(frozen=True, slots=True)
class Scenario:
    """The files, and how many changes of each sort the residents' day has."""

    residents: Path
    hours: tuple[Path, ...]
    businesses: Path
    businesses_after: Path
    changes: int
    events: Counter[str]


@dataclass(frozen=True, slots=True)
class Inventing:
    """The running commands that write the registers."""

    residents: Process
    businesses: Process

    def finish(self, meanwhile: Callable[[], None]) -> Scenario:
        """Wait for them. Raises FatalError where one fails."""
        residents, businesses = (_summary(each.wait_done(_TIMEOUT_S, meanwhile)) for each in (self.residents, self.businesses))
        [day] = residents["resident"]["days"]
        return Scenario(
            residents=Path(residents["resident"]["register"]),
            hours=_split(Path(day["file"])),
            businesses=Path(businesses["business"]["register"]),
            businesses_after=Path(businesses["business"]["after"]),
            changes=sum(day["changes"].values()),
            events=Counter(day["events"]),
        )


def invent(processes: Processes, folder: Path, residents: int, businesses: int, seed: int) -> Inventing:
    """Start `gongyu-owner generate` for both registers; the same arguments give the same bytes."""
    world = ("--seed", str(seed), "--first-day", _DAY.isoformat(), "--activity", str(_ACTIVITY), "--days", "1", "--out", folder, "--json")
    people = ("resident", "--records", str(residents), "--businesses", str(businesses))
    companies = ("business", "--records", str(businesses), "--residents", str(residents), "--after", "--format", "csv")
    return Inventing(
        processes.run("generate-residents", "gongyu-owner", "generate", *people, *world),
        processes.run("generate-businesses", "gongyu-owner", "generate", *companies, *world),
    )


def _summary(output: str) -> dict[str, Any]:
    """The command's last line; progress may stand above it."""
    found: dict[str, Any] = json.loads(output.splitlines()[-1])
    return found


def _split(day: Path) -> tuple[Path, ...]:
    """The day's file as one for each hour, from nine on."""
    header, *rows = day.read_text(encoding="utf-8").splitlines(keepends=True)
    share = -(-len(rows) // HOURS)
    hours = []
    for hour in range(HOURS):
        file = day.with_name(f"resident-{hour + 9:02d}h.tsv")
        file.write_text("".join([header, *rows[share * hour : share * (hour + 1)]]), encoding="utf-8")
        hours.append(file)
    return tuple(hours)
