"""How fast an owner publishes: a resident register on the embedded Kafka, from each kind of file, and the same register again.

`python -m tests.bench.publish --records 200000` prints rows per second from the process's start to its end.
"""

from __future__ import annotations

import argparse
import csv
import json
import subprocess
import tempfile
import time
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet
import yaml

from gongyu_hub.local_kafka import LocalKafka
from gongyu_schemas.information_type import shipped_types
from tests.bench.errors import BenchFailed
from tests.producers.owned_topic import OWNER, OwnedTopic, owned_topic


def make_files(folder: Path, records: int) -> dict[str, Path]:
    """One register as TSV, JSON lines and Parquet."""
    tsv, lines, parquet = (folder / f"resident.{kind}" for kind in ("tsv", "jsonl", "parquet"))
    subprocess.run([*OWNER, "generate", "resident", "--records", str(records), "--out", str(folder)], check=True, capture_output=True)
    with tsv.open(encoding="utf-8", newline="") as file:
        rows = [{name: value or None for name, value in row.items()} for row in csv.DictReader(file, delimiter="\t")]
    lines.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    pyarrow.parquet.write_table(pa.Table.from_pylist(rows), parquet)
    return {"TSV": tsv, "JSON lines": lines, "Parquet": parquet}


def copy_resident(folder: Path) -> Path:
    """The shipped type under a name of its own."""
    shipped = shipped_types() / "mois" / "resident"
    folder.mkdir()
    declared = yaml.safe_load((shipped / "type.yaml").read_text(encoding="utf-8")) | {"name": folder.name}
    (folder / "type.yaml").write_text(yaml.safe_dump(declared, allow_unicode=True), encoding="utf-8")
    (folder / "record.avsc").write_bytes((shipped / "record.avsc").read_bytes())
    return folder


def publish(owned: OwnedTopic, file: Path, state: str) -> tuple[int, float]:
    """Rows read, and seconds."""
    begun = time.monotonic()
    code, out, err = owned.run(file, "--snapshot", "--json", state_dir=owned.folder / state)
    seconds = time.monotonic() - begun
    if code:
        raise BenchFailed(f"publish {file.name}: code {code}: {err}")
    return int(json.loads(out)["rows"]), seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--records", type=int, default=200_000)
    asked = parser.parse_args()
    rates = {}
    with tempfile.TemporaryDirectory() as name, LocalKafka(Path(name) / "kafka") as kafka:
        files = make_files(Path(name), asked.records)
        copied = copy_resident(Path(name) / "people")
        for number, (kind, file) in enumerate(files.items()):
            folder = Path(name) / str(number)
            with owned_topic(kafka.profile, folder, f"bench-{number}", str(copied)) as owned:
                rates[f"{kind}, {file.stat().st_size / asked.records:.0f} bytes a row"] = publish(owned, file, "state")
                rates[f"{kind}, once more: nothing changed"] = publish(owned, file, "state")
    print(f"{asked.records:,} residents")
    for what, (rows, seconds) in rates.items():
        if rows < asked.records:
            raise BenchFailed(f"{what}: {rows} rows of {asked.records}")
        print(f"{what:40} {rows / seconds:>10,.0f} rows/s ({seconds:.1f} s, process start to end)")


if __name__ == "__main__":
    main()
