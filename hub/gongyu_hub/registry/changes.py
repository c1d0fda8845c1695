"""What of a policy differs from what is in force: a list of sentences, empty where nothing does.

Pure. Compared is what the hub depends on: of a type its owner, key, subject, version field, partitions and record schema
(titles, classification and the publisher's columns may change at any time); of a grant everything.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from gongyu_hub.policy.records import GrantVersion, LegalBasis, Purpose
from gongyu_hub.registry.policy_check import Grant
from gongyu_schemas.information_type import InformationType

_NAMES = {"key": "key fields", "subject": "subject fields", "version": "version field"}


def definition(information_type: InformationType) -> str:
    """What the hub depends on, as JSON."""
    content = {
        "owner": information_type.owner,
        "key": information_type.key,
        "subject": information_type.subject,
        "version": information_type.version,
        "partitions": information_type.partitions,
        "record": information_type.record_schema,
    }
    return json.dumps(content, ensure_ascii=False)


def type_changes(name: str, old: str, new: str) -> list[str]:
    """Between two definitions of a type."""
    before, after = json.loads(old), json.loads(new)
    changes = [
        f"type {name}: {_NAMES.get(part, part)}: {_show(before[part])} -> {_show(after[part])}"
        for part in ("owner", "key", "subject", "version", "partitions")
        if before[part] != after[part]
    ]
    return changes + [f"type {name}: record schema: {change}" for change in _record_changes(before["record"], after["record"])]


def _record_changes(before: Any, after: Any) -> Iterator[str]:
    old = {field["name"]: field for field in before["fields"]}
    new = {field["name"]: field for field in after["fields"]}
    for name in old.keys() | new.keys():
        if name not in new:
            yield f"field {name} is gone"
        elif name not in old:
            yield f"field {name} is new"
        elif old[name] != new[name]:
            yield f"field {name}: {_show(old[name])} -> {_show(new[name])}"
    if old.keys() == new.keys() and list(old) != list(new):
        yield f"order of fields: {_show(list(old))} -> {_show(list(new))}"
    rest = {part for part in before.keys() | after.keys() if part != "fields" and before.get(part) != after.get(part)}
    yield from (f"{part}: {_show(before.get(part))} -> {_show(after.get(part))}" for part in sorted(rest))


def grant_changes(in_force: Mapping[tuple[str, str], GrantVersion], wanted: Mapping[tuple[str, str], Grant]) -> list[str]:
    """Between the grants of one type in force and those that the policy file has now."""
    changes = []
    for name in sorted(in_force.keys() | wanted.keys()):
        title = f"grant {'/'.join(name)}"
        if name not in wanted:
            advice = f"gongyu-hub grant stop {' '.join(name)} --reason TEXT"
            changes.append(f"{title}: is gone; put it back, or end it first: `{advice}`")
        elif name not in in_force:
            changes.append(f"{title}: is new")
        else:
            old, new = in_force[name].model_dump(), content(wanted[name])
            changes += [f"{title}: {part}: {_show(old[part])} -> {_show(new[part])}" for part in new if old[part] != new[part]]
    return changes


def content(grant: Grant) -> dict[str, Any]:
    """What the policy file says of a grant, in the form that is published."""
    law = grant.legal_basis
    return {
        "information_type": grant.information_type,
        "fields": grant.fields,
        "rows": grant.rows,
        "treatments": {name: treatment.content() for name, treatment in grant.treatments.items()},
        "subject_list": grant.subject_list,
        "purpose": Purpose(code=grant.purpose.code, text=grant.purpose.text).model_dump(),
        "legal_basis": LegalBasis(
            statute=law.statute,
            article=law.article,
            valid_from=law.valid_from.isoformat(),
            valid_to=None if law.valid_to is None else law.valid_to.isoformat(),
        ).model_dump(),
        "valid_from": None if grant.valid_from is None else grant.valid_from.isoformat(),
        "valid_to": None if grant.valid_to is None else grant.valid_to.isoformat(),
    }


def _show(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
