"""200 information types, 20 subscribers, 1,000 grants in one hub: started, published, delivered, checked, without a line of code.

Every type is a folder and every grant an entry of the policy file, both written here as an agency would; all else is done by
the public commands. Prints how long each part took and how much memory each process had at most.
"""

from __future__ import annotations

import json
import random
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psutil
import pytest
import yaml

from gongyu_hub.demo.check import check_hub
from gongyu_hub.local_kafka import LocalKafka
from gongyu_schemas.names import owner_user
from gongyu_schemas.transport.profile import write_profile
from tests.running import BIN, Process

pytestmark = [pytest.mark.soak, pytest.mark.kafka]

TYPES, SUBSCRIBERS, GRANTS, RECORDS = 200, 20, 1000, 100
STATUS_MOST_S = 5.0
_KINDS: tuple[Any, ...] = ("string", "long", ["null", "string"], {"type": "int", "logicalType": "date"}, "boolean", ["null", "double"])


def test_200_types_20_subscribers_1000_grants_are_delivered_in_one_run(tmp_path: Path) -> None:
    draw = random.Random(1)
    types, policy, registers = tmp_path / "types", tmp_path / "policy.yaml", tmp_path / "registers"
    registers.mkdir()
    fields = {f"kind-{number:03d}": _write_type(types, registers, f"kind-{number:03d}", draw) for number in range(TYPES)}
    policy.write_text(json.dumps(_policy(fields, draw)), encoding="utf-8")
    hub = tmp_path / "hub"
    watch = _Watch()
    with LocalKafka(tmp_path / "kafka") as kafka:
        write_profile(hub / "profiles" / "admin.yaml", kafka.profile)
        watch.follow("Kafka", kafka.pid or 0)
        watch.lap("Kafka started")
        control = Process(tmp_path / "serve.log", "gongyu-hub", "serve", "--dir", hub, "--policy", policy, "--types", types)
        try:
            control.ready("control plane: ready", 600)
            watch.follow("control plane", control.process.pid)
            watch.lap(f"{TYPES} types and {GRANTS} grants in force")
            worker = Process(tmp_path / "work.log", "gongyu-hub", "work", "--dir", hub)
            try:
                worker.ready("worker worker-1: ready", 300)
                watch.follow("worker", worker.process.pid)
                watch.lap("worker ready")
                with ThreadPoolExecutor(2) as two:
                    codes = dict(zip(fields, two.map(lambda name: _publish(tmp_path, hub, types, registers, name), fields), strict=True))
                assert not any(codes.values()), {name: code for name, code in codes.items() if code}
                watch.lap(f"{TYPES} registers of {RECORDS} records published, each by a command of its own")
                result = check_hub(hub, policy, [types], 600)
                watch.lap("delivered, read again and compared with the reference")
                asked = time.monotonic()
                status = subprocess.run([BIN / "gongyu-hub", "status", "--dir", hub, "--json"], capture_output=True, check=True, timeout=60)
                answered_s = time.monotonic() - asked
                watch.lap("status")
                standing = json.loads(status.stdout)
            finally:
                watch.look()
                print(watch.text(), flush=True)  # also of a run that fails
                worker.stop()
        finally:
            control.stop()
    assert result.findings.clean, result.findings.examples
    delivered = sum(sum(grant.tally.delivered.values()) for grant in result.grants)
    assert result.inputs == TYPES * RECORDS and len(result.grants) == GRANTS and delivered > result.inputs
    assert len(standing["types"]) == TYPES and standing["attention"] == [] and all(each["lag"] == 0 for each in standing["types"])
    assert answered_s < STATUS_MOST_S
    print(f"types: {TYPES}, subscribers: {SUBSCRIBERS}, grants: {GRANTS}, inputs: {result.inputs}, deliveries: {delivered}")


