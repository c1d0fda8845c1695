"""`gongyu-hub explain`: which clause gives or withholds a record, under which epoch. The key comes on standard input."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import Progress

from gongyu_hub.operating.connection import reading_profile
from gongyu_schemas.errors import reported
from gongyu_schemas.granted import covers
from gongyu_schemas.transport.clients import require_connection

_WIDTH = 160


def explain(
    grant: Annotated[str, typer.Argument(metavar="GRANT", help="SUBSCRIBER/GRANT, or GRANT where only one subscriber has it.")],
    directory: Annotated[Path, typer.Option("--dir", help="Folder of the hub.")],
    of_type: Annotated[str | None, typer.Option("--type", help="The grant's information type, where a name alone is not clear.")] = None,
    values: Annotated[bool, typer.Option("--values", help="Show the record's values too, granted or not.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document.")] = False,
    profile: Annotated[Path | None, typer.Option(help="Profile of the hub's Kafka user. Default: DIR/profiles/hub.yaml.")] = None,
) -> None:
    """Say why a grant shows a record or does not. The record's key is read from standard input: JSON, or the bare value of a single field.

    Example: echo '{"business_id": "1018100001"}' | gongyu-hub explain bank-maru/business-standing --dir ./hub

    Where records are keyed otherwise than their subject, give the subject's fields too: one partition is read instead of all.
    """
    with reported():
        from gongyu_hub.operating import explain as explaining  # noqa: PLC0415 - numba takes a while to load: not for --help
        from gongyu_hub.operating.partitions import WHOLE, asking, reading  # noqa: PLC0415 - as above
        from gongyu_hub.policy.schemas import SchemaReader  # noqa: PLC0415 - as above

        credentials = reading_profile(directory, profile)
        require_connection(credentials)
        schemas = SchemaReader(credentials, lambda: True)  # asked once: a person waits
        try:
            with reading(credentials, WHOLE) as kafka, asking(credentials):
                policy = kafka.policy()
                version, manifest = explaining.find_grant(policy.grants, policy.newest(), grant, of_type)
                if sys.stdin.isatty():
                    print(f"key of the record ({', '.join(manifest.key_fields)}), then Ctrl-D:", file=sys.stderr)
                key = explaining.read_key(sys.stdin.read(), manifest.key_fields)
                with _progress() as progress:
                    found = explaining.explain(kafka, schemas, version, manifest, key, progress)
                content = _describe(found, values)
        finally:
            schemas.close()
        if as_json:
            print(json.dumps(content, ensure_ascii=False, default=str))
        else:
            _print(content)


@contextmanager
def _progress() -> Iterator[Callable[[int, int], None]]:
    """A bar on a terminal, told (records read, of how many)."""
    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("reading the last images", total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def _describe(found: Any, values: bool) -> dict[str, Any]:
    version, header = found.version, found.header
    content = {
        "grant": f"{version.subscriber}/{version.grant}",
        "version": version.version,
        "information_type": version.information_type,
        "epoch": found.manifest.epoch,
        "epoch_in_effect": found.adopted,
        "partition": found.partition,
        "given": found.given,
        "because": found.because,
        "image": None if header is None else {"live": header.live, "owner_offset": header.offset, "decided_under_epoch": header.stamp},
        "subject_list": None if version.subject_list is None else {"name": version.subject_list, "on_it": found.on_list},
        "rows": version.rows,
        "clauses": [
            {"line": c.place.line, "column": c.place.column, "depth": c.depth, "text": c.text, "result": c.result, "settles": c.settles}
            for c in found.clauses
        ],
        "fields": list(version.fields) if found.given else [],
        "treatments": version.treatments if found.given else {},
    }
    if values and found.record is not None:
        content["values"] = {name: {"value": value, "granted": _granted(name, version.fields)} for name, value in found.record.items()}
    return content


def _granted(name: str, fields: tuple[str, ...]) -> bool | str:
    """Of a nested record only some leaves may be granted."""
    return name in fields or (any(covers(name, field) for field in fields) and "in part")


def _print(content: dict[str, Any]) -> None:
    console = Console()
    if not console.is_terminal:
        console = Console(width=_WIDTH)

    def say(line: str) -> None:
        console.print(line, highlight=False, markup=False, soft_wrap=True)

    say(f"{content['grant']} version {content['version']}: {'GIVEN' if content['given'] else 'WITHHELD'}, because {content['because']}")
    adopted = content["epoch_in_effect"]
    effect = "in effect" if adopted == content["epoch"] else f"not in effect there yet, that is epoch {adopted}"
    where = "" if content["partition"] is None else f": {effect} in partition {content['partition']}"
    say(f"epoch {content['epoch']} of {content['information_type']}{where}")
    if content["image"] is not None:
        say(f"last image: owner offset {content['image']['owner_offset']}, decided under epoch {content['image']['decided_under_epoch']}")
    for each in content["clauses"]:
        mark = ">" if each["settles"] else " "
        say(f"{mark} {each['line']}:{each['column']:<4} {each['result']:5}  {'  ' * each['depth']}{each['text']}")
    if content["fields"]:
        treated = {name: f" ({', '.join(treatment)})" for name, treatment in content["treatments"].items()}
        say(f"fields delivered: {', '.join(name + treated.get(name, '') for name in content['fields'])}")
    for name, value in content.get("values", {}).items():
        granted = {True: "", False: "  (not granted)"}.get(value["granted"], "  (granted in part)")
        say(f"  {name} = {json.dumps(value['value'], ensure_ascii=True, default=str)}{granted}")
