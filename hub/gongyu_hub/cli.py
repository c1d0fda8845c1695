"""The command `gongyu-hub`: each subcommand is a function in the package of its part."""

from __future__ import annotations

import typer

from gongyu_hub.command import work
from gongyu_hub.demo.command import demo
from gongyu_hub.gateway.command import serve
from gongyu_hub.local_kafka.command import kafka
from gongyu_hub.registry.command import check
from gongyu_schemas.errors import reported

app = typer.Typer(
    name="gongyu-hub",
    help="The hub: owner topics in, each subscriber's granted records and fields out, exactly once.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
for command in (kafka, serve, work, check, demo):
    app.command()(command)


def main() -> None:
    with reported():
        app()
