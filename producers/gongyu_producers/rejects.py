"""The rejected rows of a run -> `FILE.rejects.jsonl` beside the file: line, field, reason, and the key where readable.

One JSON object per thing wrong; a row with two bad fields has two. Written whole or not at all, before anything is
published, and removed when a run rejects nothing: it always speaks of the last run. Readable by its owner alone,
because it names records.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from gongyu_schemas.errors import ConfigError
from gongyu_schemas.plain_words import why


def rejects_path(file: Path) -> Path:
    return file.with_name(f"{file.name}.rejects.jsonl")


def write_rejects(path: Path, rejects: Iterable[dict[str, Any]]) -> None:
    """Raises ConfigError where the file cannot be written."""
    partial = path.with_name(f"{path.name}.partial")
    try:
        partial.unlink(missing_ok=True)
        with open(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
            file.writelines(json.dumps(reject, ensure_ascii=False) + "\n" for reject in rejects)
        partial.replace(path)
    except OSError as error:
        raise ConfigError(
            f"{path}: the rejected rows cannot be written here ({why(error)}); nothing was published; give --rejects FILE"
        ) from error


def remove_rejects(path: Path) -> None:
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise ConfigError(f"{path}: rejects of an earlier run cannot be removed ({why(error)}); give --rejects FILE") from error
