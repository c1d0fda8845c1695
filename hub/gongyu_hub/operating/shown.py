"""Objects of the API as a person reads them: a table of many, lines of one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from rich.table import Table

from gongyu_hub.json_answers import write
from gongyu_schemas.console import make_console


def print_rows(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    table = Table(*columns, box=None, pad_edge=False)
    for row in rows:
        table.add_row(*row)
    make_console().print(table)


def print_object(content: dict[str, Any], as_json: bool) -> None:
    if as_json:
        print(write(content))
        return
    width = max(map(len, content))
    for name, value in content.items():
        print(f"{name:<{width}}  {_text(value)}")


def _text(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name}: {_text(inner)}" for name, inner in value.items())
    if isinstance(value, list):
        return " ".join(map(_text, value))
    return {None: "-", True: "yes", False: "no"}.get(value, str(value)) if isinstance(value, (bool, type(None))) else str(value)
