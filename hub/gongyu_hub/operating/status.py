"""`gongyu-hub status`: what is shared, who works on it, and what needs a person. From Kafka alone, so it also works where the hub is down.

The control plane's heartbeat is the one thing judged by this machine's clock.
"""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from gongyu_hub.operating.connection import Commands, reading_profile
from gongyu_hub.operating.partitions import HubStanding, Standing, TypeStanding, reading
from gongyu_hub.policy.records import Ended, ManifestEntry, Refusal
from gongyu_schemas.console import make_console
from gongyu_schemas.errors import reported
from gongyu_schemas.transport.clients import require_connection

_EVERY_S = 2.0
#: As the worker's default for `policy_max_age_s`.
_HEARTBEAT_OLD_S = 30.0
#: Lines for grants that have ended, the newest first.
_ENDED_SHOWN = 5

Content = dict[str, Any]


def status(
    directory: Annotated[Path, typer.Option("--dir", help="Folder of the hub.")],
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document, with every partition.")] = False,
    watch: Annotated[bool, typer.Option("--watch", help="Show it again every two seconds until Ctrl-C.")] = False,
    profile: Annotated[Path | None, typer.Option(help="Profile of the hub's Kafka user. Default: DIR/profiles/hub.yaml.")] = None,
) -> None:
    """Show types, workers, lag, epochs in effect, rejections and what is paused.

    Example: gongyu-hub status --dir ./hub --watch
    """
    with reported():
        credentials = reading_profile(directory, profile)
        require_connection(credentials)
        commands = Commands(directory, profile)
        with reading(credentials) as kafka:
            if not watch:
                _print(describe(kafka.stand(), time.time(), commands), as_json)
                return
            if as_json:
                while True:
                    _print(describe(kafka.stand(), time.time(), commands), as_json)
                    time.sleep(_EVERY_S)
            with Live(console=make_console(), auto_refresh=False) as live:
                while True:
                    content = describe(kafka.stand(), time.time(), commands)
                    live.update(Group(draw(content), *told(content)), refresh=True)
                    time.sleep(_EVERY_S)


def _print(content: Content, as_json: bool) -> None:
    if as_json:
        print(json.dumps(content, ensure_ascii=False), flush=True)
    else:
        console = make_console()
        console.print(draw(content), highlight=False)
        for line in told(content):
            console.print(line, soft_wrap=True)  # a command is to be copied: no line ends inside


def describe(standing: HubStanding, now_s: float, commands: Commands) -> Content:
    """As JSON. `attention`: sentences on what needs a person; `commands` writes what to do about it."""
    beat = standing.beat
    age = None if beat is None else round(max(0.0, now_s - beat.at_ms / 1000), 1)
    refused = None if beat is None else _describe_refusal(beat.refused)
    types = [_describe_type(each) for each in standing.types]
    return {
        "control_plane": {"heartbeat_age_s": age, "refused": refused},
        "workers": [{"name": each.name, "host": each.host, "partitions": each.partitions} for each in standing.workers],
        "types": types,
        "attention": _attention(age, refused, standing, commands),
    }


def _describe_refusal(refusal: Refusal | None) -> Content | None:
    return None if refusal is None else {"what": refusal.what, "reason": refusal.reason, "since": _time(refusal.since_ms)}


def _describe_type(of: TypeStanding) -> Content:
    missing = of.missing()
    return {
        "information_type": of.manifest.information_type,
        "owner": of.manifest.owner,
        "grants": len(of.manifest.active()),
        "ended_grants": [_describe_end(each, each.ended) for each in of.manifest.grants if each.ended is not None],
        "epoch": of.manifest.epoch,
        "decided": _time(of.manifest.published_ms),
        "in_effect": not missing,
        "in_effect_since": _time(of.since_ms or 0),
        "not_in_effect_in": missing,
        "lag": sum(each.lag for each in of.partitions),
        "rejections": sum(each.progress.rejections for each in of.partitions),
        "paused": [each.partition for each in of.partitions if each.progress.paused is not None],
        "last_commit": _time(max((each.committed_ms or 0 for each in of.partitions), default=0)),
        "partitions": [describe_partition(each) for each in of.partitions],
    }


def _describe_end(of: ManifestEntry, ended: Ended) -> Content:
    told = {"since": _time(ended.at_ms), "epoch": ended.epoch, "who": ended.who, "reason": ended.reason}
    return {"subscriber": of.subscriber, "grant": of.grant, **told}


