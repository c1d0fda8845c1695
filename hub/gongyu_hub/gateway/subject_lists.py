"""Subject lists over HTTP, for the administrator alone.

    GET  /subject-lists/{type}                                                       {"fields"}: what a subject is made of
    GET  /subject-lists/{type}/{subscriber}/{list}/{put|add|remove}                  the same, if the list may be changed so
    POST /subject-lists/{type}/{subscriber}/{list}/{put|add|remove}[?dry_run=true]   body: JSON lines {"line", "values", "until"}
    GET  /subject-lists/{type}/{subscriber}/{list}                                   how it stands
    POST /subject-lists/{type}/{subscriber}/{list}/entries                           body: {"after": HEX, "limit": N}; a page of JSON lines

A body may have any number of lines, each of no more than 100,000 bytes: it is taken in parts and compared with the list when it is whole;
one that breaks off changes nothing. Lists are made by the first `put` or `add`, for subscribers and types that the hub knows; `used_by`
of an answer names the grants in force that use the list. Bad lines are told by their number and never by their content; the others are
taken. Where `put` meets a bad line it removes nothing: that line might have been an entry. A client may send a line that it cannot read as
one with `unreadable`: why. Where a page begins is said in the body, because a subject is a person's number and URLs stand in the logs of
proxies.
"""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import AsyncIterator
from dataclasses import asdict, dataclass, field
from typing import Annotated, Any, Literal

import structlog
from fastapi import APIRouter, Depends, Request
from fastapi.responses import PlainTextResponse
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from sqlalchemy.orm import Session
from starlette.concurrency import run_in_threadpool

from gongyu_hub.gateway.login import LoggedIn
from gongyu_hub.gateway.replies import RegistryError
from gongyu_hub.registry import list_names, subject_lists
from gongyu_hub.registry.database import Database
from gongyu_hub.registry.list_ends import read_end, written_end
from gongyu_hub.registry.principals import Principal, Role
from gongyu_hub.registry.subject_lists import ListKey, NotKnown, Taken
from gongyu_hub.registry.subject_values import NotASubject, SubjectCodec
from gongyu_schemas.names import NAME

LOG = structlog.get_logger()
router = APIRouter(prefix="/subject-lists")
_PART_BYTES = 1_000_000
_LINE_BYTES_MAX = 100_000
#: Of an answer: so many lines, each with so many characters of a reason that the client gave.
_TOLD_MAX = 1000
_REASON_MAX = 200
_PAGE_MAX = 10_000
#: A subject in hexadecimal, and a number.
_PAGE_BYTES_MAX = 20_000


class _Line(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)
    line: Annotated[int, Field(ge=0, lt=2**63)]
    values: list[Any]
    until: str | None = None
    unreadable: str | None = None


class _Page(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)
    after: str = ""
    limit: Annotated[int, Field(ge=1, le=_PAGE_MAX)] = 1000


@dataclass(slots=True)
class _Upload:
    """A body on its way: what was read of it so far; `lines`: how many."""

    codec: SubjectCodec
    name: str
    now_ms: int
    lines: int = 0
    lapsed: int = 0
    rejected: int = 0
    rejections: list[dict[str, Any]] = field(default_factory=list)

    def reject(self, line: int, why: str) -> None:
        self.rejected += 1
        if len(self.rejections) < _TOLD_MAX:
            self.rejections.append({"line": line, "why": why[:_REASON_MAX]})


def _operator(principal: LoggedIn) -> Principal:
    if principal.role is not Role.ADMIN:
        raise RegistryError(403, 40301, "Only the administrator may see and change subject lists.")
    return principal


def _list_key(information_type: str, subscriber: str, name: str) -> ListKey:
    for each in (information_type, subscriber, name):
        if not NAME.fullmatch(each):
            raise RegistryError(404, 40400, "Type, subscriber and list are names: 1 to 63 of a-z, 0-9 and '-'.")
    return ListKey(subscriber, information_type, name)


def _database(request: Request) -> Database:
    database: Database = request.app.state.database
    return database


Operator = Annotated[Principal, Depends(_operator)]
Of = Annotated[ListKey, Depends(_list_key)]
Data = Annotated[Database, Depends(_database)]


async def _page(request: Request, _operator: Operator) -> _Page:
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > _PAGE_BYTES_MAX:
            raise RegistryError(413, 413, f"The request has more than {_PAGE_BYTES_MAX} bytes.")
    try:
        return _Page.model_validate_json(bytes(body))
    except ValidationError:
        raise RegistryError(422, 42200, f'The body must be {{"after": HEX, "limit": N}}, N from 1 to {_PAGE_MAX}.') from None


@router.post("/{information_type}/{subscriber}/{name}/entries")
def entries(_operator: Operator, of: Of, database: Data, wanted: Annotated[_Page, Depends(_page)]) -> PlainTextResponse:
    try:
        behind = bytes.fromhex(wanted.after)
    except ValueError:
        raise RegistryError(422, 42200, "`after` must be the `at` of an earlier line.") from None
    codec = _codec(database, of)
    with database.reading() as session:
        found = subject_lists.page(session, _existing(session, of), behind, wanted.limit)
    lines = ({"values": codec.decode(subject), "until": written_end(until_ms), "at": subject.hex()} for subject, until_ms in found)
    return PlainTextResponse("".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines), media_type="application/x-ndjson")


