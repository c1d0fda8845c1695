"""Lines of a JSON lines file -> objects: one JSON object a line, blank lines hold no row.

A line that is no JSON object is bad data, not a broken file (the next line is whole again): it leaves as a text
saying what is wrong. Numbers with a point stay exact (Decimal); NaN and Infinity are not JSON.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from decimal import Decimal
from typing import Any, NoReturn

from gongyu_producers.lines import Lines

JsonObject = dict[str, Any]


def read_json_lines(lines: Lines) -> Iterator[tuple[int, JsonObject | str]]:
    """(line, object) or (line, what is wrong with the line)."""
    for number, line in enumerate(lines, start=1):
        if not line.isspace():
            yield number, _parse(line.rstrip())


def parse_json(text: str) -> Any:
    """Any JSON value. Raises ValueError, whose text says what is wrong and quotes nothing."""
    try:
        return json.loads(text, parse_float=Decimal, parse_constant=_refuse, object_pairs_hook=_object)
    except json.JSONDecodeError as error:
        raise ValueError(f"not JSON at character {error.pos + 1}: {error.msg}") from error
    except RecursionError as error:
        raise ValueError("not JSON that can be read: nested too deeply") from error
    except ValueError as error:
        raise ValueError(f"not JSON that can be read exactly: {error}") from error


def _parse(line: str) -> JsonObject | str:
    try:
        value = parse_json(line)
    except ValueError as error:
        return str(error)
    return value if isinstance(value, dict) else "not a JSON object"


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON")


def _object(pairs: list[tuple[str, Any]]) -> JsonObject:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name occurs twice in one object")
    return found
