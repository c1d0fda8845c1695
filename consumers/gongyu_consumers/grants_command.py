"""`gongyu-subscriber grants`: what I have, from what my credentials may read."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from gongyu_consumers.granted import Granted, GrantedField, Place, list_grants
from gongyu_schemas.errors import reported
from gongyu_schemas.transport.profile import read_profile


def grants(
    profile: Annotated[Path, typer.Option(help="Profile file with the subscriber's credentials.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print a JSON list.")] = False,
) -> None:
    """List my grants: fields, rows, purpose, law, validity, schema, topic, and how far my receivers are."""
    with reported():
        found = list_grants(read_profile(profile))
        if as_json:
            print(json.dumps([asdict(each) for each in found], ensure_ascii=False))
        elif not found:
            print("no grants: none is in force yet, or the hub has not published them; ask the hub")
        else:
            print("\n\n".join("\n".join(describe(each)) for each in found))


def describe(granted: Granted) -> Iterator[str]:
    """The lines for a person."""
    title = granted.title.get("ko", "")
    yield f"{granted.grant}  version {granted.version} of {granted.information_type} ({title + ', ' if title else ''}owner {granted.owner})"
    for label, field in zip(("fields", *[""] * len(granted.fields)), granted.fields, strict=False):
        yield f"  {label:<8} {_describe_field(field)}"
    yield f"  rows     {(granted.rows or 'all') if granted.rows_stated else 'not stated by this hub'}"
    yield f"  purpose  {granted.purpose.get('code')}: {granted.purpose.get('text')}"
    law = granted.legal_basis
    yield f"  law      {law.get('statute')}, {law.get('article')} ({_period(law.get('valid_from'), law.get('valid_to'))})"
    yield f"  valid    {_period(granted.valid_from, granted.valid_to)}"
    yield f"  schema   id {granted.schema_id}, version {granted.schema_version} of {granted.topic}-value"
    if granted.ended is None:
        yield f"  topic    {granted.topic}: {_describe_place(granted.place)}"
    else:
        yield f"  ended    {granted.ended.told()}"
    for group, behind in ({} if granted.place is None else granted.place.behind).items():
        yield f"  group    {group}: {behind:,} behind"


def _describe_field(field: GrantedField) -> str:
    parts = [field.name, field.type]
    parts += ["key"] if field.is_key else ["may be null"] if field.nullable else []
    parts += [f"treated: {', '.join(field.treatment)}"] if field.treatment else []
    parts += [f'"{text}"' for text in (field.title.get("ko"), field.doc) if text]
    return "  ".join(parts)


def _describe_place(place: Place | None) -> str:
    if place is None:
        return "not to be read now (suspended, or not in force yet); ask the hub"
    return f"{place.partitions} partitions, {place.held:,} messages held"


def _period(start: str | None, end: str | None) -> str:
    if start is None and end is None:
        return "without limit"
    return f"{start or ''} to {end or 'further notice'}"
