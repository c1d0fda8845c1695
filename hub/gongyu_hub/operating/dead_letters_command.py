"""`gongyu-hub dead-letters list|show`: what was rejected, and why. Keys and values are shown only where asked for."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from io import BytesIO
from itertools import islice
from pathlib import Path
from typing import Annotated, Any

import fastavro
import typer
from rich.console import Console

from gongyu_hub.json_answers import print_array
from gongyu_hub.operating.connection import reading_profile
from gongyu_hub.operating.dead_letters import Letter, find, newest_first
from gongyu_hub.operating.partitions import WHOLE, Kafka, asking, reading
from gongyu_hub.policy.schemas import SchemaReader
from gongyu_hub.values import Reason
from gongyu_schemas import wire
from gongyu_schemas.errors import ConfigError, FatalError, GongyuError, reported
from gongyu_schemas.transport.clients import require_connection
from gongyu_schemas.transport.profile import Profile

_HELP = """Messages of owners that were rejected, and why.

Example: gongyu-hub dead-letters list --dir ./hub --since 12h
"""

dead_letters = typer.Typer(help=_HELP, no_args_is_help=True)
_WIDTH = 200
_UNITS_S = {"m": 60, "h": 3600, "d": 86_400}
REPAIR = "to repair: the owner publishes the record again; nothing old is put behind something newer"

Folder = Annotated[Path, typer.Option("--dir", help="Folder of the hub.")]
AsProfile = Annotated[Path | None, typer.Option(help="Profile of the hub's Kafka user. Default: DIR/profiles/hub.yaml.")]


@dead_letters.command("list")
def list_letters(
    directory: Folder,
    of_type: Annotated[str | None, typer.Option("--type", help="One information type alone.")] = None,
    reason: Annotated[str | None, typer.Option(help="One reason alone, for example not-decodable.")] = None,
    since: Annotated[str | None, typer.Option(help="Not older: 30m, 12h, 7d, or a time as 2026-03-01T09:00+09:00.")] = None,
    limit: Annotated[int, typer.Option(min=0, help="So many at most; 0 = all.")] = 50,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document, an array.")] = False,
    profile: AsProfile = None,
) -> None:
    """List rejected messages, newest first: position, time, reason, and where they stand in the owner's topic.

    Example: gongyu-hub dead-letters list --dir ./hub --type resident --since 12h
    """
    with reported():
        if reason is not None and reason not in {each.label for each in Reason if each}:
            raise ConfigError(f"--reason {reason!r} is none; reasons are {', '.join(each.label for each in Reason if each)}")
        since_ms = _read_since(since, time.time())
        with _open(directory, profile) as (kafka, _):
            if of_type is not None:
                kafka.policy().require_type(of_type)
            letters = newest_first(kafka, since_ms)
            wanted = (each for each in letters if of_type in (None, each.information_type) and reason in (None, each.reason))
            shown = islice(wanted, limit or None)
            if as_json:
                print_array(map(_describe, shown))
            else:
                _print(shown)


def _print(letters: Iterator[Letter]) -> None:
    console = Console()
    if not console.is_terminal:
        console = Console(width=_WIDTH)
    shown = 0
    for letter in letters:
        shown += 1
        place = f"{letter.information_type} {letter.partition} @ {letter.offset}"
        line = f"{letter.position:<10} {_time(letter.at_ms)}  {letter.reason:<20} {place:<32} {letter.detail}"
        console.print(line, highlight=False, markup=False, soft_wrap=True)
    console.print(f"{shown} shown; {REPAIR}" if shown else "no dead letters", highlight=False, soft_wrap=True)


@dead_letters.command()
def show(
    position: Annotated[str, typer.Argument(metavar="POSITION", help="PARTITION:OFFSET, as `list` shows it.")],
    directory: Folder,
    values: Annotated[bool, typer.Option("--values", help="Show key and value too: as hex, and decoded where they can be.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document.")] = False,
    profile: AsProfile = None,
) -> None:
    """Show one rejected message: reason, detail, where it stands in the owner's topic.

    Example: gongyu-hub dead-letters show 2:1041 --dir ./hub --values
    """
    with reported():
        with _open(directory, profile) as (kafka, credentials):
            letter = find(kafka, position)
            content = _describe(letter)
            if values:
                content["key"], content["value"] = (_bytes(each, credentials) for each in (letter.key, letter.value))
        if as_json:
            print(json.dumps(content, ensure_ascii=False, default=str))
            return
        _print_one(content)


def _print_one(content: dict[str, Any]) -> None:
    for name, value in content.items():
        if value is not None:  # what there is: most have nothing omitted, some no key
            shown = json.dumps(value, ensure_ascii=False, default=str) if isinstance(value, dict) else value
            typer.echo(f"{name.replace('_', ' ')}: {shown}")
    typer.echo(REPAIR)


@contextmanager
def _open(directory: Path, profile: Path | None) -> Iterator[tuple[Kafka, Profile]]:
    credentials = reading_profile(directory, profile)
    require_connection(credentials)
    with reading(credentials, WHOLE) as kafka, asking(credentials):
        yield kafka, credentials


def _describe(letter: Letter) -> dict[str, Any]:
    return {
        "position": letter.position,
        "at": _time(letter.at_ms),
        "reason": letter.reason,
        "detail": letter.detail,
        "information_type": letter.information_type,
        "owner_topic": letter.topic,
        "owner_partition": letter.partition,
        "owner_offset": letter.offset,
        "omitted": letter.omitted,
        "key_bytes": None if letter.key is None else len(letter.key),
        "value_bytes": None if letter.value is None else len(letter.value),
    }


def _bytes(content: bytes | None, credentials: Profile) -> dict[str, Any] | None:
    """As hex, and as Avro where it is in wire format under a schema that it fits."""
    if content is None:
        return None
    decoded, why = None, None
    try:
        schema_id, body = wire.unframe(content)
        decoded = _decode(schema_id, body, credentials)
    except (GongyuError, ValueError, EOFError, LookupError, OverflowError, MemoryError, AttributeError) as error:
        why = str(error) or type(error).__name__
    return {"hex": content.hex(), "decoded": decoded, "not_decoded_because": why}


def _decode(schema_id: int, body: bytes, credentials: Profile) -> Any:
    schemas = SchemaReader(credentials, lambda: True)
    try:
        reader = BytesIO(body)
        value: Any = fastavro.schemaless_reader(reader, fastavro.parse_schema(schemas.read(schema_id)), None)
    finally:
        schemas.close()
    if rest := len(reader.read()):
        raise FatalError(f"{rest} bytes are left behind the value")
    return value


def _read_since(since: str | None, now_s: float) -> int:
    """Milliseconds since 1970. Raises ConfigError."""
    if since is None:
        return 0
    if found := re.fullmatch(r"(\d{1,6})([mhd])", since):
        return int((now_s - int(found[1]) * _UNITS_S[found[2]]) * 1000)
    try:
        at = datetime.fromisoformat(since)
    except ValueError:
        raise ConfigError(f"--since {since!r} is neither 30m, 12h, 7d nor a time as 2026-03-01T09:00+09:00") from None
    return int(at.astimezone(UTC).timestamp() * 1000)


def _time(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1000, UTC).isoformat(timespec="milliseconds")
