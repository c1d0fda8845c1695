"""How large the parts of a message may be, said independently of the hub."""

from __future__ import annotations

from gongyu_hub.demo.strict import read_sizes
from gongyu_schemas.fields import Schema

#: Two images and their envelope fit one Kafka message of a mebibyte.
IMAGE_BYTES = 400_000
#: Of the message key and the act beside them.
KEY_AND_ACT_BYTES = 200_000


class TooLarge(ValueError):
    """A part is larger than allowed."""


def check_beside(key: bytes | None, act_bytes: int) -> None:
    """Raises TooLarge."""
    if len(key or b"") + act_bytes > KEY_AND_ACT_BYTES:
        raise TooLarge(f"key and act have more than {KEY_AND_ACT_BYTES} bytes")


def check_images(envelope: Schema, body: bytes) -> None:
    """Raises TooLarge."""
    if len(body) <= IMAGE_BYTES:
        return
    sizes = read_sizes(envelope, body)
    for place in ("before", "after"):
        if sizes[place] - 1 > IMAGE_BYTES:  # the union's branch is one byte
            raise TooLarge(f"{place} has more than {IMAGE_BYTES} bytes")


def encoded_bytes(text: str | None) -> int:
    """How long a nullable string is in Avro: the union's branch, the length, the text."""
    size = len((text or "").encode())
    length_bytes = max(1, -(-(2 * size).bit_length() // 7))
    return 1 if text is None else 1 + length_bytes + size
