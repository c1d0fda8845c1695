"""Files of subjects: one a line.

Enters lines of text; leaves JSON lines as the control plane takes them. A line is the subject's fields in their order, separated by
tabs, and optionally the end of the entry behind them; or, where it begins with `{`, a JSON object by field names with `until`
beside them. A first line of exactly the fields' names is a header; empty lines are passed over. A line that cannot be
read, or is longer than any entry, goes on as `unreadable` with the reason, never with its content. Memory does not grow with a line.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, BinaryIO

UNTIL = "until"
#: A subject has 4,096 bytes at most. Written as JSON, where a byte may become six, it stays below what the control plane takes of a line.
LINE_BYTES_MAX = 16_000


def read_lines(source: BinaryIO) -> Iterator[bytes]:
    """The lines of a file; of one that is too long only the beginning, one byte longer than allowed."""
    while line := source.readline(LINE_BYTES_MAX + 1):
        yield line
        while line and not line.endswith(b"\n"):
            line = source.readline(LINE_BYTES_MAX)


def read_entries(lines: Iterable[bytes], fields: Sequence[str]) -> Iterator[bytes]:
    """The body of a request, a line at a time."""
    header = [*fields]
    for number, raw in enumerate(lines, start=1):
        if len(raw.rstrip(b"\r\n")) > LINE_BYTES_MAX:
            yield _line({"line": number, **_unreadable(f"longer than {LINE_BYTES_MAX:,} bytes")})
            continue
        try:
            text = raw.decode("utf-8-sig" if number == 1 else "utf-8").rstrip("\r\n")
        except UnicodeDecodeError:
            yield _line({"line": number, **_unreadable("not UTF-8")})
            continue
        if not text.strip() or (number == 1 and text.split("\t") in (header, [*header, UNTIL])):
            continue
        entry = _read_object(text, fields) if text.lstrip().startswith("{") else _read_cells(text, fields)
        yield _line({"line": number, **entry})


def _line(content: dict[str, Any]) -> bytes:
    return json.dumps(content).encode() + b"\n"


def _read_cells(text: str, fields: Sequence[str]) -> dict[str, Any]:
    cells = [cell.strip() for cell in text.split("\t")]
    if len(cells) not in (len(fields), len(fields) + 1):
        return _unreadable(f"{len(cells)} columns instead of {len(fields)} ({', '.join(fields)}) and, if there is one, the end")
    return {"values": cells[: len(fields)], "until": (cells[len(fields)] or None) if len(cells) > len(fields) else None}


def _read_object(text: str, fields: Sequence[str]) -> dict[str, Any]:
    try:
        content = json.loads(text)
    except (ValueError, RecursionError):
        return _unreadable("not JSON")
    if content.keys() - {*fields, UNTIL} or any(name not in content for name in fields):
        return _unreadable(f"must have {', '.join(fields)} and, if there is one, {UNTIL}")
    until = content.get(UNTIL)
    if until is not None and not isinstance(until, str):
        return _unreadable(f"{UNTIL}: must be a text")
    return {"values": [content[name] for name in fields], "until": until}


def _unreadable(why: str) -> dict[str, Any]:
    return {"values": [], "unreadable": why}
