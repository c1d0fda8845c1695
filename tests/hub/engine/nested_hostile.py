"""Hostile bytes against nested records: the engine's verdict on each message must be the reference's.

Run as a program (it is, with numba's bounds checks on), it prints how many it tried.
"""

from __future__ import annotations

import random
import sys
from typing import Any

from gongyu_hub.demo.plain import Codec, NotPlain, image_reader
from gongyu_hub.engine.layout import compile_layout
from gongyu_schemas.named_types import inline_names
from tests.hub.engine.flat_records import envelope
from tests.hub.engine.judging import judge_bodies, try_all
from tests.hub.nested_records import write

MUTATIONS = 60_000
DATE = {"type": "int", "logicalType": "date"}
UUID = {"type": "string", "logicalType": "uuid"}
MONEY = {"type": "bytes", "logicalType": "decimal", "precision": 5, "scale": 2}
PRICE = {"type": "fixed", "name": "Price", "size": 3, "logicalType": "decimal", "precision": 4, "scale": 1}
PLACE = {"type": "record", "name": "Place", "fields": [{"name": "x", "type": "int"}, {"name": "note", "type": ["string", "null"]}]}
HOME = {
    "type": "record",
    "name": "Home",
    "fields": [{"name": "city", "type": "string"}, {"name": "at", "type": ["null", PLACE]}, {"name": "since", "type": DATE}],
}
RECORD: dict[str, Any] = {
    "type": "record",
    "name": "Record",
    "namespace": "test",
    "fields": [
        {"name": "id", "type": "string"},
        {"name": "home", "type": HOME},
        {"name": "work", "type": ["null", "Home"]},
        {"name": "tags", "type": {"type": "array", "items": ["null", "int"]}},
        {"name": "days", "type": ["null", {"type": "array", "items": DATE}]},
        {"name": "names", "type": {"type": "map", "values": "Place"}},
        {"name": "what", "type": ["null", "int", MONEY, "Place", {"type": "array", "items": "boolean"}]},
        {"name": "price", "type": ["null", PRICE]},
        {"name": "raw", "type": "bytes"},
        {"name": "print", "type": {"type": "fixed", "name": "Print", "size": 4}},
        {"name": "deep", "type": {"type": "array", "items": {"type": "map", "values": {"type": "array", "items": ["double", UUID]}}}},
        {"name": "set", "type": {"type": "map", "values": "null"}},
    ],
}
SCHEMA = envelope(RECORD)
INLINED = inline_names(SCHEMA)
LAYOUT = compile_layout(SCHEMA)
CODEC = Codec(SCHEMA)
READ_IMAGE = image_reader(LAYOUT.fields)
_WORD = "0123456789abcdef01234567-89ab-cdef-0123-456789abcdef"


def _place(rng: random.Random) -> dict[str, Any]:
    return {"x": rng.randrange(-3, 300), "note": rng.choice([(0, "가"), (1, None)])}


def _home(rng: random.Random) -> dict[str, Any]:
    return {"city": rng.choice(["", "서울"]), "at": rng.choice([(0, None), (1, _place(rng))]), "since": rng.randrange(20_000)}


def _list(rng: random.Random, make: Any) -> list[Any]:
    return [make() for _ in range(rng.choice([0, 0, 1, 2, 5]))]


def _entries(rng: random.Random, make: Any) -> list[Any]:
    return [(key, make()) for key in rng.sample(["", "a", "b", "c", "열쇠", "k" * 70], rng.choice([0, 0, 1, 3]))]


def _choice(rng: random.Random) -> tuple[int, Any]:
    makers = [
        lambda: None,
        lambda: rng.randrange(9),
        lambda: b"\x00\xff",
        lambda: _place(rng),
        lambda: _list(rng, lambda: rng.random() < 0.5),
    ]
    branch = rng.randrange(len(makers))
    return branch, makers[branch]()


def _record(rng: random.Random) -> dict[str, Any]:
    numbers = lambda: rng.choice([(0, rng.randbytes(8)), (1, _WORD[16:])])  # noqa: E731 - a maker of items, as short as the others
    return {
        "id": rng.choice(["", "p1"]),
        "home": _home(rng),
        "work": rng.choice([(0, None), (1, _home(rng))]),
        "tags": _list(rng, lambda: rng.choice([(0, None), (1, rng.randrange(99))])),
        "days": rng.choice([(0, None), (1, _list(rng, lambda: rng.randrange(20_000)))]),
        "names": _entries(rng, lambda: _place(rng)),
        "what": _choice(rng),
        "price": rng.choice([(0, None), (1, b"\x00\x27\x0f"), (1, b"\xff\xff\xff")]),
        "raw": rng.randbytes(rng.randrange(4)),
        "print": rng.randbytes(4),
        "deep": _list(rng, lambda: _entries(rng, lambda: _list(rng, numbers))),
        "set": _entries(rng, lambda: None),
    }


def valid_messages(count: int, seed: int) -> list[bytes]:
    rng = random.Random(seed)
    return [_message(rng) for _ in range(count)]


def _message(rng: random.Random) -> bytes:
    images = [rng.choice([(0, None), (1, _record(rng)), (1, _record(rng))]) for _ in range(2)]
    source = {"name": "s", "position": 1, "act": (0, None)}
    return write(INLINED, {"before": images[0], "after": images[1], "op": rng.choice("cud"), "ts_ms": 5, "source": source}, rng)


def judge(bodies: list[bytes]) -> tuple[int, int]:
    """(good, faulty) messages; AssertionError at the first wrong answer."""
    asked = " OR ".join(f"{field.name} IS NULL" for field in LAYOUT.fields)
    text = f"home.city LIKE '서%' OR work.at.x > 5 OR work.since < '1990-01-01' OR price IN (999.9, -0.1) OR ({asked})"
    return judge_bodies(LAYOUT, text, bodies, is_plain)


def is_plain(body: bytes) -> bool:
    """What the reference says of a body."""
    try:
        raw = CODEC.decode(body)
        for image in ("before", "after"):
            if raw[image] is not None:
                READ_IMAGE(raw[image])
    except NotPlain:
        return False
    return True


def main(count: int) -> None:
    try_all(valid_messages(200, seed=3), count, judge)


if __name__ == "__main__":
    main(int(sys.argv[1]))
