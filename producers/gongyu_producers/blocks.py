"""Several things as blocks of text: a heading, then lines of a label and a value, wrapped at the screen's width.

Nothing is cut off: a value that is too long goes on below itself, a heading on its own line. Names and paths are shown as they are.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

_INDENT = 2
_GAP = 2
_LEAST_WIDTH = 20


@dataclass(frozen=True, slots=True)
class Block:
    """A thing's name and what is said of it; a value of None is left out."""

    heading: str
    lines: Sequence[tuple[str, str | None]]


def as_blocks(blocks: Iterable[Block], width: int) -> str:
    console = Console(width=width)
    return "\n\n".join("\n".join(_lines(block, console)) for block in blocks)


def screen_width() -> int:
    """80 where nothing is a screen."""
    return Console().width


def _lines(block: Block, console: Console) -> list[str]:
    told = [(label, value) for label, value in block.lines if value is not None]
    beside = max((cell_len(label) for label, _ in told), default=0) + _GAP
    room = max(console.width - _INDENT - beside, _LEAST_WIDTH)
    lines = [block.heading]
    for label, value in told:
        parts = [part.plain.rstrip() for part in Text(value).wrap(console, room, overflow="fold")] or [""]
        for at, part in enumerate(parts):
            shown = "" if at else label
            lines.append(f"{' ' * _INDENT}{shown}{' ' * (beside - cell_len(shown))}{part}")
    return [line.rstrip() for line in lines]
