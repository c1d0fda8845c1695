"""Subject lists over HTTP, for the administrator alone.

    GET  /subject-lists/{type}                                                       {"fields"}: what a subject is made of
    POST /subject-lists/{type}/{subscriber}/{list}/{put|add|remove}[?dry_run=true]   body: JSON lines {"line", "values", "until"}
    GET  /subject-lists/{type}/{subscriber}/{list}                                   how it stands
    POST /subject-lists/{type}/{subscriber}/{list}/entries                           body: {"after": HEX, "limit": N}; a page of JSON lines

A body may have any number of lines, each of no more than 100,000 bytes: it is taken in parts and compared with the list when it is whole;
one that breaks off changes nothing. Bad lines are told by their number and never by their content; the others are taken. Where `put` meets
a bad line it removes nothing: that line might have been an entry. A client may send a line that it cannot read as one with `unreadable`:
why. Where a page begins is said in the body, because a subject is a person's number and URLs stand in the logs of proxies.
"""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import AsyncIterator
from dataclasses import asdict, dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Any, Literal

import structlog
from fastapi import APIRouter, Depends, Request
from fastapi.responses import PlainTextResponse
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.concurrency import run_in_threadpool

from gongyu_hub.gateway.login import LoggedIn
from gongyu_hub.gateway.replies import RegistryError
from gongyu_hub.registry import subject_lists
from gongyu_hub.registry.database import Database
from gongyu_hub.registry.principals import Principal, Role
from gongyu_hub.registry.subject_lists import ListKey, NoSuchType, Taken
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
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


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
        found = subject_lists.page(session, _require(subject_lists.find(session, of)), behind, wanted.limit)
    lines = ({"values": codec.decode(subject), "until": _written(until_ms), "at": subject.hex()} for subject, until_ms in found)
    return PlainTextResponse("".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines), media_type="application/x-ndjson")


@router.post("/{information_type}/{subscriber}/{name}/{action}")
async def change(
    action: Literal["put", "add", "remove"], request: Request, operator: Operator, of: Of, database: Data, dry_run: bool = False
) -> dict[str, Any]:
    codec = await run_in_threadpool(_codec, database, of)
    upload = _Upload(codec, secrets.token_hex(8), time.time_ns() // 1_000_000)
    try:
        async for part in _parts(request):
            await run_in_threadpool(_stage, database, upload, part)
        taken = await run_in_threadpool(_take, database, of, upload, action, dry_run)
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
    }


@router.get("/{information_type}")
def describe(_operator: Operator, information_type: str, database: Data) -> dict[str, Any]:
    codec = _codec(database, ListKey("", information_type, ""))
    return {"fields": [each.name for each in codec.fields]}


@router.get("/{information_type}/{subscriber}/{name}")
def show(_operator: Operator, of: Of, database: Data) -> dict[str, Any]:
    with database.reading() as session:
        return asdict(subject_lists.standing(session, _require(subject_lists.find(session, of))))


def _require(list_id: int | None) -> int:
    if list_id is None:
        raise RegistryError(404, 40400, "There is no such list: no grant uses it and nothing was ever put on it.")
    return list_id


def _codec(database: Database, of: ListKey) -> SubjectCodec:
    try:
        with database.reading() as session:
            registered = subject_lists.key_schema(session, of.information_type)
    except NoSuchType as error:
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


def read_end(text: str) -> int:
    """The first moment after: of a day in UTC its end, of a moment itself. Raises NotASubject, also where it could not be shown."""
    try:
        moment = _read_moment(text)
    except NotASubject:
        raise
    except ValueError:
        raise NotASubject("until: neither a day (2026-01-31) nor a moment (2026-01-31T18:00:00+09:00)") from None
    try:
        if len(text) == len("2026-01-31"):
            moment += timedelta(days=1)
        end = moment.astimezone(UTC)
    except OverflowError:
        raise NotASubject("until: outside the years 1 to 9999 in UTC; leave it out for an entry without an end") from None
    return (end - _EPOCH) // timedelta(milliseconds=1)


def _read_moment(text: str) -> datetime:
    """A day as its begin in UTC. Raises ValueError."""
    if len(text) == len("2026-01-31"):
        return datetime.combine(date.fromisoformat(text), datetime.min.time(), UTC)
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise NotASubject("until: a moment needs its offset from UTC, for example 2026-01-31T18:00:00+09:00")
    return moment


def _written(until_ms: int | None) -> str | None:
    return None if until_ms is None else (_EPOCH + timedelta(milliseconds=until_ms)).isoformat()


def _take(database: Database, of: ListKey, upload: _Upload, action: str, dry_run: bool) -> Taken:
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
    return taken


def _forget(database: Database, upload: _Upload) -> None:
    with database.writing() as session:
        subject_lists.drop_upload(session, upload.name)
