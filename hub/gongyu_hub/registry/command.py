"""`gongyu-hub check`: judge a policy file without touching anything."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from gongyu_hub.registry.policy_check import PolicyMistakes, read_policy
from gongyu_schemas import exit_codes
from gongyu_schemas.errors import reported
from gongyu_schemas.information_type import load_types, shipped_types


def check(
    policy: Annotated[Path, typer.Option(help="The policy file (YAML): subscribers and grants.", show_default=False)],
    types: Annotated[list[Path] | None, typer.Option(help="A folder of further information types; may be repeated.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document.")] = False,
) -> None:
    """Check a policy file against the information types and print every mistake with its place.

    Example: gongyu-hub check --policy policy.yaml --types ./types
    """
    with reported():
        known = load_types(shipped_types(), *(types or []))
        try:
            found = read_policy(policy, known, datetime.now(UTC).date())
        except PolicyMistakes as mistakes:
            typer.echo(_as_json(policy, mistakes) if as_json else str(mistakes))
            raise typer.Exit(exit_codes.USAGE) from mistakes
    used = len({grant.information_type for grant in found.grants})
    if as_json:
        counts = {"grants": len(found.grants), "subscribers": len(found.subscribers), "information_types": used}
        typer.echo(json.dumps({"policy": str(policy), **counts, "mistakes": []}, ensure_ascii=False))
    else:
        typer.echo(f"{policy}: {len(found.grants)} grants of {len(found.subscribers)} subscribers on {used} information types: no mistakes")


def _as_json(policy: Path, found: PolicyMistakes) -> str:
    mistakes = [
        {"line": m.place.line, "column": m.place.column, "path": m.path, "what": m.what, "remedy": m.remedy} for m in found.mistakes
    ]
    return json.dumps({"policy": str(policy), "mistakes": mistakes}, ensure_ascii=False)
