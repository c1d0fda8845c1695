"""The schema registry's routes, as Confluent's clients call them.

Schemas live in `registry.schemas`; here is who may see and write them. Every route asks for a log-in. What a principal may not
read does not exist for it. An owner may register only what its information type already declares, which changes
nothing: the declared schema's id is the answer, so serializers that register by themselves work.
"""

from __future__ import annotations

import json
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from fastapi.responses import PlainTextResponse
from pydantic import BaseModel, ConfigDict, StrictStr, ValidationError

from gongyu_hub.gateway import replies
from gongyu_hub.gateway.login import LoggedIn
from gongyu_hub.registry import schemas
from gongyu_hub.registry.access import may_register, readable
from gongyu_hub.registry.avro_text import TEXT_BYTES_MAX, InvalidSchema, ParsedSchema, parse_schema
from gongyu_hub.registry.database import Database
from gongyu_hub.registry.principals import Principal, Role
from gongyu_hub.registry.schemas import Registered

#: A schema text inside a JSON text may double its quotes and escapes.
BODY_BYTES_MAX = 3 * TEXT_BYTES_MAX
_SUBJECT_CHARS_MAX = 255
_ID_MAX = 2**31 - 1
_OWN_TOPICS = ("owner.", "grant.", "hub.")

router = APIRouter(default_response_class=replies.RegistryReply)


class SchemaRequest(BaseModel):
    """Body of a registration or look-up. Unknown members are ignored, as Confluent's clients send new ones over time."""

    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)
    schema_text: StrictStr
    schema_type: str = "AVRO"
    references: list[Any] = []


def _database(request: Request) -> Database:
    database: Database = request.app.state.database
    return database


async def _read_body(request: Request, _principal: LoggedIn) -> bytes:
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > BODY_BYTES_MAX:
            raise replies.RegistryError(413, 413, f"The request has more than {BODY_BYTES_MAX} bytes.")
    return bytes(body)


def _parse(body: bytes) -> ParsedSchema:
    """Called by routes that run in a thread: half a megabyte of schema takes longer than other requests should wait."""
    try:
        content = json.loads(body)
        asked = SchemaRequest(
            schema_text=content["schema"], schema_type=content.get("schemaType") or "AVRO", references=content.get("references") or []
        )
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, ValidationError):
        raise replies.not_a_schema('the body must be JSON like {"schema": "..."}') from None
    if asked.schema_type != "AVRO":
        raise replies.not_a_schema("only schemaType AVRO is supported")
    if asked.references:
        raise replies.not_a_schema("references are not supported; write the referenced types out")
    try:
        return parse_schema(asked.schema_text)
    except InvalidSchema as error:
        raise replies.not_a_schema(str(error)) from None


Data = Annotated[Database, Depends(_database)]


def _versions(subject: str, principal: LoggedIn, database: Data) -> list[Registered]:
    with database.reading() as session:
        found = schemas.versions(session, subject, readable(principal))
    if not found:
        raise replies.no_subject(subject)
    return found


def _require_writable(subject: str, principal: LoggedIn, database: Data) -> None:
    """The operator may make new subjects; an owner's exist before it registers."""
    if not may_register(principal, subject) or len(subject) > _SUBJECT_CHARS_MAX:
        raise replies.forbidden()
    if principal.role is not Role.ADMIN:
        _versions(subject, principal, database)


# FastAPI follows the order of a route's parameters: a body is read after the log-in and after the check of its subject, so
# that nobody makes the server read and parse what it refuses anyway.
Visible = Annotated[list[Registered], Depends(_versions)]
Body = Annotated[bytes, Depends(_read_body)]


@router.get("/")
def root(_principal: LoggedIn) -> dict[str, Any]:
    return {}


@router.get("/config")
def config(_principal: LoggedIn) -> dict[str, str]:
    """What is enforced here: types are changed by their folder, not by registering, so no level applies."""
    return {"compatibilityLevel": "NONE"}


@router.get("/schemas/types")
def schema_types(_principal: LoggedIn) -> list[str]:
    return ["AVRO"]


