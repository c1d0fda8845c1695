"""The command `gongyu-hub`: each subcommand is a function, or a group of them, in the package of its part, imported when it is called."""

from __future__ import annotations

import sys
from importlib import import_module

import typer

from gongyu_schemas.errors import reported

COMMANDS = {
    "up": "gongyu_hub.operating.up",
    "kafka": "gongyu_hub.local_kafka.command",
    "serve": "gongyu_hub.gateway.command",
    "work": "gongyu_hub.command",
    "check": "gongyu_hub.registry.command",
    "status": "gongyu_hub.operating.status",
    "explain": "gongyu_hub.operating.explain_command",
    "dead-letters": "gongyu_hub.operating.dead_letters_command",
    "partitions": "gongyu_hub.operating.partitions_command",
    "grant": "gongyu_hub.operating.grant_command",
    "lists": "gongyu_hub.registry.lists_command",
    "org": "gongyu_hub.operating.org_command",
    "account": "gongyu_hub.operating.account_command",
    "token": "gongyu_hub.operating.token_command",
    "demo": "gongyu_hub.demo.command",
}


_HELP = """The hub: owner topics in, each subscriber's granted records and fields out, exactly once.

Example: gongyu-hub up --dir ./hub --policy policy.yaml
"""


def make_app(names: list[str]) -> typer.Typer:
    """The command with these subcommands: a worker need not load the web server, nor `--help` of one all the others."""
    app = typer.Typer(
        name="gongyu-hub",
        help=_HELP,
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
    )
    app.callback()(lambda: None)  # keeps subcommands also where there is one
    for name in names:
        found = getattr(import_module(COMMANDS[name]), name.replace("-", "_"))
        if isinstance(found, typer.Typer):
            app.add_typer(found, name=name)
        else:
            app.command(name)(found)
    return app


def main() -> None:
    called = sys.argv[1:2]
    app = make_app(called if called and called[0] in COMMANDS else list(COMMANDS))
    with reported():
        app()
