"""`gongyu-hub grant stop`: the end of a grant.

The control plane takes the subscriber's read right away and publishes an epoch in which the grant has ended; it is in effect in a
partition when a worker has recorded that epoch there. Nothing undoes it, not the policy file either; repeated, it changes nothing.
"""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote

import typer

from gongyu_hub.operating.connection import ask_control_plane, operating_profile
from gongyu_hub.operating.partitions import Kafka, reading
from gongyu_schemas.errors import KafkaUnavailable, reported
from gongyu_schemas.names import check_name
from gongyu_schemas.transport.clients import require_connection

_HELP = """Grants in force: their end.

Example: gongyu-hub grant stop bank-maru business-standing --reason "Order 2026-17 of the owner" --dir ./hub
"""

grant = typer.Typer(help=_HELP, no_args_is_help=True)
grant.callback()(lambda: None)  # keeps the subcommand also while it is the only one
_WAIT_S = 30.0
_POLL_S = 0.1


@grant.command()
def stop(
    subscriber: Annotated[str, typer.Argument(metavar="SUBSCRIBER", help="Whose grant it is.")],
    name: Annotated[str, typer.Argument(metavar="GRANT", help="Its name.")],
    directory: Annotated[Path, typer.Option("--dir", help="Folder of the hub.")],
    reason: Annotated[str, typer.Option(help="Why, in a line; kept for ever and told to the subscriber.", show_default=False)],
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document.")] = False,
    profile: Annotated[Path | None, typer.Option(help="Administrator's profile. Default: DIR/profiles/admin.yaml.")] = None,
) -> None:
    """End a grant for good: the subscriber can read nothing of it any more, and nothing more is delivered.

    Example: gongyu-hub grant stop bank-maru business-standing --reason "Order 2026-17 of the owner" --dir ./hub

    Waits until it is in effect in every partition that a worker has. What was delivered before stays where it is.
    """
    with reported():
        check_name(subscriber, "subscriber")
        check_name(name, "grant")
        administrator = operating_profile(directory, profile)
        require_connection(administrator)
        path = f"/operation/grants/{quote(subscriber)}/{quote(name)}/stop"
        ended = ask_control_plane(administrator, path, {"reason": reason})
        with reading(administrator) as kafka:
            missing = _wait(kafka, ended["information_type"], int(ended["epoch"]))
        if as_json:
            print(json.dumps({**ended, "in_effect": not missing, "not_in_effect_in": missing}, ensure_ascii=False))
        else:
            print(_describe(ended, missing))


def _describe(ended: dict[str, Any], missing: list[int]) -> str:
    since = datetime.fromtimestamp(ended["ended_ms"] / 1000, UTC).isoformat(timespec="milliseconds")
    what = f"grant {ended['subscriber']}/{ended['grant']} has ended: since {since}, by {ended['who']}, for: {ended['reason']}"
    if not missing:
        return f"{what}\nepoch {ended['epoch']} of {ended['information_type']} is in effect everywhere"
    where = ", ".join(map(str, missing))
    return f"{what}\nits subscriber can read it no more; no worker has partitions {where}: it takes effect there with the first that does"


def _wait(kafka: Kafka, information_type: str, epoch: int) -> list[int]:
    """The partitions that nobody works on and that have not recorded the epoch: it waits for them. Raises KafkaUnavailable."""
    deadline = time.monotonic() + _WAIT_S
    while True:
        [of] = kafka.stand(information_type).types
        behind = [each for each in of.partitions if each.progress.adopted < epoch]
        if all(each.worker is None for each in behind):
            return [each.partition for each in behind]
        if time.monotonic() > deadline:
            where = ", ".join(str(each.partition) for each in behind)
            raise KafkaUnavailable(
                f"the end is published, but partitions {where} did not record it within {_WAIT_S:.0f} s; see the worker's log"
            )
        time.sleep(_POLL_S)
