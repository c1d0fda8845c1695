"""The console of answers: a terminal's own, or standard output elsewhere, where lines are whole and end where their text ends."""

from __future__ import annotations

import re
import sys
from io import StringIO

from rich.console import Console

_PADDING = re.compile(r" +$", re.MULTILINE)
#: Off a terminal a row of a table is one line, however long, so that it can be searched and cut.
_NO_END = 10_000


class _Unpadded(StringIO):
    """Standard output, as it is at the time, without the blanks that tables put at the end of their lines."""

    def write(self, text: str) -> int:
        sys.stdout.write(_PADDING.sub("", text))
        return len(text)

    def flush(self) -> None:
        sys.stdout.flush()


def make_console() -> Console:
    """For tables and lines that a person or a script reads."""
    console = Console()
    return console if console.is_terminal else Console(file=_Unpadded(), width=_NO_END)
