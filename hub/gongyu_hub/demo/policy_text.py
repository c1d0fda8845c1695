"""The reference's own reading of a policy file: its grants as terms, nothing judged.

Enters YAML text that the control plane has accepted, and the information types; leaves the grants in file order.
Raises ConfigError where it cannot be read so.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from gongyu_hub.demo.literals import LiteralError
from gongyu_hub.demo.reference import Terms, terms
from gongyu_hub.demo.row_text import RowTextError
from gongyu_schemas.errors import ConfigError
from gongyu_schemas.information_type import InformationType


def read_policy(file: Path, types: Mapping[str, InformationType], master: bytes | None = None) -> tuple[Terms, ...]:
    """Every grant of the file; `master` is the key of its pseudonyms, needed before one is made. Raises ConfigError."""
    try:
        content = yaml.safe_load(file.read_text(encoding="utf-8"))
        return tuple(_read_grant(each, types, master) for each in content["grants"])
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ConfigError(f"policy {file} cannot be read: {error}") from error
    except (KeyError, TypeError, RowTextError, LiteralError) as error:
        raise ConfigError(f"policy {file} is not one that the hub accepts: {error}; try gongyu-hub check --policy {file}") from error


def _read_grant(entry: Mapping[str, Any], types: Mapping[str, InformationType], master: bytes | None) -> Terms:
    law = entry["legal_basis"]
    return terms(
        entry["subscriber"],
        entry["grant"],
        types[entry["information_type"]],
        entry["fields"],
        entry.get("rows"),
        {"code": entry["purpose"]["code"], "text": entry["purpose"]["text"]},
        {
            "statute": law["statute"],
            "article": law["article"],
            "valid_from": _day(law["valid_from"]),
            "valid_to": _day(law.get("valid_to")),
        },
        entry.get("treatments"),
        master,
        _list(entry.get("subjects", "all")),
    )


def published_terms(version: Mapping[str, Any], types: Mapping[str, InformationType], master: bytes | None) -> Terms:
    """A grant as the hub published it: of one that has ended and that the file need not name any more."""
    return terms(
        version["subscriber"],
        version["grant"],
        types[version["information_type"]],
        version["fields"],
        version["rows"],
        version["purpose"],
        version["legal_basis"],
        version["treatments"],
        master,
        version["subject_list"],
    )


def _list(subjects: Any) -> str | None:
    return None if subjects == "all" else str(subjects["list"])


def _day(value: Any) -> str | None:
    """YAML reads an unquoted day as a date."""
    return value.isoformat() if isinstance(value, dt.date) else value
