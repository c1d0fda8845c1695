"""Small registers in files: rows of the test types `person` and `levy`, written as an owner's export would be."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

PERSON_HEADER = "id\tname\tregion\tincome\tscore\tfee"
LEVY_HEADER = "bill\tpayer\trevision\tamount"


def person(number: int | str, income: int | str = 1_000) -> str:
    return f"{number}\tName {number}\tSeoul\t{income}\t0.5\t12.30"


def write_people(file: Path, incomes: Mapping[int, int], *more: str) -> Path:
    return write_rows(file, PERSON_HEADER, [*(person(number, income) for number, income in incomes.items()), *more])


def write_rows(file: Path, header: str, rows: Iterable[str]) -> Path:
    file.write_text("\n".join([header, *rows, ""]), encoding="utf-8")
    return file
