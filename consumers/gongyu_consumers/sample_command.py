"""`gongyu-subscriber sample`: synthetic records of a view, so that a program can be built before anything is granted."""

from __future__ import annotations

import json
import sys
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Annotated

import fastavro
import typer

from gongyu_consumers.copies import Copies
from gongyu_consumers.registry import Registry
from gongyu_consumers.sample import Samples, make_samples, view_of_type
from gongyu_consumers.sinks.jsonl import JsonlSink, write_lines
from gongyu_consumers.sinks.sink import Effects
from gongyu_consumers.sinks.sqlite import SqliteSink
from gongyu_consumers.sinks.stdout import write_whole
from gongyu_consumers.targets import read_target, require_place
from gongyu_consumers.topic import subscriber_of
from gongyu_schemas.catalogue import read_description
from gongyu_schemas.errors import ConfigError, DatabaseError, reported
from gongyu_schemas.information_type import InformationType, find_type, shipped_types
from gongyu_schemas.names import check_name, grant_topic, key_subject, value_subject
from gongyu_schemas.plain_words import why
from gongyu_schemas.transport.profile import Profile, read_profile

_AVRO = "avro:"


def sample(
    grant: Annotated[str | None, typer.Argument(help="Name of a grant that I have; or give --type.")] = None,
    information_type: Annotated[str | None, typer.Option("--type", help="An information type that I might ask for.")] = None,
    fields: Annotated[str | None, typer.Option(help="Its fields that I might ask for, separated by commas. Default: all.")] = None,
    to: Annotated[
        str, typer.Option(help="- (JSON lines), jsonl:FILE, sqlite:///FILE as `receive` makes it, or avro:FILE (envelopes).")
    ] = "-",
    count: Annotated[int, typer.Option("--number", "-n", min=1, max=1_000_000, help="How many records.")] = 10,
    changes: Annotated[int, typer.Option(min=0, max=1_000_000, help="How many changes (u, c, d) behind them.")] = 0,
    seed: Annotated[int, typer.Option(help="The same seed makes the same records.")] = 1,
    profile: Annotated[Path | None, typer.Option(help="Profile file: asks the hub for the schema.")] = None,
    types: Annotated[list[Path] | None, typer.Option(help="A folder of information types, instead of asking the hub.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the summary as JSON (to standard error if the target is -).")] = False,
) -> None:
    """Make synthetic deliveries of a grant, or of a type before anything is granted. No person's data; row texts are not applied.

    They are marked: `source.reason` is "synthetic", and `receive` refuses a file that was made so.
    """
    with reported():
        view, key = _schemas(grant, information_type, fields, profile, types)
        samples = make_samples(view, key, count, changes, seed)
        write_samples(samples, to)

        _report(samples, seed, to_stderr=to == "-", as_json=as_json)


def _schemas(
    grant: str | None, information_type: str | None, fields: str | None, profile: Path | None, types: list[Path] | None
) -> tuple[str, str]:
    if (grant is None) == (information_type is None):
        raise ConfigError("give the name of a grant, or --type with an information type: one of both")
    known = None if profile is None else read_profile(profile)
    if grant is not None:
        if known is None or fields is not None or types:
            raise ConfigError("a grant's view comes from the hub with --profile; --fields and --types belong to --type")
        topic, registry = grant_topic(subscriber_of(known), check_name(grant, "grant")), Registry(known)
        return registry.latest(value_subject(topic)).text, registry.latest(key_subject(topic)).text
    found = _find_type(str(information_type), known, types)
    subscriber = "sample" if known is None else subscriber_of(known)
    return view_of_type(found, subscriber, _choose(found, fields))


def _find_type(name: str, profile: Profile | None, folders: list[Path] | None) -> InformationType:
    if profile is not None and not folders:
        return read_description(Registry(profile).information_type(name))
    return find_type(name, [shipped_types(), *(folders or [])], "give --types FOLDER or --profile FILE")


def _choose(found: InformationType, fields: str | None) -> tuple[str, ...]:
    """In the record's order; key fields are always in a view."""
    known = [field.name for field in found.fields]
    if fields is None:
        return tuple(known)
    asked = {each.strip() for each in fields.split(",")}
    if unknown := sorted(asked - set(known)):
        raise ConfigError(f"--fields: {', '.join(unknown)}: not fields of {found.name}; it has {', '.join(known)}")
    return tuple(name for name in known if name in asked or name in found.key)


def write_samples(samples: Samples, to: str) -> None:
    """Raises ConfigError where the file is there already: samples are added to nothing."""
    if to.startswith(_AVRO):
        _write_avro(samples, require_place(to, Path(to.removeprefix(_AVRO))))
        return
    target = read_target(to)
    if target.kind == "stdout":
        write_whole(sys.stdout.buffer, write_lines(samples.deliveries, Copies(), Effects()))
        return
    _require_new(target.path)
    make = partial(SqliteSink, shape=samples.shape) if target.kind == "sqlite" else JsonlSink
    with closing(make(target.path, samples.identity)) as sink:
        sink.apply(samples.deliveries, {0: len(samples.deliveries)})


def _write_avro(samples: Samples, path: Path) -> None:
    _require_new(path)
    try:
        with path.open("xb") as file:
            fastavro.writer(file, fastavro.parse_schema(samples.schema), samples.envelopes)
    except OSError as error:
        raise DatabaseError(f"{path} cannot be written: {why(error)}") from error


def _report(samples: Samples, seed: int, *, to_stderr: bool, as_json: bool) -> None:
    grant, count = samples.identity.grant, len(samples.deliveries)
    if as_json:
        line = {"grant": grant, "deliveries": count, "seed": seed, "synthetic": True}
        print(json.dumps(line), file=sys.stderr if to_stderr else sys.stdout, flush=True)
    else:
        print(f"{count:,} synthetic deliveries of {grant} (seed {seed})", file=sys.stderr, flush=True)


def _require_new(path: Path) -> None:
    if path.exists():
        raise ConfigError(f"{path} is there already; samples go into a file of their own, name a new one")
