"""From a place inside a YAML text value to the place in the file.

Row text may stand in any of YAML's styles: plain, quoted, folded or literal, on one line or several. All of them keep
the characters that are not white space, in order, except for escapes in quotes; so the n-th such character of
the value is the n-th of the source. White space points just behind the character before it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import yaml

from gongyu_hub.registry.places import Place

#: A double-quoted escape: \xNN, \uNNNN, \UNNNNNNNN, or one character (a line break: the line goes on).
_ESCAPE = re.compile(r"\\(?:x[0-9A-Fa-f]{2}|u[0-9A-Fa-f]{4}|U[0-9A-Fa-f]{8}|\r\n|[\s\S])")
#: Escapes that stand for white space in the value, or for nothing.
_BLANK_ESCAPES = frozenset("tnvfr N_LP\t\n\r")


def place_inside(text: str, node: yaml.ScalarNode, line: int, column: int) -> Place:
    """The file place of (line, column), both from 1, of the node's value; `text` is the whole file."""
    lines = node.value.split("\n")
    index = sum(len(each) + 1 for each in lines[: line - 1]) + column - 1
    wanted = sum(not char.isspace() for char in node.value[:index])
    at_text = index < len(node.value) and not node.value[index].isspace()
    start = node.start_mark.index
    sources = list(_characters(text[start : node.end_mark.index], node.style))
    if not sources:
        return Place(node.start_mark.line + 1, node.start_mark.column + 1)
    if at_text and wanted < len(sources):
        offset = sources[wanted][0]
    elif wanted:
        offset = sources[min(wanted, len(sources)) - 1][1]
    else:
        offset = sources[0][0]
    before = text[: start + offset]
    return Place(before.count("\n") + 1, len(before) - (before.rfind("\n") + 1) + 1)


def _characters(source: str, style: str | None) -> Iterator[tuple[int, int]]:
    """(start, end) in the source of each character of the value that is not white space."""
    at, end = 0, len(source)
    if style in ("'", '"'):
        at, end = 1, end - 1
    elif style in ("|", ">"):
        at = source.index("\n") if "\n" in source else end  # behind the header, which may hold a comment
    while at < end:
        width, blank = 1, source[at].isspace()
        if style == "'" and source.startswith("''", at):
            width = 2
        elif style == '"' and source[at] == "\\":
            escape = _ESCAPE.match(source, at)
            if escape is not None:
                width = escape.end() - at
                code = escape.group()[2:]
                blank = chr(int(code, 16)).isspace() if source[at + 1] in "xuU" else source[at + 1] in _BLANK_ESCAPES
        if not blank:
            yield at, at + width
        at += width
