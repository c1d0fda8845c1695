"""What a treated value costs: `python -m tests.bench.treatments` prints nanoseconds a value of each treatment, measured on one core.

Each is measured on a column of random values of its kind, as a batch of the worker holds them: once through a batch to warm up, then the
best of the runs. `clear` is the same path without any treatment, to be subtracted; pseudonyms are told for values that are
all different and for values that come twice (a record's key before and after a change).
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from typing import Annotated, Any

import numpy as np
import typer

from gongyu_hub.engine.images import locate_images
from gongyu_hub.engine.layout import compile_layout
from gongyu_hub.engine.treatments import How, Shown, Treated, show, treat_views
from gongyu_schemas.fields import Kind
from tests.hub.engine.flat_records import encode, envelope, kind_schema, record_schema

Maker = Callable[[random.Random], Any]

_KEY = bytes(range(32))
_LOWEST = -(2**63)


def _digits(count: int) -> Maker:
    return lambda seeded: "".join(seeded.choices("0123456789", k=count))


_PHONES: Maker = lambda seeded: f"010-{seeded.randrange(10000):04}-{seeded.randrange(10000):04}"  # noqa: E731 - one of a table
_DAYS: Maker = lambda seeded: seeded.randrange(-20_000, 20_000)  # noqa: E731 - as above
_INCOMES: Maker = lambda seeded: seeded.randrange(200_000_000)  # noqa: E731 - as above

CASES: list[tuple[str, Kind, Maker, Treated | None]] = [
    ("clear", Kind.STRING, _PHONES, None),
    ("mask, last 4 of 13 kept", Kind.STRING, _PHONES, Treated(How.MASK, 0, -1, 0, 4)),
    ("null, constant", Kind.STRING, _PHONES, Treated(How.CONSTANT, 0, -1, constant=b"\x00")),
    ("generalise: prefix 2 of 10", Kind.STRING, _digits(10), Treated(How.PREFIX, 0, -1, 2)),
    ("generalise: date to month", Kind.DATE, _DAYS, Treated(How.MONTH, 0, -1, 1)),
    ("generalise: date to year", Kind.DATE, _DAYS, Treated(How.YEAR, 0, -1, 1)),
    ("generalise: long to range", Kind.LONG, _INCOMES, Treated(How.RANGE, 0, -1, 10_000_000, lowest=_LOWEST)),
    ("generalise: decimal to range", Kind.DECIMAL, _INCOMES, Treated(How.DECIMAL_RANGE, 0, -1, 10_000_000, 12)),
    ("generalise: double to range", Kind.DOUBLE, _INCOMES, Treated(How.FLOAT_RANGE, 0, -1, 10_000_000, 8)),
    ("pseudonymise, 13 digits", Kind.STRING, _digits(13), Treated(How.PSEUDONYM, 0, -1, 1, 1, secret=_KEY)),
]


def _encode(kind: Kind, value: Any) -> bytes:
    if kind is Kind.DECIMAL:
        return encode("bytes", int(value).to_bytes(5, "big", signed=True))
    schema = kind_schema(kind, "f")
    return encode(schema["type"] if isinstance(schema, dict) else schema, value)


def price_ns(kind: Kind, make: Maker, treated: Treated | None, values: int, runs: int, times: int) -> float:
    """Of one value; `times`: how often each of the values occurs in the batch."""
    seeded = random.Random(1)
    bodies = [_encode(kind, make(seeded)) for _ in range(values // times)] * times
    buffer, starts = b"".join(bodies), np.cumsum([0] + [len(body) for body in bodies])
    fields, _ = locate_images(compile_layout(envelope(record_schema([(kind, -1)]))), buffer, starts)
    shown: Shown = show([0], {} if treated is None else {0: treated})
    best = float("inf")
    for _ in range(runs + 1):
        began = time.perf_counter_ns()
        treat_views(shown, buffer, fields, {})
        best = min(best, time.perf_counter_ns() - began)
    return best / len(bodies)


def main(
    values: Annotated[int, typer.Option(min=1000, help="Values in a batch.")] = 10_000,
    runs: Annotated[int, typer.Option(min=1, help="Runs; the best counts.")] = 20,
) -> None:
    """Print the price of a value under each treatment.

    Example: python -m tests.bench.treatments --values 10000
    """
    print(f"| treatment | ns a value (batch of {values:,}) |\n|---|---|")
    for name, kind, make, treated in CASES:
        print(f"| {name} | {price_ns(kind, make, treated, values, runs, 1):,.0f} |")
    name, kind, make, treated = CASES[-1]
    print(f"| {name}, each value twice | {price_ns(kind, make, treated, values, runs, 2):,.0f} |")


if __name__ == "__main__":
    typer.run(main)
