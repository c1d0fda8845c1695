"""Schemas under ids that are never reused, and the subjects that list them.

Each function works inside the caller's session. The same schema has one id wherever it is registered; a subject
lists it once. Reading functions see only subjects that fit the given condition (`access.readable`).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from gongyu_hub.registry.avro_text import ParsedSchema, parse_schema, same_encoding, text_of
from gongyu_hub.registry.tables import SchemaText, Subject, SubjectVersion

Condition = ColumnElement[bool]


@dataclass(frozen=True, slots=True)
class Registered:
    """A schema as a version of a subject."""

    subject: str
    version: int
    schema_id: int
    text: str


def topic_of(subject: str) -> str:
    """The topic of a subject named after one (TopicNameStrategy); any other name stands for itself."""
    for ending in ("-key", "-value"):
        if subject.endswith(ending):
            return subject.removesuffix(ending)
    return subject


def register(session: Session, subject: str, parsed: ParsedSchema) -> int:
    """The schema's id; registering again changes nothing."""
    schema_id = session.scalar(select(SchemaText.id).where(SchemaText.digest == parsed.digest))
    if schema_id is None:
        row = SchemaText(digest=parsed.digest, text=parsed.text)
        session.add(row)
        session.flush()
        schema_id = row.id
    if session.get(Subject, subject) is None:
        session.add(Subject(name=subject, topic=topic_of(subject)))
        session.flush()
    versions = select(SubjectVersion.version).where(SubjectVersion.subject == subject)
    if session.scalar(versions.where(SubjectVersion.schema_id == schema_id)) is None:
        latest = session.scalar(select(func.max(SubjectVersion.version)).where(SubjectVersion.subject == subject))
        session.add(SubjectVersion(subject=subject, version=(latest or 0) + 1, schema_id=schema_id))
        session.flush()
    return schema_id


def register_schema(session: Session, subject: str, schema: Any) -> int:
    """As `register`, for a schema that the hub itself made."""
    return register(session, subject, parse_schema(text_of(schema)))


def subjects(session: Session, condition: Condition, prefix: str = "") -> list[str]:
    found = session.scalars(select(Subject.name).where(condition).order_by(Subject.name))
    return [name for name in found if name.startswith(prefix)]


def versions(session: Session, subject: str, condition: Condition) -> list[Registered]:
    """All versions of a subject in order; empty where it does not exist or is not to be seen."""
    rows = session.execute(_registered().where(condition, Subject.name == subject).order_by(SubjectVersion.version))
    return [Registered(*row) for row in rows]


def uses(session: Session, schema_id: int, condition: Condition) -> list[Registered]:
    """Where a schema is used, as far as it is to be seen; empty where there is no such schema."""
    rows = session.execute(_registered().where(condition, SchemaText.id == schema_id).order_by(Subject.name, SubjectVersion.version))
    return [Registered(*row) for row in rows]


def find(registered: list[Registered], parsed: ParsedSchema) -> Registered | None:
    """The version with this schema; failing that, the newest one that encodes the same way."""
    for each in registered:
        if parse_schema(each.text).digest == parsed.digest:
            return each
    alike = [each for each in registered if same_encoding(json.loads(each.text), parsed.schema)]
    return alike[-1] if alike else None


def _registered() -> Any:
    return (
        select(Subject.name, SubjectVersion.version, SchemaText.id, SchemaText.text)
        .join(SubjectVersion, SubjectVersion.subject == Subject.name)
        .join(SchemaText, SchemaText.id == SubjectVersion.schema_id)
    )
