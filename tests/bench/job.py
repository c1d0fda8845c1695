"""Job J's data, made once and kept: the peers' own files and oracle, and the same changes as the hub's owner sends them.

`changes` holds every input of the job in the hub's owner envelope, `images` one `c` for each record that has a `before`, so that
the hub knows it. Both are files of (key length, value length: 4 bytes each, big-endian), key, value; without wire headers, because
schema ids differ from run to run.
"""

from __future__ import annotations

import json
import struct
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import fastavro

from gongyu_schemas.envelope import CREATE, owner_envelope, subject_key_schema
from gongyu_schemas.information_type import InformationType, load_type

TYPES = Path(__file__).parent / "types"
_TYPE = TYPES / "j-resident"
_LENGTHS = struct.Struct(">II")
_HEADER_BYTES = 5


@dataclass(frozen=True, slots=True)
class Oracle:
    """What a right system delivers. By region digit 1 to 4: number of outputs, and sum of crc32(key + body) mod 2**64."""

    records: int
    counts: tuple[int, ...]
    sums: tuple[int, ...]

    def outputs(self, grants: int) -> int:
        return sum(self.counts[g % 4] for g in range(grants))


@dataclass(frozen=True, slots=True)
class Job:
    """The folder of one size of the job."""

    folder: Path
    oracle: Oracle

    @property
    def peer_input(self) -> Path:
        return self.folder / "j.bin"

    @property
    def oracle_file(self) -> Path:
        return self.folder / "oracle.json"

    @property
    def changes(self) -> Path:
        return self.folder / "hub-changes.bin"

    @property
    def images(self) -> Path:
        return self.folder / "hub-images.bin"


def information_type() -> InformationType:
    return load_type(_TYPE)


def make_job(inputs: int, peers: Path, folder: Path) -> Job:
    """Made aside and shown under its name at once: a folder that exists is complete."""
    if not folder.is_dir():
        aside = folder.with_name(folder.name + ".part")
        aside.mkdir(parents=True, exist_ok=True)
        print(f"job: making {inputs} inputs in {folder} (once)", flush=True)
        subprocess.run([sys.executable, str((peers / "gen.py").absolute()), str(inputs)], cwd=aside, check=True)
        _convert(Job(aside, _read_oracle(aside)))
        aside.rename(folder)
    return Job(folder, _read_oracle(folder))


def read_pairs(path: Path) -> Iterator[tuple[bytes, bytes]]:
    content, at = path.read_bytes(), 0
    while at < len(content):
        key, value = _LENGTHS.unpack_from(content, at)
        at += _LENGTHS.size
        yield content[at : at + key], content[at + key : at + key + value]
        at += key + value


def _read_oracle(folder: Path) -> Oracle:
    told = json.loads((folder / "oracle.json").read_text(encoding="utf-8"))
    return Oracle(told["records"], tuple(told["counts"]), tuple(told["sums"]))


def _convert(job: Job) -> None:
    """From the peers' envelope to the hub's, through values: both schemas have their say."""
    change_schema = fastavro.parse_schema(json.loads((job.folder / "change.avsc").read_text(encoding="utf-8")))
    envelope = fastavro.parse_schema(owner_envelope(information_type()))
    key_schema = fastavro.parse_schema(subject_key_schema(information_type()))
    with job.changes.open("wb") as changes, job.images.open("wb") as images:
        for key, value in read_pairs(job.peer_input):
            change: Any = fastavro.schemaless_reader(BytesIO(value[_HEADER_BYTES:]), change_schema, None)
            source = {"name": change["source"]["owner"], "position": change["source"]["seq"], "act": None}
            own_key = _encode(key_schema, {"resident_id": key.decode()})
            changes.write(_pair(own_key, _encode(envelope, {**change, "source": source})))
            if change["before"] is not None:
                first = {"before": None, "after": change["before"], "op": CREATE, "ts_ms": change["ts_ms"], "source": source}
                images.write(_pair(own_key, _encode(envelope, first)))


def _pair(key: bytes, value: bytes) -> bytes:
    return _LENGTHS.pack(len(key), len(value)) + key + value


def _encode(schema: Any, value: dict[str, Any]) -> bytes:
    body = BytesIO()
    fastavro.schemaless_writer(body, schema, value)
    return body.getvalue()
