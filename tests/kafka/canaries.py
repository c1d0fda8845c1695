"""Canaries: values that must not be found, and the search for them in whatever form a system may have given them.

Texts share a stem with a unique end, so one search finds any of them in UTF-8, UTF-16, hexadecimal digits and base64 in all
three alignments; numbers are looked for one by one, as Avro writes them and as digits.
"""

from __future__ import annotations

import base64
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal

STEM = "Zq7xWkCanaryVj9"


def _base64_alignments(text: bytes) -> Iterator[bytes]:
    """What is the same of the text's base64 wherever it stands in a longer one, in both alphabets."""
    for ahead in range(3):
        encoded = base64.b64encode(b"\0" * ahead + text)
        start = (ahead * 8 + 5) // 6
        end = (ahead + len(text)) * 8 // 6
        yield encoded[start:end]
        yield encoded[start:end].translate(bytes.maketrans(b"+/", b"-_"))


def text_forms(text: str) -> dict[str, bytes]:
    """Name of a form -> the bytes to look for."""
    plain = text.encode()
    forms = {
        "utf-8": plain,
        "utf-16-le": text.encode("utf-16-le"),
        "utf-16-be": text.encode("utf-16-be"),
        "hex": plain.hex().encode(),
        "HEX": plain.hex().upper().encode(),
        "reversed": plain[::-1],
    }
    forms.update({f"base64 {number}": each for number, each in enumerate(_base64_alignments(plain))})
    forms.update({f"base64 of utf-16 {number}": each for number, each in enumerate(_base64_alignments(text.encode("utf-16-le")))})
    return forms


def _zigzag(value: int) -> bytes:
    """Avro's long."""
    rest, out = (value << 1) ^ (value >> 63), bytearray()
    while rest > 0x7F:
        out.append(rest & 0x7F | 0x80)
        rest >>= 7
    return bytes([*out, rest])


@dataclass
class Canaries:
    """Makes them, and remembers what to look for."""

    made: int = 0
    numbers: dict[str, bytes] = field(default_factory=dict)

    def text(self, what: str) -> str:
        """`what` is told where it is found."""
        self.made += 1
        return f"{STEM}-{what}-{self.made}"

    def whole(self) -> int:
        self.made += 1
        value = 0x5A31_7C4D_2B00_0000 + self.made
        self.numbers[f"long {value}"] = _zigzag(value)
        self.numbers[f"digits {value}"] = str(value).encode()
        return value

    def real(self) -> float:
        self.made += 1
        value = float(struct.unpack("<d", struct.pack("<Q", 0x41D3_59A7_C61E_0000 + self.made))[0])
        self.numbers[f"double {value!r}"] = struct.pack("<d", value)
        self.numbers[f"digits {value!r}"] = repr(value).encode()
        return value

    def decimal(self) -> Decimal:
        self.made += 1
        unscaled = 731_940_000 + self.made
        self.numbers[f"decimal {unscaled}"] = unscaled.to_bytes(4, "big")
        value = Decimal(unscaled).scaleb(-2)
        self.numbers[f"digits {value}"] = str(value).encode()
        return value

    def find(self, content: bytes) -> list[str]:
        """What of them is in there; the text around a found text names it."""
        found = []
        for form, needle in _STEM_FORMS.items():
            at = content.find(needle)
            if at >= 0:
                found.append(f"text as {form}: {content[max(0, at - 20) : at + 80]!r}")
        return found + [name for name, needle in self.numbers.items() if needle in content]


_STEM_FORMS = text_forms(STEM)