def describe_partition(at: Standing) -> Content:
    return {
        "partition": at.partition,
        "worker": at.worker,
        "epoch": at.progress.adopted,
        "next_offset": at.progress.cursor,
        "end_offset": at.end,
        "lag": at.lag,
        "rejections": at.progress.rejections,
        "rejected_in_a_row": at.progress.rejected,
        "paused_at": at.progress.paused,
        "out_of_reach": at.out_of_reach,
        "last_commit": _time(at.committed_ms or 0),
    }


def _attention(age: float | None, refused: Content | None, standing: HubStanding, commands: Commands) -> list[str]:
    found = []
    if refused is not None:
        found.append(f"{refused['what']} since {refused['since']}, so what was in force before stays: {refused['reason']}")
    if standing.types and (age is None or age > _HEARTBEAT_OLD_S):
        found.append("no heartbeat of the control plane: workers read nothing until it runs; start it as it was started")
    if standing.types and not standing.workers:
        found.append(f"no worker: start one with {commands.reading('work')}")
    for of in standing.types:
        name = of.manifest.information_type
        if missing := of.missing():
            found.append(f"{name}: epoch {of.manifest.epoch} is not in effect in partitions {', '.join(map(str, missing))}")
        for each in of.partitions:
            if each.progress.paused is not None:
                found.append(f"{name} {each.partition}: {_how_paused(each, name, commands)}")
            if each.out_of_reach:
                found.append(f"{name} {each.partition}: its next message is gone from the owner topic: ask the owner for a snapshot")
    return found


def _how_paused(at: Standing, name: str, commands: Commands) -> str:
    see, then = commands.reading(f"dead-letters list --type {name}"), commands.other(f"partitions resume {name} {at.partition}")
    return f"paused at owner offset {at.progress.paused} after {at.progress.rejected} rejections in a row: see {see}, then {then}"


def draw(content: Content) -> Table:
    """One line a type."""
    outer = Table.grid()
    beat, workers = content["control_plane"]["heartbeat_age_s"], content["workers"]
    outer.add_row(f"control plane: {'no heartbeat' if beat is None else f'heartbeat {beat} s ago'}")
    shares = [f"{w['name']} at {w['host']} ({w['partitions']} partitions of owners and subject lists)" for w in workers]
    outer.add_row("workers: " + (", ".join(shares) or "none"))
    table = Table(box=None, pad_edge=False)
    for name in ("type", "owner"):
        table.add_column(name, overflow="fold")
    for name in ("grants", "partitions", "epoch"):
        table.add_column(name, justify="right")
    table.add_column("in effect")
    for name in ("lag", "rejections", "paused"):
        table.add_column(name, justify="right")
    table.add_column("last commit")
    for each in content["types"]:
        missing = each["not_in_effect_in"]
        since = "" if each["in_effect_since"] is None else f" since {each['in_effect_since']}"
        effect = f"everywhere{since}" if not missing else f"not in {', '.join(map(str, missing))}"
        numbers = (str(each["grants"]), str(len(each["partitions"])), str(each["epoch"]))
        counts = (f"{each['lag']:,}", f"{each['rejections']:,}", ", ".join(map(str, each["paused"])) or "-")
        table.add_row(each["information_type"], each["owner"], *numbers, effect, *counts, each["last_commit"] or "never")
    outer.add_row(table)
    ended = [each for of_type in content["types"] for each in of_type["ended_grants"]]
    for each in sorted(ended, key=lambda each: str(each["since"]), reverse=True)[:_ENDED_SHOWN]:
        words = f"ended: grant {each['subscriber']}/{each['grant']} since {each['since']}, by {each['who']}, for: {each['reason']}"
        outer.add_row(Text(words, overflow="fold"))
    if len(ended) > _ENDED_SHOWN:
        outer.add_row(f"and {len(ended) - _ENDED_SHOWN:,} grants that ended before: --json")
    return outer


def told(content: Content) -> list[Text]:
    """What needs a person, a line each."""
    return [Text(f"! {line}") for line in content["attention"]]


def _time(at_ms: int) -> str | None:
    return None if at_ms == 0 else datetime.fromtimestamp(at_ms / 1000, UTC).isoformat(timespec="milliseconds")
