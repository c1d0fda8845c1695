"""Values of compound fields, decoded to be compared: slow, exact, for arrays, maps and unions whose bytes differ.

Enters a field and bytes that `locate` has found good; leaves a Python value that is equal to another exactly if the two mean the
same: a map has no order, every NaN is one value, a decimal is its number, and the branch of a union belongs to the value.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any

from gongyu_schemas.fields import Field, Kind

_OCTETS = frozenset({Kind.STRING, Kind.UUID, Kind.BYTES})


def read_value(field: Field, content: bytes) -> Any:
    """The value of the field whose bytes these are."""
    return _Reader(content).value(field)


class _Reader:
    def __init__(self, content: bytes) -> None:
        self._content = content
        self._at = 0

    def value(self, field: Field) -> Any:
        if field.kind is Kind.UNION:
            branch = self._long()
            return branch, self.value(field.parts[branch])
        if field.nullable and self._long() == field.null_branch:
            return None
        return self._plain(field)

    def _plain(self, field: Field) -> Any:
        kind = field.kind
        if kind in _OCTETS:
            return self._take(self._long())
        if kind is Kind.DECIMAL:
            return int.from_bytes(self._take(field.size or self._long()), "big", signed=True)
        if kind is Kind.FLOAT:
            return self._float("<f", 4)
        if kind is Kind.DOUBLE:
            return self._float("<d", 8)
        if kind is Kind.BOOLEAN:
            return self._take(1)
        if kind is Kind.FIXED:
            return self._take(field.size)
        if kind is Kind.RECORD:
            return [self.value(part) for part in field.parts]
        if kind is Kind.ARRAY:
            items: list[Any] = []
            self._walk(lambda: items.append(self.value(field.parts[0])))
            return items
        if kind is Kind.MAP:
            entries: dict[bytes, Any] = {}
            self._walk(lambda: entries.update({self._take(self._long()): self.value(field.parts[0])}))
            return entries
        return None if kind is Kind.NULL else self._long()

    def _walk(self, read_item: Callable[[], None]) -> None:
        while count := self._long():
            if count < 0:
                self._long()  # the block's length in bytes
            for _ in range(abs(count)):
                read_item()

    def _float(self, form: str, size: int) -> Any:
        (number,) = struct.unpack(form, self._take(size))
        return "NaN" if number != number else number  # noqa: PLR0124  (only NaN differs from itself)

    def _take(self, size: int) -> bytes:
        self._at += size
        return self._content[self._at - size : self._at]

    def _long(self) -> int:
        raw = shift = 0
        while True:
            octet = self._content[self._at]
            self._at += 1
            raw |= (octet & 0x7F) << shift
            shift += 7
            if octet < 0x80:
                return (raw >> 1) ^ -(raw & 1)
