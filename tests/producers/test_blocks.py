"""Blocks of text: whatever is said and however narrow the screen, every character of it is there and no line is too wide."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from gongyu_producers.blocks import Block, as_blocks

WORDS = st.text("ab[]/가나-_.:", min_size=1, max_size=120)
VALUES = st.lists(WORDS, min_size=1, max_size=12).map(" ".join)


@given(st.lists(VALUES, min_size=1, max_size=4), st.integers(40, 120))
def test_nothing_is_cut_and_every_line_fits(values: list[str], width: int) -> None:
    lines = [(f"label {number}", value) for number, value in enumerate(values)]
    said = as_blocks([Block("owner.o.t", [*lines, ("absent", None)])], width).splitlines()
    assert said[0] == "owner.o.t"
    assert all(cell_len(line) <= width and line == line.rstrip() for line in said)
    assert "".join("".join(line[11:].split()) for line in said[1:]) == "".join("".join(value.split()) for value in values)
    assert [line[2:9] for line in said[1:] if line[2:9].strip()] == [label for label, _ in lines]


def test_blocks_stand_apart() -> None:
    assert as_blocks([Block("a", [("x", "1"), ("long", "2")]), Block("b", [])], 80) == "a\n  x     1\n  long  2\n\nb"
