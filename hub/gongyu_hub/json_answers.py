"""What a command prints with `--json`: one document on standard output, whatever its length.

A long one is written as its items come, an item a line, so that nobody holds it whole. Where an error ends the command, the document is not
begun or breaks off, and no reader can take it for a whole one; the error is on standard error, its kind in the exit code.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any


def write(content: Any) -> str:
    """On one line; dates and the like as their texts."""
    return json.dumps(content, ensure_ascii=False, default=str)


def print_array(items: Iterable[Any], begin: str = "", end: str = "") -> None:
    """`begin` and `end`: what is around the array."""
    print(f"{begin}[", end="")
    comma = ""
    for item in items:
        print(f"{comma}\n{write(item)}", end="")
        comma = ","
    print(f"\n]{end}", flush=True)


def print_with_array(content: dict[str, Any], name: str, items: Iterable[Any]) -> None:
    """An object with an array as its last value."""
    print_array(items, f"{write(content)[:-1]}, {write(name)}: ", "}")
