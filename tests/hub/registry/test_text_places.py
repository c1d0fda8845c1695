"""A place inside a text value is a place in the file, in whatever YAML style the text is written."""

from __future__ import annotations

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from gongyu_hub.registry.places import Place, read_document
from gongyu_hub.registry.text_places import place_inside

STYLES = {
    "plain": "rows: a = 1 AND bad = 2\n",
    "plain on two lines": "rows: a = 1\n  AND bad = 2\n",
    "single quotes": "rows: 'a = ''x'' AND bad = 2'\n",
    "double quotes": 'rows: "a = \\"x\\" AND\\tbad = \\u0032"\n',
    "double quotes over lines": 'rows: "a = 1 \\\n   AND\n\n   bad = 2"\n',
    "literal": "rows: |\n    a = 1\n      AND bad = 2\n",
    "literal with a comment": "rows: |-  # which rows\n    a = 1\n\n    AND bad = 2\n",
    "folded": "rows: >\n    a = 1\n    AND\n    bad = 2\n",
    "after Korean text": "# 행\nrows: \"a = '서울' AND bad = 2\"\n",
}


@pytest.mark.parametrize("text", STYLES.values(), ids=STYLES.keys())
def test_a_word_is_found_where_it_stands(text: str) -> None:
    node = read_document(text).scalars[("rows",)]
    index = node.value.index("bad")
    before = node.value[:index]
    place = place_inside(text, node, before.count("\n") + 1, index - (before.rfind("\n") + 1) + 1)
    source = text[: text.index("bad")]
    assert place == Place(source.count("\n") + 1, len(source) - (source.rfind("\n") + 1) + 1)


def test_the_end_of_the_text_is_behind_its_last_character() -> None:
    text = "rows: 'a ='\n"
    assert place_inside(text, read_document(text).scalars[("rows",)], 1, 4) == Place(1, 11)


@given(
    words=st.lists(st.text(st.sampled_from("ab'\"\\:#행%(),"), min_size=1, max_size=6), min_size=1, max_size=8),
    style=st.sampled_from([None, "'", '"', "|", ">"]),
    width=st.sampled_from([12, 1000]),
)
def test_every_word_is_found_in_what_yaml_itself_writes(words: list[str], style: str | None, width: int) -> None:
    value = " ".join(["start", *words, "end"])
    text = yaml.dump({"rows": value}, default_style=style, width=width, allow_unicode=True)
    document = read_document(text)
    [node] = [node for path, node in document.scalars.items() if path == ("rows",)]
    assert node.value.rstrip("\n") == value
    for word in ("start", "end"):
        place = place_inside(text, node, 1, value.rindex(word) + 1)
        assert text.splitlines()[place.line - 1].startswith(word, place.column - 1)
