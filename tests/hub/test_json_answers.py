"""One JSON document, however long: written as its items come, and not to be taken for whole where it breaks off."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from gongyu_hub.json_answers import print_array, print_with_array


@pytest.mark.parametrize("items", [[], [{"a": "가"}], [1, None, "x"]])
def test_an_array_is_one_document(items: list[object], capsys: pytest.CaptureFixture[str]) -> None:
    print_array(iter(items))
    print_with_array({"entries": len(items)}, "subjects", iter(items))
    first, second = capsys.readouterr().out.split("]", 1)
    assert json.loads(f"{first}]") == items
    assert json.loads(second) == {"entries": len(items), "subjects": items}


def test_what_breaks_off_is_written_so_far_and_no_document(capsys: pytest.CaptureFixture[str]) -> None:
    def items() -> Iterator[int]:
        for number in range(3):
            yield number
            assert str(number) in capsys.readouterr().out, "nothing waits for the end"
        raise LookupError

    with pytest.raises(LookupError):
        print_array(items())
    assert "]" not in capsys.readouterr().out
