"""`gongyu-owner generate`: an invented register and days of changes in it, as files that `publish` takes."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from gongyu_producers.generate.calendar_days import day_number, day_of
from gongyu_producers.generate.registers import KINDS
from gongyu_producers.generate.world import MOST_DAYS, World
from gongyu_producers.generate.write import OP, FileFormat, Plan, Written, generate
from gongyu_producers.interrupt import Interrupt
from gongyu_producers.progress import ProgressView
from gongyu_schemas.console import make_console
from gongyu_schemas.errors import ConfigError, reported
from gongyu_schemas.information_type import load_types, shipped_types

ALL = "all"
_EARLIEST, _LATEST = dt.date(2015, 1, 1), dt.date(2060, 1, 1)
_HIGHEST_ACTIVITY = 1_000.0

HELP = f"""Invent a register and days of changes in it: people, businesses and things that do not exist.

TYPE is {", ".join(KINDS)}, or {ALL}: then --records counts the residents, and the other registers have their usual proportion.
It writes TYPE.tsv, the register on the eve of the first day, and for each day TYPE.YYYY-MM-DD.changes.tsv with the column
'{OP}'. Equal options give equal files.

Registers that are generated with equal --seed, --residents, --businesses, --first-day and --activity speak of the same people: owners,
tax payers, employers and insured people exist, and die on the same day everywhere.

Example: gongyu-owner generate resident --records 50000 --seed 7 --days 2 --out registers

Then: gongyu-owner publish registers/resident.tsv --type resident --profile owner.mois.yaml --snapshot

Exit codes: 0 written; 2 wrong usage or folder; 130 and 143 stopped by Ctrl-C or SIGTERM.
"""


def generate_command(
    type_name: Annotated[str, typer.Argument(metavar="TYPE", help=f"A shipped information type, or {ALL}.")],
    records: Annotated[int, typer.Option("--records", min=1, metavar="N", help="Records of the register on the eve of the first day.")],
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Folder for the files; made if need be.")],
    seed: Annotated[int, typer.Option("--seed", min=0, help="The same seed invents the same.")] = 1,
    days: Annotated[int, typer.Option("--days", min=0, max=MOST_DAYS, help="Days of changes.")] = 0,
    first_day: Annotated[str, typer.Option("--first-day", metavar="YYYY-MM-DD", help="Taxes and moves have their seasons.")] = "2026-01-01",
    residents: Annotated[int | None, typer.Option("--residents", min=1, help="Who exists; else in proportion.")] = None,
    businesses: Annotated[int | None, typer.Option("--businesses", min=1, help="Likewise.")] = None,
    activity: Annotated[
        float, typer.Option("--activity", min=0, help="1: as much happens in a day as in Korea; 250: a tenth moves.")
    ] = 1.0,
    after: Annotated[bool, typer.Option("--after", help="Also TYPE.after.tsv, the register behind the last day.")] = False,
    file_format: Annotated[FileFormat, typer.Option("--format")] = FileFormat.TSV,
    as_json: Annotated[bool, typer.Option("--json", help="The summary as JSON.")] = False,
) -> None:
    with reported():
        counts = _counts(type_name, records)
        if type_name == ALL:
            residents, businesses = residents or counts["resident"], businesses or counts["business"]
        plans = [
            Plan(
                information_type=load_types(shipped_types())[name],
                world=_world(name, count, seed, first_day, residents, businesses, activity),
                records=count,
                days=days,
                out=out,
                format=file_format,
                after=after,
            )
            for name, count in counts.items()
        ]
        for plan in plans:
            _check(plan)
        with ProgressView() as steps, Interrupt("run again to generate it") as interrupt:
            written = {plan.information_type.name: generate(plan, steps, interrupt.check) for plan in plans}
        if as_json:
            typer.echo(json.dumps({name: _describe(each) for name, each in written.items()}, ensure_ascii=False))
        else:
            _print(written, plans[0].world)


def _counts(type_name: str, records: int) -> dict[str, int]:
    if type_name == ALL:
        return {name: max(records * kind.per_hundred_residents // 100, 1) for name, kind in KINDS.items()}
    if type_name not in KINDS:
        raise ConfigError(f"TYPE {type_name!r} cannot be generated; give one of {', '.join(KINDS)}, or {ALL}")
    return {type_name: records}


def _world(name: str, records: int, seed: int, first_day: str, residents: int | None, businesses: int | None, activity: float) -> World:
    try:
        first = dt.date.fromisoformat(first_day)
    except ValueError as error:
        raise ConfigError(f"--first-day {first_day!r}: write a day as YYYY-MM-DD") from error
    if not _EARLIEST <= first <= _LATEST:
        raise ConfigError(f"--first-day {first_day}: give a day from {_EARLIEST} to {_LATEST}")
    if activity > _HIGHEST_ACTIVITY:
        raise ConfigError(f"--activity {activity}: give at most {_HIGHEST_ACTIVITY:.0f}")
    for option, of, given in (("--residents", "resident", residents), ("--businesses", "business", businesses)):
        if given is not None and name == of and given != records:
            raise ConfigError(f"{option} {given}: the register of {of} has {records} records; leave {option} away")
    if name == "resident":
        residents = records
    if residents is None:
        residents = min(max(-(-records * 100 // KINDS[name].per_hundred_residents), 1), KINDS["resident"].most)
    if name == "business":
        businesses = records
    if businesses is None:
        businesses = min(max(residents * KINDS["business"].per_hundred_residents // 100, 1), KINDS["business"].most)
    return World(seed, residents, businesses, day_number(first), activity)


def _check(plan: Plan) -> None:
    name, world = plan.information_type.name, plan.world
    for option, count, most in (
        ("--records", plan.records, KINDS[name].most),
        ("--residents", world.residents, KINDS["resident"].most),
        ("--businesses", world.businesses, KINDS["business"].most),
    ):
        if count > most:
            raise ConfigError(f"{option} {count}: at most {most:,}")
    if name == "health-insurance" and plan.records > 2 * (world.residents - world.residents // 20):
        raise ConfigError(
            f"--records {plan.records}: {world.residents:,} residents have at most "
            f"{2 * (world.residents - world.residents // 20):,} records; give more --residents"
        )


def _describe(written: Written) -> dict[str, object]:
    days = [{"file": str(day.file), "changes": dict(day.ops), "events": dict(day.events)} for day in written.days]
    after = None if written.after is None else str(written.after)
    return {
        "register": str(written.register),
        "records": written.records,
        "days": days,
        "after": after,
        "records_after": written.records_after,
    }


def _print(written: dict[str, Written], world: World) -> None:
    table = Table("type", "records", "days", "created", "updated", "deleted")
    for column in table.columns[1:]:
        column.justify = "right"
    for name, each in written.items():
        changes = [f"{sum(day.ops[op] for day in each.days):,}" for op in ("c", "u", "d")]
        table.add_row(name, f"{each.records:,}", str(len(each.days)), *changes)
    make_console().print(table)
    typer.echo(f"files: {next(iter(written.values())).register.parent}")
    first = day_of(world.first_day)
    same = f"--seed {world.seed} --residents {world.residents} --businesses {world.businesses} --first-day {first}"
    typer.echo(f"other registers of the same people: {same} --activity {world.activity:g}")
