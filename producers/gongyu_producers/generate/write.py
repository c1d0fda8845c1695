"""A generated register as files: the whole register on the eve of the first day, and a file of changes for each day.

Enters a `Plan`; leaves `TYPE.tsv`, `TYPE.YYYY-MM-DD.changes.tsv` (with a column `op`: c, u, d) and, where asked for,
`TYPE.after.tsv`, the whole register behind the last day. The headers are those of the type's owner; equal plans give equal
bytes. Files appear under their names when they are complete. Raises ConfigError where one is there already or cannot be written.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from gongyu_producers.generate.calendar_days import day_of
from gongyu_producers.generate.cells import Cell
from gongyu_producers.generate.dice import Dice, Indices
from gongyu_producers.generate.registers import KINDS
from gongyu_producers.generate.table import CHUNK, Changes, Diary, Register, chunks
from gongyu_producers.generate.world import World
from gongyu_producers.progress import Steps
from gongyu_schemas.errors import ConfigError
from gongyu_schemas.fields import Kind
from gongyu_schemas.information_type import InformationType
from gongyu_schemas.plain_words import why

OP = "op"


class FileFormat(StrEnum):
    TSV = "tsv"
    CSV = "csv"


@dataclass(frozen=True, slots=True)
class Plan:
    """What to generate. `after`: the register behind the last day too."""

    information_type: InformationType
    world: World
    records: int
    days: int
    out: Path
    format: FileFormat = FileFormat.TSV
    after: bool = False


@dataclass(frozen=True, slots=True)
class DayWritten:
    """One day's file: how many changes of each operation, and what they were."""

    file: Path
    ops: Counter[str]
    events: Counter[str]


@dataclass(slots=True)
class Written:
    """The files of a run."""

    register: Path
    records: int
    days: list[DayWritten] = field(default_factory=list)
    after: Path | None = None
    records_after: int = 0


def generate(plan: Plan, steps: Steps, check: Callable[[], None]) -> Written:
    """Calls `check` often; what it raises ends the run."""
    name, world = plan.information_type.name, plan.world
    files = _Files(plan)
    days = [files.path(f"{day_of(world.first_day + day).isoformat()}.changes") for day in range(plan.days)]
    written = Written(files.path(None), plan.records, after=files.path("after") if plan.after else None)
    files.prepare()
    steps.begin(f"{name}: register", plan.records)
    register = KINDS[name].make(world, plan.records)
    form = _Form(plan)
    with files.open(written.register) as target:
        target.write(form.header(None))
        for rows in chunks(0, plan.records):
            register.fill(rows)
            target.write(form.lines(register.cells(rows)))
            steps.show(int(rows[-1]) + 1, int(rows[-1]) + 1)
            check()
    if plan.days:
        steps.begin(f"{name}: days", plan.days)
    dice, said = Dice(world.seed, f"days of {name}"), 0
    for number, file in enumerate(days):
        diary = Diary(world, dice, register.table, world.first_day + number)
        register.live(diary)
        changes = diary.close()
        with files.open(file) as target:
            target.write(form.header(OP))
            for begin in range(0, len(changes.rows), CHUNK):
                target.write(_lines_of(form, register, changes, slice(begin, begin + CHUNK)))
                check()
        said += len(changes.rows)
        steps.show(number + 1, said)
        written.days.append(DayWritten(file, Counter(changes.ops.tolist()), changes.events))
    if written.after is not None:
        with files.open(written.after) as target:
            target.write(form.header(None))
            for rows in _present(register):
                target.write(form.lines(register.cells(rows)))
                check()
    written.records_after = int(np.count_nonzero(register.table["present"]))
    return written


def _lines_of(form: _Form, register: Register, changes: Changes, part: slice) -> bytes:
    return form.lines({OP: Cell("%s", (changes.ops[part],)), **register.cells(changes.rows[part])}, OP)


def _present(register: Register) -> Iterator[Indices]:
    for rows in chunks(0, register.table.rows):
        yield rows[register.table["present"][rows]]


class _Form:
    """Cells -> lines of the file."""

    def __init__(self, plan: Plan) -> None:
        headers = {name: header for header, name in plan.information_type.publishing.columns.items()}
        self._fields = [(each.name, headers.get(each.name, each.name)) for each in plan.information_type.fields]
        self._texts = {each.name for each in plan.information_type.fields if each.kind is Kind.STRING}
        self._csv = plan.format is FileFormat.CSV

    def header(self, first: str | None) -> bytes:
        return self._join([*([first] if first else []), *(header for _, header in self._fields)])

    def lines(self, cells: Mapping[str, Cell], first: str | None = None) -> bytes:
        names = [*([first] if first else []), *(name for name, _ in self._fields)]
        chosen: list[Cell] = [cells[name] for name in names]
        forms = [f'"{cell.form}"' if self._csv and name in self._texts else cell.form for name, cell in zip(names, chosen, strict=True)]
        form = self._join(forms).decode()
        columns: list[NDArray[Any]] = [part for cell in chosen for part in cell.parts]
        return "".join(map(form.__mod__, zip(*(column.tolist() for column in columns), strict=True))).encode()

    def _join(self, texts: Iterable[str]) -> bytes:
        return (("," if self._csv else "\t").join(texts) + "\n").encode()


class _Files:
    """The files in the folder of a plan, under their names only when complete."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan

    def path(self, part: str | None) -> Path:
        names = [self._plan.information_type.name, *([part] if part else []), self._plan.format.value]
        return self._plan.out / ".".join(names)

    def prepare(self) -> None:
        """Raises ConfigError where a file of this type is there, of whatever run: days of two runs must not mix."""
        try:
            self._plan.out.mkdir(parents=True, exist_ok=True)
            name = self._plan.information_type.name
            there = sorted(each for each in self._plan.out.glob(f"{name}.*") if each.suffix != _PART)
        except OSError as error:
            raise ConfigError(f"--out {self._plan.out}: cannot be used: {why(error)}; give another folder") from error
        if there:
            raise ConfigError(f"--out {self._plan.out}: {there[0].name} is there already; remove it or give another folder")

    @contextmanager
    def open(self, file: Path) -> Iterator[BinaryIO]:
        part = file.with_name(file.name + _PART)
        try:
            with part.open("wb") as target:
                yield target
            part.rename(file)
        except OSError as error:
            raise ConfigError(f"{file}: cannot be written: {why(error)}; give another --out") from error
        finally:
            part.unlink(missing_ok=True)


_PART = ".part"
