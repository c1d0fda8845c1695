"""Hostile bytes for any schema: made from valid messages, judged against a reference, and led through the whole engine."""

from __future__ import annotations

import random
import sys
from collections.abc import Callable

import numpy as np

from gongyu_hub.engine.equality import changed_fields
from gongyu_hub.engine.images import Located, locate, locate_images
from gongyu_hub.engine.keys import integer_field, join_fields, murmur2_partitions, same_ranges
from gongyu_hub.engine.layout import Layout
from gongyu_hub.engine.predicates import compile_predicate, evaluate
from gongyu_hub.engine.projection import build_deliveries
from gongyu_hub.policy.rows import parse_rows, type_rows
from gongyu_schemas.fields import Kind

_NASTY = [
    b"\x00",
    b"\x01",
    b"\x7f",
    b"\x80",
    b"\xff",
    b"\x80\x00",
    b"\xff" * 9 + b"\x01",
    b"\xfe" + b"\xff" * 8 + b"\x01",
    b"\xff" * 10,
    b"\xed\xa0\x80",
]


def truncations(messages: list[bytes]) -> list[bytes]:
    return [message[:length] for message in messages for length in range(len(message))]


def mutations(messages: list[bytes], count: int, seed: int) -> list[bytes]:
    rnd = random.Random(seed)
    return [_mutate(rnd, messages) for _ in range(count)]


def _mutate(rnd: random.Random, messages: list[bytes]) -> bytes:
    message = bytearray(rnd.choice(messages))
    for _ in range(rnd.choice((1, 1, 1, 2, 5))):
        at = rnd.randrange(len(message) + 1)
        match rnd.randrange(6):
            case 0 if at < len(message):
                message[at] ^= 1 << rnd.randrange(8)
            case 1:
                message[at:at] = rnd.randbytes(rnd.choice((1, 1, 2, 9)))
            case 2:
                del message[at : at + rnd.choice((1, 1, 2, 9))]
            case 3:
                other = rnd.choice(messages)
                message[at:] = other[rnd.randrange(len(other)) :]
            case 4:
                message[at : at + 1] = rnd.choice(_NASTY)
            case _ if at < len(message):
                message[at] = rnd.randrange(256)
    return bytes(message)


def judge_bodies(layout: Layout, rows: str, bodies: list[bytes], is_good: Callable[[bytes], bool]) -> tuple[int, int]:
    """(good, faulty) messages; AssertionError at the first answer that is not the reference's. `rows` is asked of all that are good."""
    buffer = b"".join(bodies)
    found = locate(layout, buffer, np.cumsum([0] + [len(body) for body in bodies]))
    for body, reason, place in zip(bodies, found.reason.tolist(), found.place.tolist(), strict=True):
        assert is_good(body) == (reason == 0), (body.hex(), reason, place)
        assert 0 <= place <= len(body)
    _use(layout, rows, buffer, found)
    faulty = int(np.count_nonzero(found.reason))
    return len(bodies) - faulty, faulty


def try_all(messages: list[bytes], count: int, judge: Callable[[list[bytes]], tuple[int, int]]) -> None:
    """Valid, truncated and mutated messages; prints how many."""
    cut = truncations(messages[:20])
    good, faulty = judge([*messages, *cut, *mutations(messages, count, seed=5)])
    sys.stdout.write(f"{len(cut)} truncations, {count} mutations: {good} good, {faulty} faulty\n")


def _use(layout: Layout, rows: str, buffer: bytes, found: Located) -> None:
    """The rest of the engine over what was located: it must not fail, whatever the values are."""
    images = b"".join(buffer[start:end] for start, end in found.after.tolist())
    fields, reason = locate_images(layout, images, np.cumsum([0] + [max(0, end - start) for start, end in found.after.tolist()]))
    assert not reason.any()
    changed = changed_fields(layout, images, fields, buffer, found.fields)
    assert not changed[found.after[:, 0] >= 0].any()
    changed_fields(layout, images, np.roll(fields, 1, axis=0), buffer, found.fields)
    every = np.arange(len(layout.fields))
    keys, key_starts = join_fields(buffer, found.fields, every)
    murmur2_partitions(keys, key_starts, 7)
    assert same_ranges(keys, key_starts, keys, key_starts).all()
    for index in every:
        integer_field(layout, int(index), buffer, found.fields) if layout.fields[index].kind is Kind.LONG else None
    evaluate(compile_predicate(type_rows(parse_rows(rows), layout.fields), layout), buffer, found.fields)
    numbers = np.arange(found.reason.size)
    build_deliveries(
        numbers, found.op, bytes(5), every, images, fields, buffer, found.fields, found.ts_ms, numbers, numbers, buffer, found.act
    )
