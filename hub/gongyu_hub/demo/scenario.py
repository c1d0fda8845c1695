"""The demo's input as files: six registers and a day of changes in each, invented by the public command, and the policy.

Enters sizes and a seed; leaves files in a folder: of each register the one of the morning and the day's changes with operations;
the residents' day hour by hour, and of the businesses, whose owner publishes snapshots, the register of the evening.
"""

from __future__ import annotations

import datetime as dt
import json
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gongyu_hub.demo.processes import Process, Processes

HOURS = 6
POLICY = Path(__file__).with_name("policy.yaml")
OP = "op"
RESIDENT, BUSINESS = "resident", "business"
#: Records of the other registers, per hundred residents: a part of what there would be, so that the demo stays short.
_PER_HUNDRED = {"local-tax": 40, "land-building": 30, "vehicle": 20, "health-insurance": 40}

#: The day that the demo plays, a Monday; a constant, so that a seed means the same registers tomorrow.
_DAY = dt.date(2026, 3, 2)
#: So many times as busy as in real life, so that about an eighth of the residents change in the day.
_ACTIVITY = 200
_TIMEOUT_S = 120.0


@dataclass(frozen=True, slots=True)
class Scenario:
    """The files, and how many changes of each sort the residents' day has.

    `registers`: of the morning, by type. `hours`: the residents' day. `days`: changes of the other types.
    `businesses_after`: the register of the evening.
    """

    registers: Mapping[str, Path]
    hours: tuple[Path, ...]
    days: Mapping[str, Path]
    businesses_after: Path
    changes: int
    events: Counter[str]


@dataclass(frozen=True, slots=True)
class Inventing:
    """The running commands that write the registers, by type."""

    commands: Mapping[str, Process]

    def finish(self, meanwhile: Callable[[], None]) -> Scenario:
        """Wait for them. Raises FatalError where one fails."""
        written = {name: _summary(each.wait_done(_TIMEOUT_S, meanwhile))[name] for name, each in self.commands.items()}
        [day] = written[RESIDENT]["days"]
        return Scenario(
            registers={name: Path(each["register"]) for name, each in written.items()},
            hours=_split(Path(day["file"])),
            days={name: Path(each["days"][0]["file"]) for name, each in written.items() if name not in (RESIDENT, BUSINESS)},
            businesses_after=Path(written[BUSINESS]["after"]),
            changes=sum(sum(each["days"][0]["changes"].values()) for each in written.values()),
            events=Counter(day["events"]),
        )


def invent(processes: Processes, folder: Path, residents: int, businesses: int, seed: int) -> Inventing:
    """Start `gongyu-owner generate` for all registers; the same arguments give the same bytes."""
    world = ("--seed", str(seed), "--first-day", _DAY.isoformat(), "--activity", str(_ACTIVITY), "--days", "1", "--out", folder, "--json")
    of: dict[str, tuple[str, ...]] = {
        RESIDENT: ("--records", str(residents), "--businesses", str(businesses)),
        BUSINESS: ("--records", str(businesses), "--residents", str(residents), "--after", "--format", "csv"),
    }
    for name, share in _PER_HUNDRED.items():
        records = str(max(residents * share // 100, 1))
        of[name] = ("--records", records, "--residents", str(residents), "--businesses", str(businesses))
    return Inventing(
        {name: processes.run(f"generate-{name}", "gongyu-owner", "generate", name, *options, *world) for name, options in of.items()}
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
