"""The record inside a view's schema: the granted leaves of a type's record, nested as they are there.

A nested record keeps what is granted of it and goes where nothing is; a leaf is kept whole. Nothing of what is not granted is
left, in defaults neither. A treated leaf has the type that its treatment leaves, and says in `gongyu.treatment` what was done.
Each type gets a name below the view and its place: no two grants and no two places ever meet in one full name, though a type
that the record uses twice may be cut in two ways.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from gongyu_schemas.fields import Schema
from gongyu_schemas.named_types import inline_names

#: Attribute of a treated field in the schemas of views and of their keys: {"mask": {...}}, {"null": true}, ...
TREATMENT = "gongyu.treatment"

#: Leaf -> what is done to it before it is shown.
Treatments = Mapping[str, Mapping[str, Any]]


def view_fields(record_schema: Schema, leaves: Collection[str], namespace: str, treatments: Treatments) -> list[dict[str, Any]]:
    """Declarations of the view's fields. `leaves` are dotted names."""
    return _Cutter(frozenset(leaves), namespace, treatments).cut(inline_names(record_schema)["fields"], "")


def treat(leaf: str, declared: dict[str, Any], treatments: Treatments) -> dict[str, Any]:
    """A pseudonym is a string, a field that is always null may be null, all else keeps its type.

    A default other than null goes: it would be a value that nobody treated.
    """
    treatment = treatments.get(leaf)
    if treatment is None:
        return declared
    schema = declared["type"]
    if "null" in treatment and not isinstance(schema, list):
        schema = ["null", schema]
    elif "pseudonymise" in treatment:
        schema = [each if each == "null" else "string" for each in schema] if isinstance(schema, list) else "string"
    kept = {name: value for name, value in declared.items() if name != "default" or value is None}
    return {**kept, "type": schema, TREATMENT: dict(treatment)}


def renamed(schema: Schema, namespace: str) -> Schema:
    """A copy of a type in which all names are inlined: named types lie in the namespace, each is defined once and then named."""
    return _rename(schema, namespace, {})


class _Cutter:
    """Cuts a record down to what is granted of it."""

    def __init__(self, leaves: frozenset[str], namespace: str, treatments: Treatments) -> None:
        self._leaves = leaves
        self._namespace = namespace
        self._treatments = treatments

    def cut(self, declared: list[dict[str, Any]], prefix: str) -> list[dict[str, Any]]:
        kept = []
        for field in declared:
            path, record = prefix + field["name"], _nested_record(field["type"])
            if record is not None:
                inner = self.cut(record["fields"], f"{path}.")
                kept += [self._nest(path, field, record, inner)] if inner else []
            elif path in self._leaves:
                shown = {**field, "type": renamed(field["type"], f"{self._namespace}.{path}")}
                kept.append(treat(path, shown, self._treatments))
        return kept

    def _nest(self, path: str, field: dict[str, Any], record: dict[str, Any], inner: list[dict[str, Any]]) -> dict[str, Any]:
        cut = {**_unnamed(record), "name": _short(record), "namespace": f"{self._namespace}.{path}", "fields": inner}
        whole = field["type"]
        made = {**field, "type": [each if each == "null" else cut for each in whole] if isinstance(whole, list) else cut}
        if made.get("default") is not None:
            del made["default"]
            if not any(leaf.startswith(f"{path}.") for leaf in self._treatments):  # else it would hold a value that nobody treated
                made["default"] = _cut_default(field["default"], inner)
        return made


def _nested_record(schema: Schema) -> dict[str, Any] | None:
    """The record that a type is, or is beside null."""
    branches = schema if isinstance(schema, list) and len(schema) == 2 and "null" in schema else [schema]
    found = next((each for each in branches if isinstance(each, dict)), None)
    return found if found is not None and found["type"] == "record" else None


def _cut_default(default: Any, fields: list[dict[str, Any]]) -> Any:
    """A record's default, for the fields that are left of it."""
    if not isinstance(default, dict):
        return default
    kept = {}
    for field in fields:
        if field["name"] in default:
            record = _nested_record(field["type"])
            value = default[field["name"]]
            kept[field["name"]] = value if record is None else _cut_default(value, record["fields"])
    return kept


def _rename(schema: Schema, namespace: str, known: dict[str, str]) -> Schema:
    if isinstance(schema, list):
        return [_rename(branch, namespace, known) for branch in schema]
    if isinstance(schema, str):
        return schema
    base = schema["type"]
    if base in ("array", "map"):
        part = "items" if base == "array" else "values"
        return {**schema, part: _rename(schema[part], namespace, known)}
    if base not in ("record", "enum", "fixed"):
        return dict(schema)
    full = schema["name"]
    if full in known:
        return known[full]
    short = _free_name(_short(schema), namespace, known)
    known[full] = f"{namespace}.{short}"
    made = {**_unnamed(schema), "name": short, "namespace": namespace}
    if base == "record":
        made["fields"] = [{**field, "type": _rename(field["type"], namespace, known)} for field in schema["fields"]]
    return made


def _free_name(short: str, namespace: str, known: dict[str, str]) -> str:
    """Types of one name in two namespaces of the owner's are told apart by a number."""
    name, number = short, 1
    while f"{namespace}.{name}" in known.values():
        number += 1
        name = f"{short}_{number}"
    return name


def _short(named: dict[str, Any]) -> str:
    return str(named["name"]).rpartition(".")[2]


def _unnamed(named: dict[str, Any]) -> dict[str, Any]:
    """What a named type says of itself; its aliases are names of the owner's world."""
    return {name: value for name, value in named.items() if name not in ("name", "namespace", "aliases", "fields")}
