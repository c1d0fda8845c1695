"""`gongyu-owner`: the command line of the owner's side."""

from __future__ import annotations

import dataclasses
import json
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from gongyu_producers.blocks import Block, as_blocks, screen_width
from gongyu_producers.cli_types import types_app
from gongyu_producers.generate import command as generate
from gongyu_producers.guard import read_limit
from gongyu_producers.options import (
    FileOptions,
    JsonOption,
    NamingOptions,
    StateDirOption,
    TypeOption,
    TypesOption,
    ask_file,
    choose_type,
    default_state_dir,
    takes_groups,
)
from gongyu_producers.owner_topic import ask_ends
from gongyu_producers.pace import read_rate
from gongyu_producers.progress import ProgressView
from gongyu_producers.publish import Run, publish, read_act
from gongyu_producers.send import CHANGES_PER_TRANSACTION
from gongyu_producers.status import TypeStatus, compare_ends, read_status
from gongyu_schemas import exit_codes
from gongyu_schemas.errors import ConfigError, reported
from gongyu_schemas.transport.clients import make_admin, require_connection
from gongyu_schemas.transport.profile import read_profile

_HELP = """The owner's side of gongyu: publish a register.

Example: gongyu-owner publish residents.tsv --type resident --profile owner.mois.yaml --snapshot
"""

app = typer.Typer(help=_HELP, no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
app.add_typer(types_app, name="types")

_PUBLISH_HELP = """Publish a file of records to the owner's topic.

Without --snapshot every row is a change: a new image of its record, or what --op-column says.
With --snapshot the file is the whole register: what differs from what was published is created, updated, deleted.

Undo: publish the previous file with --snapshot. It is compared like any other, so what differs goes back, once, as ordinary
changes; --dry-run shows them first, the summary says when a file is older than the one before. A type with a version
field refuses it: the hub passes over whatever is older than what it has; correct such records with newer versions.

Example: gongyu-owner publish residents.tsv --type resident --profile owner.mois.yaml --snapshot

Exit codes: 0 published; 1 failed; 2 wrong usage, file or stopped by the guard, nothing was published; 3 Kafka or
registry; 4 local state; 5 published, but rows were rejected; 130 and 143 stopped by Ctrl-C or SIGTERM.
"""

_STATUS_HELP = """Say what was published from this machine: per type the changes, rejects, the last run, and whether the state is in step.

With --profile the topics of the profile's owner are asked for their ends: `behind` messages were not read here yet, because
another machine wrote them or a run was killed; the next run reads them first. Other owners' topics are not asked.

Example: gongyu-owner status --profile owner.mois.yaml --json

Exit codes: 0 told; 2 wrong usage; 3 Kafka does not answer, or not about a topic that it was asked about.
"""


@app.command("publish", help=_PUBLISH_HELP)
@takes_groups
def publish_command(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="TSV, CSV, JSON lines or Parquet.")],
    type_name: TypeOption,
    profile: Annotated[Path, typer.Option("--profile", metavar="FILE", help="The owner's connection and credentials.")],
    how: FileOptions,
    naming: NamingOptions,
    types: TypesOption = None,
    snapshot: Annotated[bool, typer.Option("--snapshot", help="The file is the whole register.")] = False,
    max_deletes: Annotated[str, typer.Option("--max-deletes", metavar="N|N%", help="More deletes stop the run.")] = "20%",
    allow_deletes: Annotated[bool, typer.Option("--allow-deletes", help="However many deletes there are.")] = False,
    rate: Annotated[str | None, typer.Option("--rate", metavar="N/s", help="At most so many changes per second.")] = None,
    act: Annotated[str | None, typer.Option("--act", metavar="ID", help="Groups the changes of this run for subscribers.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show counts and keys; change nothing.")] = False,
    keys: Annotated[int, typer.Option("--keys", min=0, help="Keys of each kind that --dry-run shows.")] = 20,
    rejects: Annotated[Path | None, typer.Option("--rejects", help="Else FILE.rejects.jsonl.")] = None,
    state_dir: StateDirOption = None,
    rebuild_state: Annotated[bool, typer.Option("--rebuild-state", help="Read what is published from the topic's start.")] = False,
    per_transaction: Annotated[int, typer.Option("--per-transaction", min=1, max=50_000, help="Changes in one transaction.")] = (
        CHANGES_PER_TRANSACTION
    ),
    as_json: JsonOption = False,
) -> None:
    with reported():
        if snapshot and naming.op_column is not None:
            raise ConfigError("--op-column: the rows of a --snapshot are states, not changes; leave one of both away")
        information_type = choose_type(type_name, types)
        run = Run(
            information_type=information_type,
            source=ask_file(file, information_type, how, naming).as_stated(),
            snapshot=snapshot,
            state_dir=state_dir or default_state_dir(),
            delete_limit=None if allow_deletes else read_limit(max_deletes),
            per_transaction=per_transaction,
            dry_run=dry_run,
            rebuild_state=rebuild_state,
            rejects=rejects,
            keys_shown=keys,
            rate=None if rate is None else read_rate(rate),
            act=None if act is None else read_act(act),
        )
        with ProgressView() as steps:
            summary = publish(run, read_profile(profile), steps)
        typer.echo(summary.as_json() if as_json else summary.as_text())
        if summary.rejected:
            raise SystemExit(exit_codes.REJECTED)


@app.command("status", help=_STATUS_HELP)
def status_command(
    profile: Annotated[Path | None, typer.Option("--profile", metavar="FILE", help="Ask the topics, too.")] = None,
    state_dir: StateDirOption = None,
    as_json: JsonOption = False,
) -> None:
    with reported():
        found, answered = read_status(state_dir or default_state_dir()), True
        if profile is not None:
            connection = read_profile(profile)
            require_connection(connection)
            found, answered = compare_ends(found, connection.user, partial(ask_ends, make_admin(connection)))
        if as_json:
            typer.echo(json.dumps([dataclasses.asdict(each) for each in found], ensure_ascii=False))
        elif not found:
            typer.echo(f"nothing was published from {state_dir or default_state_dir()} yet")
        else:
            typer.echo(as_blocks((_describe(each, asked=profile is not None) for each in found), screen_width()))
        if not answered:
            raise SystemExit(exit_codes.KAFKA)


app.command("generate", help=generate.HELP)(generate.generate_command)


def _describe(each: TypeStatus, *, asked: bool) -> Block:
    ops = ", ".join(f"{what} {each.published.get(op, 0):,}" for op, what in (("c", "created"), ("u", "updated"), ("d", "deleted")))
    last, behind, known = each.last, None, each.last is not None or each.problem is None
    if each.behind is not None:
        behind = f"{each.behind:,} messages" if each.behind else "nothing"
    elif asked and each.problem is None:
        behind = "not asked: of another owner than the profile's, or of another Kafka cluster than it leads to"
    lines = (
        ("cluster", each.cluster),
        ("records", f"{each.records:,}"),
        ("changes", ops if known else None),
        ("rejected", f"{each.rejected:,}" if known else None),
        ("last run", None if last is None else f"{last.began}, {last.file}: {last.outcome}"),
        ("behind", behind),
        ("problem", each.problem),
    )
    return Block(each.topic, lines if each.position else (lines[0], lines[-1]))


def main() -> None:
    app()