@router.get("/schemas/ids/{schema_id}")
def by_id(schema_id: str, principal: LoggedIn, database: Data) -> dict[str, str]:
    """`?subject=` is a hint in Confluent's API (it finds the context); there is one context here, so it is not needed."""
    return {"schema": _uses(schema_id, principal, database)[0].text}


@router.get("/schemas/ids/{schema_id}/schema")
def text_by_id(schema_id: str, principal: LoggedIn, database: Data) -> PlainTextResponse:
    return PlainTextResponse(_uses(schema_id, principal, database)[0].text, media_type=replies.MEDIA_TYPE)


@router.get("/schemas/ids/{schema_id}/versions")
def versions_by_id(schema_id: str, principal: LoggedIn, database: Data) -> list[dict[str, Any]]:
    return [{"subject": use.subject, "version": use.version} for use in _uses(schema_id, principal, database)]


@router.get("/schemas/ids/{schema_id}/subjects")
def subjects_by_id(schema_id: str, principal: LoggedIn, database: Data) -> list[str]:
    return [use.subject for use in _uses(schema_id, principal, database)]


@router.get("/subjects")
def subjects(principal: LoggedIn, database: Data, subjectPrefix: str = "") -> list[str]:  # noqa: N803 - Confluent's name
    prefix = "" if subjectPrefix == ":*:" else subjectPrefix
    with database.reading() as session:
        return schemas.subjects(session, readable(principal), prefix)


@router.get("/subjects/{subject}/versions")
def versions(subject: str, principal: LoggedIn, database: Data) -> list[int]:
    return [each.version for each in _versions(subject, principal, database)]


@router.get("/subjects/{subject}/versions/{version}")
def by_version(subject: str, version: str, principal: LoggedIn, database: Data) -> dict[str, Any]:
    return _describe(_version(subject, version, principal, database))


@router.get("/subjects/{subject}/versions/{version}/schema")
def text_by_version(subject: str, version: str, principal: LoggedIn, database: Data) -> PlainTextResponse:
    return PlainTextResponse(_version(subject, version, principal, database).text, media_type=replies.MEDIA_TYPE)


@router.post("/subjects/{subject}")
def look_up(visible: Visible, body: Body) -> dict[str, Any]:
    found = schemas.find(visible, _parse(body))
    if found is None:
        raise replies.no_schema()
    return _describe(found)


@router.post("/subjects/{subject}/versions", dependencies=[Depends(_require_writable)])
def register(subject: str, principal: LoggedIn, database: Data, body: Body) -> dict[str, int]:
    """`?normalize=` is accepted: ids are always given by the schema's content, not by its layout."""
    asked = _parse(body)
    with database.writing() as session:
        declared = schemas.versions(session, subject, readable(principal))
        if principal.role is Role.ADMIN and not (declared and subject.startswith(_OWN_TOPICS)):
            return {"id": schemas.register(session, subject, asked)}
    if not declared:
        raise replies.no_subject(subject)
    found = schemas.find(declared[-1:], asked)
    if found is None:
        raise replies.RegistryError(
            409,
            409,
            f"Subject '{subject}' takes only the schema that the hub derives from the information type (its record schema is record.avsc "
            "in the type's folder). Change it there; while the type has an epoch such a change is refused.",
        )
    return {"id": found.schema_id}


def _uses(schema_id: str, principal: Principal, database: Database) -> list[Registered]:
    number = int(schema_id) if schema_id.isascii() and schema_id.isdecimal() and len(schema_id) <= 10 else 0
    if not 1 <= number <= _ID_MAX:
        raise replies.no_schema()
    with database.reading() as session:
        found = schemas.uses(session, number, readable(principal))
    if not found:
        raise replies.no_schema()
    return found


def _version(subject: str, version: str, principal: Principal, database: Database) -> Registered:
    found = _versions(subject, principal, database)
    if version in ("latest", "-1"):
        return found[-1]
    number = int(version) if version.isascii() and version.isdecimal() and len(version) <= 10 else 0
    if not 1 <= number <= _ID_MAX:
        raise replies.not_a_version(version)
    for each in found:
        if each.version == number:
            return each
    raise replies.no_version(number)


def _describe(registered: Registered) -> dict[str, Any]:
    return {"subject": registered.subject, "version": registered.version, "id": registered.schema_id, "schema": registered.text}
