"""`gongyu-hub demo`: the whole path on this machine, checked record by record."""

from __future__ import annotations

import shutil
import signal
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from gongyu_hub.demo.figures import Sizes
from gongyu_hub.demo.places import Places
from gongyu_hub.demo.processes import ENDING
from gongyu_hub.demo.report import print_report
from gongyu_hub.demo.runner import Run, running
from gongyu_hub.demo.screen import Screen
from gongyu_schemas import exit_codes
from gongyu_schemas.errors import ConfigError, reported

_PLAIN_WIDTH = 120


def demo(
    directory: Annotated[Path | None, typer.Option("--dir", help="New folder for everything; default: a temporary one.")] = None,
    keep: Annotated[bool, typer.Option("--keep", help="Leave everything running until Ctrl-C and say where it is.")] = False,
    residents: Annotated[int, typer.Option(min=100, help="Size of the invented resident register.")] = 50_000,
    businesses: Annotated[int, typer.Option(min=100, help="Size of the invented business register.")] = 10_000,
    seed: Annotated[int, typer.Option(help="The same seed invents the same registers and the same day.")] = 7,
) -> None:
    """Share six invented registers with eight subscribers through real Kafka, kill the worker, and check every record.

    Example: gongyu-hub demo --residents 5000 --businesses 1000

    Exit code 0 only if the self-check finds nothing.
    """
    console = Console()
    if not console.is_terminal:
        console = Console(width=_PLAIN_WIDTH)
    for number in ENDING:
        if number != signal.SIGINT:  # Python makes it a KeyboardInterrupt
            signal.signal(number, _end)
    with reported(), _folder(directory) as folder:
        places = Places(folder)
        with Screen(console) as screen, running(places, Sizes(residents, businesses, seed), screen) as run:
            outcome = run.play()
            screen.close()
            print_report(console, outcome)
            if keep:
                _stay(console, places, run)
    if not outcome.check.findings.clean:
        raise SystemExit(exit_codes.FATAL)


@contextmanager
def _folder(given: Path | None) -> Iterator[Path]:
    """The given folder, which must be new or empty; else one that is removed at the end."""
    if given is not None:
        if given.exists() and (not given.is_dir() or any(given.iterdir())):
            raise ConfigError(f"{given} is not empty: the demo starts from nothing; give a new folder with --dir")
        yield given.absolute()
        return
    made = Path(tempfile.mkdtemp(prefix="gongyu-demo-"))
    try:
        yield made
    finally:
        shutil.rmtree(made, ignore_errors=True)


def _stay(console: Console, places: Places, run: Run) -> None:
    """Until Ctrl-C."""
    folder, owners = places.folder, places.folder / "owners" / "mois"
    hour = f"{places.inputs / 'resident-09h.tsv'} --type resident --op-column op"
    lines = (
        "",
        f"everything goes on until Ctrl-C; its folder is {folder}",
        f"  Kafka            {run.bootstrap} (SASL_PLAINTEXT, SCRAM-SHA-512)",
        f"  schema registry  {run.registry}",
        f"  worker's metrics {run.metrics}",
        f"  profiles         {folder / 'profiles'}",
        f"  policy           {places.policy} (read again whenever it changes)",
        f"  tables           {folder / 'subscribers'} (SQLite)",
        f"  logs             {places.logs}",
        "try, in another terminal:",
        f"  gongyu-subscriber receive households --to - --profile {places.profile('subscriber.ministry-haneul')}",
        f"  gongyu-owner publish {hour} --profile {places.profile('owner.mois')} --state-dir {owners}",
        f"  python -m gongyu_hub.demo.check --dir {folder} --policy {places.policy}",
    )
    console.print("\n".join(lines), highlight=False, soft_wrap=True)
    try:
        threading.Event().wait()
    except KeyboardInterrupt:
        console.print("stopping")


def _end(number: int, _frame: object) -> None:
    raise SystemExit(128 + number)
