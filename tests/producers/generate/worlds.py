"""Generated files read back: plans, rows by key, days applied as a subscriber of the owner's topic would."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from gongyu_producers.generate.registers import KINDS
from gongyu_producers.generate.world import World
from gongyu_producers.generate.write import OP, FileFormat, Plan, Written, generate
from gongyu_schemas.information_type import InformationType, load_types, shipped_types

TYPES = load_types(shipped_types())
Row = dict[str, str]
Key = tuple[str, ...]


class Silent:
    def begin(self, name: str, total: int) -> None: ...

    def show(self, done: int, items: int) -> None: ...


def write(
    name: str, world: World, records: int, days: int, out: Path, *, after: bool = False, file_format: FileFormat = FileFormat.TSV
) -> Written:
    return generate(Plan(TYPES[name], world, records, days, out, file_format, after), Silent(), lambda: None)


def contents(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in folder.iterdir()}


def read(file: Path, of: InformationType) -> Iterator[Row]:
    """Rows by field name; the operation under OP."""
    with file.open(encoding="utf-8", newline="") as source:
        reader = csv.reader(source, delimiter="\t" if file.suffix == ".tsv" else ",", quoting=csv.QUOTE_MINIMAL, strict=True)
        header = [of.publishing.columns.get(name, name) for name in next(reader)]
        for cells in reader:
            yield dict(zip(header, cells, strict=True))


@dataclass
class Lived:
    """A register and its days. `days` holds the rows of each day's file, `states` the register before the first and after each."""

    of: InformationType
    written: Written
    register: dict[Key, Row] = field(default_factory=dict)
    days: list[list[Row]] = field(default_factory=list)
    states: list[dict[Key, Row]] = field(default_factory=list)
    misfits: list[str] = field(default_factory=list)
    idle: int = 0

    def key(self, row: Row) -> Key:
        return tuple(row[name] for name in self.of.key)

    def __post_init__(self) -> None:
        for row in read(self.written.register, self.of):
            if self.key(row) in self.register:
                self.misfits.append("a key twice in the register")
            self.register[self.key(row)] = row
        state = dict(self.register)
        self.states.append(dict(state))
        for day in self.written.days:
            rows = list(read(day.file, self.of))
            for row in rows:
                self._apply(state, row)
            self.days.append(rows)
            self.states.append(dict(state))

    def _apply(self, state: dict[Key, Row], row: Row) -> None:
        op, key = row[OP], self.key(row)
        if (op == "c") == (key in state):
            self.misfits.append(f"{op} of a record that is {'there' if key in state else 'not there'}")
        if op == "d":
            state.pop(key, None)
            return
        image = {name: text for name, text in row.items() if name != OP}
        before = state.get(key)
        if before is not None and [before[name] for name in self.of.subject] != [image[name] for name in self.of.subject]:
            self.misfits.append("another subject")
        self.idle += before == image
        state[key] = image

    @cached_property
    def after(self) -> dict[Key, Row]:
        assert self.written.after is not None
        return {self.key(row): row for row in read(self.written.after, self.of)}


@dataclass(frozen=True)
class Lives:
    """All six registers of one world."""

    folder: Path
    world: World
    of: dict[str, Lived]


def live(world: World, days: int, folder: Path) -> Lives:
    found = {}
    for name, kind in KINDS.items():
        records = {"resident": world.residents, "business": world.businesses}.get(name, world.residents * kind.per_hundred_residents // 100)
        found[name] = Lived(TYPES[name], write(name, world, records, days, folder, after=True))
    return Lives(folder, world, found)
