"""The six shipped types through the hub's stages: invented registers and days, published as their owners would, equal to the reference."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from gongyu_producers.generate.registers import KINDS
from gongyu_producers.generate.world import World as People
from gongyu_producers.generate.write import OP
from gongyu_producers.records import Records
from gongyu_producers.rows import Row
from gongyu_schemas import wire
from tests.hub.building import KEY_ID, WRITER_ID, World
from tests.hub.demo.side_by_side import run
from tests.producers.generate.worlds import TYPES, write
from tests.producers.models import read_rows

RECORDS, DAYS, FIRST_DAY = 300, 3, 20_463  # 2026-01-10
#: By type: fields beside the key, and rows that some records enter and leave in a day.
GRANTS: dict[str, list[tuple[list[str], str]]] = {
    "resident": [(["name", "region_code", "address"], "region_code LIKE '11%' AND status IN ('RESIDENT', 'ABROAD')")],
    "business": [
        (["trade_name", "capital"], "status <> 'CLOSED' AND capital >= 50000000"),
        (["employees"], "employees < 50 OR employees IS NULL"),
    ],
    "local-tax": [
        (["resident_id", "principal", "status"], "status IN ('OVERDUE', 'BILLED') AND principal >= 10000 AND instalment IS NULL")
    ],
    "land-building": [
        (["land_area", "owner_id", "acquired_on"], "acquired_on >= '2026-01-01' OR land_area > 1500.5 AND owner_kind = 'PERSON'")
    ],
    "vehicle": [
        (["owner_id", "inspection_due", "seizures"], "seizures > 0 OR mortgaged = TRUE"),
        (["plate"], "inspection_due < '2026-07-01'"),
    ],
    "health-insurance": [(["insured_as", "workplace_id", "premium"], "insured_as = 'EMPLOYEE' AND lost_on IS NULL AND premium > 100000")],
}


@pytest.mark.parametrize("name", KINDS)
def test_engine_and_reference_deliver_the_same_of_a_register_and_its_days(tmp_path: Path, name: str) -> None:
    of = TYPES[name]
    grants: dict[str, dict[str, Any]] = {
        f"g{index}": {"fields": [*of.key, *fields], "rows": rows} for index, (fields, rows) in enumerate(GRANTS[name])
    }
    grants["all"] = {"fields": [field.name for field in of.fields], "rows": None}
    world, records = World(of, grants), Records(of)
    written = write(name, People(2, RECORDS, RECORDS // 5, FIRST_DAY, 100.0), RECORDS, DAYS, tmp_path)
    files = [read_rows(of, written.register), *(read_rows(of, day.file, op=OP) for day in written.days)]
    batches = []
    for rows in files:
        for row in rows:
            send(world, records, row)
        batches.append(world.batch())
    result = run(world, batches)
    assert result.findings.clean, result.findings.examples
    assert result.outcomes[0] == result.outcomes[1]
    assert result.outcomes[0]["applied"] >= RECORDS + 5
    assert not result.dead_letters[0]
    assert result.delivered > sum(map(len, files))


def send(world: World, records: Records, row: Row) -> None:
    assert row.key is not None
    key = row.key if row.subject is None else row.subject
    before, after = (row.image, None) if row.op == "d" else (None, row.image)
    [change] = records.changes([(row.op, before, after)], 5, "test", world.offset, None)
    world.send_raw(wire.frame(KEY_ID, key), wire.frame(WRITER_ID, change))
