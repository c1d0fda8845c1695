"""`gongyu-hub partitions list|resume`: how far each owner partition is, and the end of a pause.

`resume` publishes an epoch with the owner offset up to which rejections pause nothing; it takes effect when the partition records
that epoch, in one transaction and once. It passes over no message: what was rejected stays a dead letter, what
stands behind it is read.
"""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from gongyu_hub.operating.connection import ask_control_plane, operating_profile, reading_profile
from gongyu_hub.operating.partitions import Kafka, Standing, reading
from gongyu_hub.operating.status import describe_partition
from gongyu_schemas.console import make_console
from gongyu_schemas.errors import ConfigError, KafkaUnavailable, reported
from gongyu_schemas.transport.clients import require_connection

_HELP = """Owner partitions: how far they are, and the end of a pause.

Example: gongyu-hub partitions list --dir ./hub --paused
"""

partitions = typer.Typer(help=_HELP, no_args_is_help=True)
_WAIT_S = 30.0
_POLL_S = 0.3

Folder = Annotated[Path, typer.Option("--dir", help="Folder of the hub.")]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON document.")]


@partitions.command("list")
def list_partitions(
    directory: Folder,
    of_type: Annotated[str | None, typer.Option("--type", help="One information type alone.")] = None,
    only_paused: Annotated[bool, typer.Option("--paused", help="Paused partitions alone.")] = False,
    as_json: AsJson = False,
    profile: Annotated[Path | None, typer.Option(help="Profile of the hub's Kafka user. Default: DIR/profiles/hub.yaml.")] = None,
) -> None:
    """List every partition with its worker, epoch, offsets, rejections and pause.

    Example: gongyu-hub partitions list --dir ./hub --paused
    """
    with reported():
        credentials = reading_profile(directory, profile)
        require_connection(credentials)
        with reading(credentials) as kafka:
            found = kafka.stand(of_type)
        if of_type is not None and not found.types:
            raise ConfigError(f"{of_type} has no grants in force yet")
        rows = [
            {"information_type": of.manifest.information_type, **describe_partition(each)}
            for of in found.types
            for each in of.partitions
            if not only_paused or each.progress.paused is not None
        ]
        if as_json:
            print(json.dumps(rows, ensure_ascii=False))
        else:
            _draw(rows)


def _draw(rows: list[dict[str, object]]) -> None:
    table = Table(box=None, pad_edge=False)
    shown = ("worker", "epoch", "next_offset", "end_offset", "lag", "rejections", "paused_at", "last_commit")
    table.add_column("type", overflow="fold")
    for name in ("partition", *shown):
        table.add_column(name.replace("_", " "), justify="left" if name in ("worker", "last_commit") else "right")
    for row in rows:
        cells = ["-" if row[name] is None else str(row[name]) for name in shown]
        table.add_row(str(row["information_type"]), str(row["partition"]), *cells)
    make_console().print(table, highlight=False)


@partitions.command()
def resume(
    information_type: Annotated[str, typer.Argument(metavar="TYPE", help="The information type.")],
    partition: Annotated[int, typer.Argument(metavar="PARTITION", min=0, help="Number of the owner partition.")],
    directory: Folder,
    at: Annotated[
        int | None, typer.Option(min=0, help="Owner offset up to which rejections pause nothing. Default: the one it is paused at.")
    ] = None,
    as_json: AsJson = False,
    profile: Annotated[Path | None, typer.Option(help="Administrator's profile. Default: DIR/profiles/admin.yaml.")] = None,
) -> None:
    """Let a paused partition go on behind the message it was paused at; that message stays a dead letter.

    Example: gongyu-hub partitions resume resident 2 --dir ./hub

    Waits until the partition goes on. With --at, rejections up to that owner offset do not pause it again.
    """
    with reported():
        administrator = operating_profile(directory, profile)
        require_connection(administrator)
        with reading(administrator) as kafka:
            offset = _offset(kafka, information_type, partition, at)
            path = f"/operation/types/{information_type}/partitions/{partition}/resume"
            epoch = int(ask_control_plane(administrator, path, {"offset": offset})["epoch"])
            in_effect = _wait(kafka, information_type, partition, epoch)
        answer = {"information_type": information_type, "partition": partition, "resumed_up_to": offset, "epoch": epoch}
        if as_json:
            print(json.dumps({**answer, "in_effect": in_effect}))
        else:
            then = "is in effect" if in_effect else "is published and takes effect as soon as a worker has the partition"
            print(f"{information_type} {partition}: resumed up to owner offset {offset}; epoch {epoch} {then}")


def _offset(kafka: Kafka, information_type: str, partition: int, at: int | None) -> int:
    """Refuses what would do nothing, or would take the guard away from messages that nobody has seen."""
    standing = _standing(kafka, information_type, partition)
    paused, name = standing.progress.paused, f"{information_type} {partition}"
    if paused is None:
        raise ConfigError(f"{name} is not paused: its next owner offset is {standing.progress.cursor}, its end {standing.end}")
    if at is not None and at < paused:
        raise ConfigError(f"--at {at}: {name} is paused at {paused}; give that offset or a later one")
    if at is not None and at >= standing.end:
        raise ConfigError(f"--at {at}: the owner topic ends at {standing.end}; messages that are not there yet stay guarded")
    return paused if at is None else at


def _wait(kafka: Kafka, information_type: str, partition: int, epoch: int) -> bool:
    """Whether the partition has recorded the epoch. A worker that is not there is no failure: the epoch waits for it."""
    deadline = time.monotonic() + _WAIT_S
    while time.monotonic() < deadline:
        standing = _standing(kafka, information_type, partition)
        if standing.progress.adopted >= epoch:
            return True
        if standing.worker is None:
            return False
        time.sleep(_POLL_S)
    raise KafkaUnavailable(
        f"epoch {epoch} is published, but partition {partition} did not record it within {_WAIT_S:.0f} s; see the worker's log"
    )


def _standing(kafka: Kafka, information_type: str, partition: int) -> Standing:
    for of in kafka.stand(information_type).types:
        if partition < len(of.partitions):
            return of.partitions[partition]
        raise ConfigError(f"{information_type} has no partition {partition}: it has {len(of.partitions)}, counted from 0")
    raise ConfigError(f"{information_type} has no grants in force yet")