class _Watch:
    """Laps in seconds, and the most memory that each process had."""

    def __init__(self) -> None:
        self._since = time.monotonic()
        self._laps: list[str] = []
        self._processes: dict[str, psutil.Process] = {}
        self._peaks: dict[str, str] = {}

    def follow(self, name: str, pid: int) -> None:
        self._processes[name] = psutil.Process(pid)

    def lap(self, what: str) -> None:
        now = time.monotonic()
        self._laps.append(f"{what}: {now - self._since:.1f} s")
        self._since = now
        self.look()

    def look(self) -> None:
        for name, process in self._processes.items():
            status = Path(f"/proc/{process.pid}/status").read_text(encoding="ascii")
            peak = next(line.split()[1] for line in status.splitlines() if line.startswith("VmHWM"))
            self._peaks[name] = f"{name}: {int(peak) // 1024} MiB, {process.num_threads()} threads"

    def text(self) -> str:
        return "\n".join([*self._laps, *(f"peak of {peak}" for peak in self._peaks.values())])


def _write_type(types: Path, registers: Path, name: str, draw: random.Random) -> list[str]:
    """A type folder and its register as a file; the names of its fields."""
    kinds = [draw.choice(_KINDS) for _ in range(draw.randint(3, 20))]
    fields: list[dict[str, Any]] = [{"name": "id", "type": "string"}, {"name": "region", "type": "string"}]
    fields += [{"name": f"f{number:02d}", "type": kind} for number, kind in enumerate(kinds)]
    folder = types / name
    folder.mkdir(parents=True)
    names = [field["name"] for field in fields]
    declared = {
        "name": name,
        "owner": f"owner-{int(name[-3:]) % 35:02d}",
        "title": {"ko": f"종류 {name}", "en": f"Kind {name}"},
        "key": ["id"],
        "classification": dict.fromkeys(names, "internal"),
    }
    (folder / "type.yaml").write_text(yaml.safe_dump(declared, allow_unicode=True), encoding="utf-8")
    record = {"type": "record", "name": "Record", "namespace": f"scale.k{name[-3:]}", "fields": fields}
    (folder / "record.avsc").write_text(json.dumps(record), encoding="utf-8")
    rows = [
        {
            "id": f"r{number:06d}",
            "region": draw.choice(["11", "26", "41"]),
            **{f"f{at:02d}": _value(kind, draw) for at, kind in enumerate(kinds)},
        }
        for number in range(RECORDS)
    ]
    (registers / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return names


def _value(kind: Any, draw: random.Random) -> Any:
    if isinstance(kind, list):
        return None if draw.random() < 0.2 else _value(kind[1], draw)
    if isinstance(kind, dict):
        return f"20{draw.randint(10, 26)}-0{draw.randint(1, 9)}-1{draw.randint(0, 9)}"
    return {"string": f"v{draw.randint(0, 999)}", "long": draw.randint(0, 10**9), "boolean": draw.random() < 0.5, "double": draw.random()}[
        kind
    ]


def _policy(fields: dict[str, list[str]], draw: random.Random) -> dict[str, Any]:
    names, subscribers = list(fields), [f"subscriber-{number:02d}" for number in range(SUBSCRIBERS)]
    grants = []
    for number in range(GRANTS):
        name = names[number % TYPES]
        grants.append(
            {
                "subscriber": subscribers[number % SUBSCRIBERS],
                "grant": f"grant-{number:04d}",
                "information_type": name,
                "fields": ["id", *draw.sample(fields[name][1:], draw.randint(1, len(fields[name]) - 1))],
                **({"rows": f"region = '{draw.choice(['11', '26', '41'])}'"} if draw.random() < 0.7 else {}),
                "purpose": {"code": "scale", "text": "Scale in kinds"},
                "legal_basis": {"statute": "Act on Scale", "article": str(number), "valid_from": "2020-01-01", "valid_to": None},
            }
        )
    return {"subscribers": {name: {"title": {"ko": name, "en": name}} for name in subscribers}, "grants": grants}


def _publish(folder: Path, hub: Path, types: Path, registers: Path, name: str) -> int:
    """`gongyu-owner publish` of one register; its exit code."""
    owner = owner_user(f"owner-{int(name[-3:]) % 35:02d}")
    profile, state = hub / "profiles" / f"{owner}.yaml", folder / "state"
    command: list[str | Path] = [
        "publish",
        registers / f"{name}.jsonl",
        "--type",
        name,
        "--types",
        types,
        "--profile",
        profile,
        "--state-dir",
        state,
    ]
    process = Process(folder / f"publish-{name}.log", BIN / "gongyu-owner", *command, "--snapshot")
    code = process.process.wait(120)
    process.stop()
    return code
