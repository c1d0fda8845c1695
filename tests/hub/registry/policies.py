"""Information types and policies for tests, written as the files a user writes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import yaml

from gongyu_schemas.information_type import InformationType, load_type

FIELDS: list[dict[str, Any]] = [
    {"name": "dog_id", "type": "string"},
    {"name": "name", "type": "string"},
    {"name": "born", "type": {"type": "int", "logicalType": "date"}},
    {"name": "weight", "type": ["null", {"type": "bytes", "logicalType": "decimal", "precision": 9, "scale": 2}], "default": None},
    {"name": "town", "type": ["null", "string"], "default": None},
]


def write_type(
    folder: Path, name: str = "dog", owner: str = "kennel", partitions: int = 4, fields: list[dict[str, Any]] | None = None
) -> Path:
    """The folder of one type: its record has FIELDS unless others are given; the first is the key."""
    fields = FIELDS if fields is None else fields
    home = folder / name
    home.mkdir(parents=True, exist_ok=True)
    declared = {
        "name": name,
        "owner": owner,
        "title": {"ko": "개", "en": "Dog"},
        "key": [fields[0]["name"]],
        "partitions": partitions,
        "classification": {field["name"]: "public" for field in fields},
    }
    (home / "type.yaml").write_text(yaml.safe_dump(declared, allow_unicode=True), encoding="utf-8")
    record = {"type": "record", "name": "Dog", "namespace": "test.kennel", "fields": fields}
    (home / "record.avsc").write_text(json.dumps(record), encoding="utf-8")
    return home


def make_type(folder: Path, name: str = "dog", owner: str = "kennel", **more: Any) -> InformationType:
    return load_type(write_type(folder, name, owner, **more))


def grant(subscriber: str, name: str, information_type: str = "dog", **changes: Any) -> dict[str, Any]:
    """A grant as the policy file has it."""
    return {
        "subscriber": subscriber,
        "grant": name,
        "information_type": information_type,
        "fields": ["dog_id", "name"],
        "purpose": {"code": "care", "text": "Care of dogs"},
        "legal_basis": {"statute": "Dog Act", "article": "7", "valid_from": "2020-01-01"},
        **changes,
    }


def write_policy(file: Path, *grants: dict[str, Any], subscribers: tuple[str, ...] = ()) -> Path:
    declared = {*subscribers, *(each["subscriber"] for each in grants)}
    content = {"subscribers": {name: {"title": {"ko": "기관", "en": "Body"}} for name in sorted(declared)}, "grants": list(grants)}
    file.write_text(yaml.safe_dump(content, allow_unicode=True, sort_keys=False), encoding="utf-8")
    return file