@router.post("/{information_type}/{subscriber}/{name}/{action}")
async def change(
    action: Literal["put", "add", "remove"], request: Request, operator: Operator, of: Of, database: Data, dry_run: bool = False
) -> dict[str, Any]:
    codec = await run_in_threadpool(_changeable, database, of, action)
    upload = _Upload(codec, secrets.token_hex(8), time.time_ns() // 1_000_000)
    try:
        async for part in _parts(request):
            await run_in_threadpool(_stage, database, upload, part)
        taken, used_by = await run_in_threadpool(_take, database, of, upload, action, dry_run)
    finally:
        await run_in_threadpool(_forget, database, upload)
    if not dry_run:
        LOG.info("subject list changed", who=operator.name, action=action, **asdict(of), **asdict(taken), rejected=upload.rejected)
    return {
        **asdict(taken),
        "lapsed": upload.lapsed,
        "rejected": upload.rejected,
        "rejections": upload.rejections,
        "removals_withheld": action == "put" and upload.rejected > 0,
        "used_by": used_by,
    }


@router.get("/{information_type}/{subscriber}/{name}/{action}")
def may_change(action: Literal["put", "add", "remove"], _operator: Operator, of: Of, database: Data) -> dict[str, Any]:
    """Asked before a long body is sent."""
    return _fields(_changeable(database, of, action))


@router.get("/{information_type}")
def describe(_operator: Operator, information_type: str, database: Data) -> dict[str, Any]:
    return _fields(_codec(database, ListKey("", information_type, "")))


@router.get("/{information_type}/{subscriber}/{name}")
def show(_operator: Operator, of: Of, database: Data) -> dict[str, Any]:
    with database.reading() as session:
        return {**asdict(subject_lists.standing(session, _existing(session, of))), "used_by": list_names.used_by(session, of)}


def _existing(session: Session, of: ListKey) -> int:
    try:
        return list_names.require(session, of)
    except NotKnown as error:
        raise RegistryError(404, 40400, f"{error}.") from error


def _changeable(database: Database, of: ListKey, action: str) -> SubjectCodec:
    """What may be added to or removed from a list: nothing is removed from one that does not exist."""
    with database.reading() as session:
        if action == "remove":
            _existing(session, of)
        else:
            try:
                list_names.require_owner(session, of)
            except NotKnown as error:
                raise RegistryError(404, 40400, f"{error}.") from error
    return _codec(database, of)


def _fields(codec: SubjectCodec) -> dict[str, Any]:
    return {"fields": [each.name for each in codec.fields]}


def _codec(database: Database, of: ListKey) -> SubjectCodec:
    try:
        with database.reading() as session:
            registered = subject_lists.key_schema(session, of.information_type)
    except NotKnown as error:
        raise RegistryError(404, 40400, f"{error}.") from error
    return SubjectCodec(registered.schema_id, json.loads(registered.text))


async def _parts(request: Request) -> AsyncIterator[bytes]:
    """Whole lines, about a megabyte of them at a time. No line longer than allowed is ever held."""
    held, lines = bytearray(), 0
    async for part in request.stream():
        held += part
        if len(held) - (held.rfind(b"\n") + 1) > _LINE_BYTES_MAX:
            raise _too_long(lines + held.count(b"\n") + 1)
        if len(held) >= _PART_BYTES:
            end = held.rfind(b"\n") + 1
            lines += held.count(b"\n")
            yield bytes(held[:end])
            del held[:end]
    if held:
        yield bytes(held)


def _too_long(line: int) -> RegistryError:
    return RegistryError(413, 413, f"Line {line} of the body has more than {_LINE_BYTES_MAX} bytes; nothing was changed.")


def _stage(database: Database, upload: _Upload, part: bytes) -> None:
    staged = []
    for text in part.removesuffix(b"\n").split(b"\n"):
        upload.lines += 1
        entry = _read(upload, text)
        if entry is not None:
            staged.append(entry)
    with database.writing() as session:
        subject_lists.stage(session, upload.name, staged)


def _read(upload: _Upload, text: bytes) -> tuple[bytes, int | None] | None:
    """The entry; None where it is rejected or lapsed."""
    if len(text) > _LINE_BYTES_MAX:
        raise _too_long(upload.lines)
    try:
        line = _Line.model_validate_json(text)
    except ValidationError:
        what = 'is not JSON like {"line": 1, "values": ["..."], "until": null}; nothing was changed'
        raise RegistryError(422, 42200, f"Line {upload.lines} of the body {what}.") from None
    if line.unreadable is not None:
        upload.reject(line.line, line.unreadable)
        return None
    try:
        until_ms = None if line.until is None else read_end(line.until)
        subject = upload.codec.encode(line.values)
    except NotASubject as error:
        upload.reject(line.line, str(error))
        return None
    if until_ms is not None and until_ms <= upload.now_ms:
        upload.lapsed += 1
        return None
    return subject, until_ms


def _take(database: Database, of: ListKey, upload: _Upload, action: str, dry_run: bool) -> tuple[Taken, list[str]]:
    """What became of the upload, and the grants that use the list."""
    with database.writing() as session:
        tried = session.begin_nested()
        list_id = subject_lists.find_or_make(session, of)
        if action == "remove":
            taken = subject_lists.take_away(session, list_id, upload.name)
        else:
            exact = action == "put" and not upload.rejected
            taken = subject_lists.take(session, list_id, upload.name, remove_others=exact)
        if dry_run:
            tried.rollback()
        return taken, list_names.used_by(session, of)


def _forget(database: Database, upload: _Upload) -> None:
    with database.writing() as session:
        subject_lists.drop_upload(session, upload.name)
