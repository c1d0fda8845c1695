"""Random changes of tests/types/person for the fault tests: moves in and out of grants, deletes, poison, repeats."""

from __future__ import annotations

import random

from tests.running import Published, people

GRANTS = {
    "all": {"fields": ["id", "name", "region", "income", "score", "fee"]},
    "seoul": {"fields": ["id", "name"], "rows": "region = '11'"},
    "rich": {"fields": ["id", "income"], "rows": "income > 500 AND region <> '26'"},
}
RECORDS = 400


def change(of: Published, rng: random.Random, count: int, flush: bool = True) -> None:
    """Sends `count` messages; several change the same record. Without `flush` they are still on their way."""
    for _ in range(count):
        fields = {"region": rng.choice(["11", "26", None]), "income": rng.choice([100, 900]), "name": rng.choice("ABC")}
        row = people([rng.randrange(RECORDS)], **fields)[0]
        kind = rng.random()
        if kind < 0.1:
            of.send_raw(of.key(row), None)
        elif kind < 0.13:
            of.send_raw(of.key(row), of.value("u", None, row)[:-1])
        else:
            of.send("u", None, row)
    if flush:
        of.flush()
