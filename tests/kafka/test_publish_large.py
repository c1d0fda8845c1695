"""A large file passes through in bounded memory, and its bad rows cost it none of its good ones."""

from __future__ import annotations

import json
import subprocess
import time
from pathlib import Path

import pytest

from gongyu_schemas import exit_codes
from tests.producers.owned_topic import COMMAND, OwnedTopic, quiet_environment
from tests.producers.registers import PERSON_HEADER

pytestmark = pytest.mark.kafka

#: Of the process at its peak, measured 244: Python with its libraries 90, SQLite's two page caches 128, a transaction on its way.
MOST_MB = 340
ROW_BYTES = 4_000


def write_large(file: Path, size: int) -> tuple[int, int]:
    """(rows, bad ones among them): one in a hundred has no number where one belongs. Rows of a few kilobytes: cheap to make."""
    filling = "x" * (ROW_BYTES - 40)
    rows = size // ROW_BYTES
    with file.open("w", encoding="ascii") as out:
        out.write(f"{PERSON_HEADER}\n")
        for number in range(rows):
            out.write(f"{number}\t{number:09}{filling}\tSeoul\t{'much' if number % 100 == 50 else 5}\t0.5\t12.30\n")
    return rows, len(range(50, rows, 100))


def peak_kilobytes(pid: int) -> int:
    """VmHWM: the most that the program in this process has had; 0 when it has just ended."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("VmHWM")), 0)


def publish_measured(people: OwnedTopic, file: Path, *options: str) -> tuple[dict[str, object], int]:
    """Summary and peak memory in megabytes of the publishing process alone."""
    out = file.with_suffix(".out")
    with out.open("w") as told:
        line = [*COMMAND, *people.arguments(file, "--snapshot", "--json", *options)]
        process = subprocess.Popen(line, stdout=told, stderr=subprocess.STDOUT, env=quiet_environment())
        peak = 0
        while process.poll() is None:  # ru_maxrss would count the test's own memory too: what a process had before exec stays in it
            peak = max(peak, peak_kilobytes(process.pid))
            time.sleep(0.02)
    assert process.returncode == exit_codes.REJECTED, out.read_text(encoding="utf-8")[-2_000:]
    return json.loads(out.read_text(encoding="utf-8").splitlines()[-1]), peak // 1024


def check_large(people: OwnedTopic, file: Path, size: int) -> None:
    rows, bad = write_large(file, size)
    began = time.monotonic()
    summary, peak = publish_measured(people, file)
    took = time.monotonic() - began
    print(f"{file.stat().st_size / 1e6:,.0f} MB, {rows:,} rows in {took:.1f} s ({size / 1e6 / took:.0f} MB/s), peak memory {peak} MB")
    assert (summary["created"], summary["rejected"]) == (rows - bad, bad)
    assert people.committed() >= rows - bad
    assert people.status()["published"] == {"c": rows - bad}
    assert peak < MOST_MB


def test_200_megabytes_with_one_percent_bad_rows(people: OwnedTopic, tmp_path: Path) -> None:
    check_large(people, tmp_path / "people.tsv", 200_000_000)


@pytest.mark.soak
def test_5_gigabytes_with_one_percent_bad_rows(people: OwnedTopic, tmp_path: Path) -> None:
    check_large(people, tmp_path / "people.tsv", 5_000_000_000)
