from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gongyu_schemas.wire import HEADER_BYTES, WireError, frame, header, unframe

ids = st.integers(0, 2**32 - 1)


@given(ids, st.binary(max_size=64))
def test_what_is_framed_comes_back(schema_id: int, body: bytes) -> None:
    message = frame(schema_id, body)
    assert unframe(message) == (schema_id, body)
    assert message == header(schema_id) + body
    assert len(message) == HEADER_BYTES + len(body)


def test_the_bytes_are_confluents() -> None:
    assert frame(0x01020304, b"body") == b"\x00\x01\x02\x03\x04body"


@pytest.mark.parametrize("length", range(5))
def test_a_short_message_is_refused(length: int) -> None:
    with pytest.raises(WireError, match=f"{length} bytes are too short"):
        unframe(bytes(length))


def test_the_newer_form_is_refused_by_name() -> None:
    with pytest.raises(WireError, match="GUIDs are not supported"):
        unframe(b"\x01" + bytes(16) + b"body")


@given(st.integers(2, 255), st.binary(min_size=4, max_size=16))
def test_any_other_first_byte_is_refused_and_named(first: int, rest: bytes) -> None:
    with pytest.raises(WireError, match=f"first byte is {first}, not 0"):
        unframe(bytes([first]) + rest)
