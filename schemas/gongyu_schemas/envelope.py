"""The change envelope on both sides of the hub, and the key records.

Both envelopes are Debezium's (`before, after, op, ts_ms, source`); the hub finds an owner's fields by name, so a
Debezium topic fits as it is. A view's envelope carries the grant's purpose and law as attributes of its schema:
every message names its schema, so every message carries both at no cost. A treated field says in `gongyu.treatment` what was done to it.
"""

from __future__ import annotations

import copy
import dataclasses
from dataclasses import dataclass
from typing import Any

from gongyu_schemas.fields import Schema
from gongyu_schemas.information_type import InformationType
from gongyu_schemas.named_types import inline_names
from gongyu_schemas.names import avro_name
from gongyu_schemas.view_record import Treatments, renamed, treat, view_fields

CREATE = "c"
UPDATE = "u"
DELETE = "d"
READ = "r"
MARKER = "m"
TRUNCATE = "t"

COPY_BEGIN = "begin"
COPY_END = "end"
#: `source.reason` of a `d`: the record left the entitlement (or was deleted; a grant may not tell these apart).
LEFT = "left"

_NULL_STRING = ["null", "string"]


@dataclass(frozen=True, slots=True)
class ViewTerms:
    """What a view's schema says of its grant version. `fields` are leaves; dates are ISO texts or None."""

    subscriber: str
    grant: str
    version: int
    fields: tuple[str, ...]
    purpose: dict[str, str]
    legal_basis: dict[str, str | None]
    rows: str | None = None
    valid_from: str | None = None
    valid_to: str | None = None
    treatments: Treatments = dataclasses.field(default_factory=dict)


def key_schema(information_type: InformationType, names: tuple[str, ...], name: str) -> Schema:
    """An Avro record of some fields, without nulls and defaults."""
    namespace = f"gongyu.{avro_name(information_type.owner)}.{avro_name(information_type.name)}"
    declared = {field["name"]: field["type"] for field in inline_names(information_type.record_schema)["fields"]}
    fields = [{"name": each, "type": renamed(declared[each], f"{namespace}.{each}")} for each in names]
    return {"type": "record", "name": name, "namespace": namespace, "fields": fields}


def subject_key_schema(information_type: InformationType) -> Schema:
    """Key of the owner topic: the record's subject."""
    name = "Key" if information_type.subject == information_type.key else "SubjectKey"
    return key_schema(information_type, information_type.subject, name)


def record_key_schema(information_type: InformationType, treatments: Treatments | None = None) -> Schema:
    """Key of every grant topic of the type: the record's key, as the grant treats it."""
    schema = key_schema(information_type, information_type.key, "Key")
    return {**schema, "fields": [treat(each["name"], each, treatments or {}) for each in schema["fields"]]}


def owner_envelope(information_type: InformationType) -> Schema:
    """Value schema of the owner topic."""
    record = copy.deepcopy(information_type.record_schema)
    namespace = f"gongyu.{avro_name(information_type.owner)}.{avro_name(information_type.name)}"
    record["namespace"] = record.get("namespace") or namespace
    source: list[dict[str, Any]] = [
        {"name": "name", "type": "string", "doc": "identity of the source that counts `position`"},
        {"name": "position", "type": "long"},
        {"name": "act", "type": _NULL_STRING, "default": None, "doc": "groups the changes of one act"},
    ]
    return {
        "type": "record",
        "name": "Change",
        "namespace": f"{namespace}.owner",
        "fields": [*_images(record), *_op_and_time(), _source(source)],
    }


def view_envelope(information_type: InformationType, terms: ViewTerms) -> Schema:
    """Value schema of a grant topic: the granted leaves in the order and nesting of the record, and the terms as attributes."""
    namespace = f"gongyu.view.{avro_name(terms.subscriber)}.{avro_name(terms.grant)}"
    return {
        **_delivery(namespace, view_fields(information_type.record_schema, terms.fields, namespace, terms.treatments)),
        "doc": terms.purpose["text"],
        "gongyu.subscriber": terms.subscriber,
        "gongyu.grant": terms.grant,
        "gongyu.version": terms.version,
        "gongyu.owner": information_type.owner,
        "gongyu.informationType": information_type.name,
        "gongyu.title": information_type.title.model_dump(),
        "gongyu.rows": terms.rows,
        "gongyu.purpose": dict(terms.purpose),
        "gongyu.legalBasis": dict(terms.legal_basis),
        "gongyu.validFrom": terms.valid_from,
        "gongyu.validTo": terms.valid_to,
    }


def marker_schema() -> Schema:
    """A view's envelope without a view: a marker's bytes are the same under every grant's schema."""
    return _delivery("gongyu.marker", [])


def _delivery(namespace: str, view_fields: list[dict[str, Any]]) -> dict[str, Any]:
    view = {"type": "record", "name": "View", "namespace": namespace, "fields": view_fields}
    source: list[dict[str, Any]] = [
        {"name": "partition", "type": "int", "doc": "of the owner's message"},
        {"name": "offset", "type": "long", "doc": "of the owner's message; of a subject list's: -1 - offset, negative"},
        {"name": "reason", "type": _NULL_STRING, "default": None},
        {"name": "act", "type": _NULL_STRING, "default": None},
    ]
    fields = [*_images(view), *_op_and_time(), _source(source), _copy()]
    return {"type": "record", "name": "Change", "namespace": namespace, "fields": fields}


def _images(record: dict[str, Any]) -> list[dict[str, Any]]:
    name = record["name"] if "." in record["name"] else f"{record['namespace']}.{record['name']}"
    return [
        {"name": "before", "type": ["null", record], "default": None},
        {"name": "after", "type": ["null", name], "default": None},
    ]


def _op_and_time() -> list[dict[str, Any]]:
    return [
        {"name": "op", "type": "string", "doc": "c create, u update, d delete, r read (copy), m marker"},
        {"name": "ts_ms", "type": "long", "doc": "when the owner published the change; milliseconds since 1970 UTC"},
    ]


def _source(fields: list[dict[str, Any]]) -> dict[str, Any]:
    return {"name": "source", "type": {"type": "record", "name": "Source", "fields": fields}}


def _copy() -> dict[str, Any]:
    phase = {"type": "enum", "name": "Phase", "symbols": [COPY_BEGIN, COPY_END]}
    fields = [
        {"name": "phase", "type": phase},
        {"name": "number", "type": "long", "doc": "the grant's copy number"},
        {"name": "partition", "type": "int", "doc": "the owner topic's partition that this copy covers"},
        {"name": "bucket", "type": ["null", "int"], "default": None},
    ]
    record = {"type": "record", "name": "Copy", "fields": fields}
    return {"name": "copy", "type": ["null", record], "default": None, "doc": "set in markers only"}
