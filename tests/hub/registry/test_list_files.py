"""Files of subjects: cells or objects, with or without ends and header; bad lines are told by number."""

from __future__ import annotations

import io
import json
import tracemalloc
from typing import Any

from gongyu_hub.registry.list_files import LINE_BYTES_MAX, read_entries, read_lines


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


class Endless(io.RawIOBase):
    """A line of so many bytes, then a good one. Never all of it at once."""

    def __init__(self, size: int) -> None:
        self._left, self._last = size, io.BytesIO(b"\ngood")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        size = min(self._left, len(buffer))
        self._left -= size
        buffer[:size] = b"x" * size
        return size or self._last.readinto(buffer)


def test_a_line_longer_than_any_entry_is_told_by_number_and_takes_no_memory() -> None:
    longest = b"y" * LINE_BYTES_MAX
    found = list(read_entries(read_lines(io.BytesIO(longest + b"\r\n" + longest + b"y\nz\n" + longest + b"yy")), ["id"]))
    assert [json.loads(each).get("unreadable") for each in found] == [None, "longer than 16,000 bytes", None, "longer than 16,000 bytes"]
    assert [json.loads(each)["line"] for each in found] == [1, 2, 3, 4] and max(map(len, found)) < 100_000
    tracemalloc.start()
    told = [json.loads(each) for each in read_entries(read_lines(io.BufferedReader(Endless(50_000_000))), ["id"])]
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert told[0]["unreadable"] == "longer than 16,000 bytes" and told[1:] == [{"line": 2, "values": ["good"], "until": None}]
    assert most < 2_000_000


def test_the_longest_line_fits_into_what_the_control_plane_takes_of_one() -> None:
    assert all(len(each) < 100_000 for each in read_entries([b"\x01" * LINE_BYTES_MAX, "가".encode() * (LINE_BYTES_MAX // 3)], ["id"]))
