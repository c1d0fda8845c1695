"""The self-check can fail: with any one row of the table of decisions changed, it finds the difference."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable

import pytest

from gongyu_hub.demo.check import check_hub
from gongyu_schemas import exit_codes
from tests.running import Process, RunningHub, people

pytestmark = pytest.mark.kafka

WITHHELD, UNCHANGED, CREATE, UPDATE, DELETE = 0, 1, *b"cud"
ROWS = {  # which row of the table -> (its places, what a mistake makes of it)
    "nothing, nothing": ([(0, 0, 0), (0, 0, 1)], CREATE),
    "nothing, something": ([(0, 1, 0), (0, 1, 1)], WITHHELD),
    "something, nothing": ([(1, 0, 0), (1, 0, 1)], UNCHANGED),
    "something, equal": ([(1, 1, 0)], UPDATE),
    "something, different": ([(1, 1, 1)], UNCHANGED),
}
MUTANT = "from gongyu_hub import entitle; from gongyu_hub.cli import main; {change}; main()"
GRANTS = {"seoul": {"fields": ["id", "name"], "rows": "region = '11'"}}


@pytest.mark.parametrize("row", ROWS)
def test_a_changed_row_of_the_table_is_found(hub: RunningHub, unique: Callable[[str], str], row: str) -> None:
    of = hub.add_type("person", unique("mutant"), GRANTS)
    change = "; ".join(f"entitle.TABLE[{place}] = {ROWS[row][1]}" for place in ROWS[row][0])
    worker = Process(
        hub.directory / f"{of.type.name}.log",
        "python",
        "-c",
        MUTANT.format(change=change),
        "work",
        "--dir",
        hub.directory,
        "--name",
        "mutant",
    )
    try:
        worker.ready("worker mutant: ready")
        inside, outside = people([1])[0], people([2], region="26")[0]
        for image in (inside, outside):  # each row of the table occurs
            of.send("c", None, image)
            of.send("u", None, {**image, "income": 7})
        of.send("u", None, {**inside, "name": "Lee"})
        of.send("u", None, {**inside, "region": "26"})
        of.send("u", None, inside)
        of.settled()
    finally:
        worker.stop()
    result = check_hub(hub.directory, hub.policy, [hub.types], 30, only=of.type.name)
    assert not result.findings.clean
    command = [sys.executable, "-m", "gongyu_hub.demo.check", "--dir", hub.directory, "--policy", hub.policy, "--types", hub.types]
    done = subprocess.run([*command, "--only", of.type.name], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == exit_codes.FATAL, done.stdout
