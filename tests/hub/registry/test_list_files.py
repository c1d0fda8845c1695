"""Files of subjects: cells or objects, with or without ends and header; bad lines are told by number."""

from __future__ import annotations

import json
from typing import Any

from gongyu_hub.registry.list_files import read_entries


def read(text: str | bytes, *fields: str) -> list[dict[str, Any]]:
    raw = text.encode() if isinstance(text, str) else text
    return [json.loads(line) for line in read_entries(raw.splitlines(keepends=True), fields)]


def test_one_field_a_line_with_and_without_an_end() -> None:
    assert read("\ufeffid\n a \r\n\nb\t2026-12-31\nc\t\n", "id") == [
        {"line": 2, "values": ["a"], "until": None},
        {"line": 4, "values": ["b"], "until": "2026-12-31"},
        {"line": 5, "values": ["c"], "until": None},
    ]


def test_several_fields_by_tabs_and_json_objects_beside_them() -> None:
    assert read('city\tid\tuntil\n11\ta\n{"id": "b", "city": 26, "until": "2027-01-01"}\n', "city", "id") == [
        {"line": 2, "values": ["11", "a"], "until": None},
        {"line": 3, "values": [26, "b"], "until": "2027-01-01"},
    ]


def test_bad_lines_are_told_and_lose_no_good_one() -> None:
    found = read(b'a\tb\tc\n\xff\n{"id": \n{"id": 1, "name": "x"}\n{"id": "a", "until": 5}\ngood\n', "id")
    assert [each.get("unreadable") for each in found] == [
        "3 columns instead of 1 (id) and, if there is one, the end",
        "not UTF-8",
        "not JSON",
        "must have id and, if there is one, until",
        "until: must be a text",
        None,
    ]
    assert found[-1] == {"line": 6, "values": ["good"], "until": None}
