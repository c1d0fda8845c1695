"""The demo's subject lists: whose records the grants with a list show. Some come and go in the middle of the day.

Enters the grants and the register of residents; leaves files of subjects, put on the lists by the public command.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Sequence
from pathlib import Path

from gongyu_hub.demo.places import Places
from gongyu_hub.demo.processes import Processes
from gongyu_hub.demo.reference import Terms
from gongyu_schemas.information_type import InformationType

_TIMEOUT_S = 120.0
#: Of those on a list, one in so many leaves it; and as many come.
_COMING_AND_GOING = 50


class Customers:
    """One list for each grant that names one. `put`, then `add` and `remove`, each for all lists at once."""

    def __init__(self, places: Places, processes: Processes, grants: Sequence[Terms]) -> None:
        self._places = places
        self._processes = processes
        self._grants = {grant.subject_list: grant for grant in grants if grant.subject_list is not None}

    def __len__(self) -> int:
        return len(self._grants)

    def write(self, register: Path, residents: InformationType) -> None:
        """Files of resident numbers: each list has others, and some residents are on none in the morning."""
        [header] = [header for header, name in residents.publishing.columns.items() if name == residents.subject[0]]
        with register.open(encoding="utf-8", newline="") as source:
            subjects = [row[header] for row in csv.DictReader(source, delimiter="\t")]
        step = len(self._grants) + 1
        for number, name in enumerate(self._grants):
            mine, others = subjects[number::step], subjects[len(self._grants) :: step]
            few = len(mine) // _COMING_AND_GOING
            for action, chosen in (("put", mine), ("add", others[:few]), ("remove", mine[:few])):
                self._file(name, action).write_text("".join(f"{subject}\n" for subject in chosen), encoding="utf-8")

    def change(self, action: str, meanwhile: Callable[[], None]) -> None:
        """`gongyu-hub lists put|add|remove` for every list. Raises FatalError where one fails."""
        commands = []
        for name, grant in self._grants.items():
            of = ("--type", grant.information_type.name, "--subscriber", grant.subscriber, "--dir", self._places.folder)
            arguments = ("lists", action, name.rpartition("/")[2], self._file(name, action), *of)
            commands.append(self._processes.run(f"lists-{action}-{name.replace('/', '.')}", "gongyu-hub", *arguments))
        for command in commands:
            command.wait_done(_TIMEOUT_S, meanwhile)

    def _file(self, name: str, action: str) -> Path:
        return self._places.inputs / f"list-{name.replace('/', '.')}-{action}.txt"
