"""`gongyu-subscriber`: the commands of a subscriber. Credentials come from the profile file only."""

from __future__ import annotations

import gc

import typer

from gongyu_consumers import grants_command, receive_command, sample_command

_HELP = """The subscriber's side of gongyu: what I have, and receiving it.

Example: gongyu-subscriber receive resident-address --to sqlite:///residents.db --profile bank.yaml
"""

app = typer.Typer(help=_HELP, no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)

_GC_THRESHOLD = 200_000


app.command(epilog="Example: gongyu-subscriber receive resident-address --to sqlite:///residents.db --profile bank.yaml")(
    receive_command.receive
)
app.command(epilog="Example: gongyu-subscriber grants --profile bank.yaml")(grants_command.grants)
app.command(epilog="Example: gongyu-subscriber sample --type resident --fields name,address -n 100 --to sqlite:///sample.db")(
    sample_command.sample
)


def main() -> None:
    # A batch makes tens of thousands of objects and no cycles: at the default threshold collecting costs an eighth of the time.
    gc.set_threshold(_GC_THRESHOLD)
    app()
