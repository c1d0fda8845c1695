"""How fast a subscriber receives: one grant on the embedded Kafka, into each kind of target, each in a process of its own.

`python -m tests.bench.receive --messages 200000` prints deliveries per second from the process's start to its end, and while it
decodes and writes; then with several receivers sharing one table.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from gongyu_hub.local_kafka import LocalKafka
from tests.bench.errors import BenchFailed
from tests.consumers import receiver
from tests.consumers.fed_grant import Event, FedGrant, fed_grant

PARTITIONS = 4
_BATCH = 5_000
_ITERATE = """
import gc, json, sys, time
gc.set_threshold(200_000)
from gongyu_consumers import read_grant
begun = time.monotonic()
with read_grant(sys.argv[1], sys.argv[2], exit_at_end=True) as deliveries:
    count = sum(1 for _ in deliveries)
print(json.dumps({"received": count, "seconds": time.monotonic() - begun}))
"""


def fill(fed: FedGrant, messages: int) -> None:
    """A copy of every partition, and as many changes in transactions as the hub makes them."""
    fed.publish(*(Event(op, source=source) for source in range(PARTITIONS) for op in ("begin", "end")))
    for start in range(0, messages, _BATCH):
        numbers = range(start, min(start + _BATCH, messages))
        fed.publish(*(Event("c", f"{number:013d}", f"{number} Sejong-daero, Jongno-gu, Seoul", number % PARTITIONS) for number in numbers))


def receive(fed: FedGrant, to: str, *options: str) -> tuple[int, float]:
    begun = time.monotonic()
    with receiver.start(fed, to, "--exit-at-end", "--json", *options) as process:
        out, err = process.communicate(timeout=600)
    seconds = time.monotonic() - begun
    if process.returncode:
        raise BenchFailed(f"receive --to {to}: code {process.returncode}: {err}")
    return json.loads(err if to == "-" else out)["received"], seconds


def receive_shared(fed: FedGrant, to: str, count: int) -> tuple[int, float]:
    begun = time.monotonic()
    processes = [receiver.start(fed, to, "--exit-at-end", "--json", "--share") for _ in range(count)]
    received = sum(json.loads(process.communicate(timeout=600)[0])["received"] for process in processes)
    return received, time.monotonic() - begun


def iterate(fed: FedGrant) -> tuple[int, float]:
    line = [sys.executable, "-c", _ITERATE, fed.grant, str(fed.profile_path)]
    found = json.loads(subprocess.run(line, capture_output=True, text=True, timeout=600, check=True).stdout)
    return int(found["received"]), float(found["seconds"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=200_000)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as name, LocalKafka(Path(name) / "kafka") as kafka:
        folder = Path(name)
        with fed_grant(kafka.profile, folder, "bench", partitions=PARTITIONS) as fed:
            fill(fed, asked.messages)
            receive(fed, f"sqlite:///{folder}/warm.db")
            rates = {
                "SQLite table": receive(fed, f"sqlite:///{folder}/one.db"),
                "JSON lines": receive(fed, f"jsonl:{folder}/one.jsonl"),
                "iterator": iterate(fed),
                "SQLite table, 2 receivers": receive_shared(fed, f"sqlite:///{folder}/two.db", 2),
            }
    print(f"{asked.messages:,} deliveries of 4 fields, {PARTITIONS} partitions")
    for what, (received, seconds) in rates.items():
        if received < asked.messages:
            raise BenchFailed(f"{what}: {received} received of {asked.messages}")
        print(f"{what:28} {received / seconds:>10,.0f} deliveries/s ({seconds:.1f} s, process start to end)")


if __name__ == "__main__":
    main()
