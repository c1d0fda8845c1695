"""Where deliveries go: the text of `--to`, and the sink that it names, opened."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

from gongyu_consumers.sinks.jsonl import JsonlSink
from gongyu_consumers.sinks.sink import Identity, Shape, Sink
from gongyu_consumers.sinks.sqlite import SqliteSink
from gongyu_consumers.sinks.stdout import StdoutSink
from gongyu_schemas.errors import ConfigError

_SQLITE = "sqlite:///"
_JSONL = "jsonl:"


@dataclass(frozen=True, slots=True)
class Target:
    """`kind` is sqlite, jsonl or stdout."""

    kind: str
    path: Path


def read_target(text: str) -> Target:
    """Raises ConfigError for anything else than the three forms, and where no file can lie."""
    if text == "-":
        return Target("stdout", Path("-"))
    for kind, prefix in (("sqlite", _SQLITE), ("jsonl", _JSONL)):
        if text.startswith(prefix) and len(text) > len(prefix):
            return Target(kind, require_place(text, Path(text.removeprefix(prefix))))
    raise ConfigError(f"--to {text!r}: use sqlite:///FILE, jsonl:FILE or -")


def require_place(text: str, path: Path) -> Path:
    """The path, if a file may lie there; `text` is how `--to` has it. Raises ConfigError."""
    if path.is_dir():
        raise ConfigError(f"--to {text} is a folder; name a file in it")
    if not path.parent.is_dir():
        raise ConfigError(f"--to {text}: there is no folder {path.parent}; make it, or name a file elsewhere")
    return path


def open_stdout(committed: dict[int, int], *, from_anywhere: bool) -> Sink:
    return StdoutSink(sys.stdout.buffer, committed, from_anywhere=from_anywhere)


def open_table(target: Target, identity: Identity, shape: Shape, *, from_anywhere: bool, shared: bool = False) -> SqliteSink:
    return SqliteSink(target.path, identity, shape, from_anywhere=from_anywhere, shared=shared)


def open_lines(target: Target, identity: Identity, *, from_anywhere: bool) -> Sink:
    return JsonlSink(target.path, identity, from_anywhere=from_anywhere)
