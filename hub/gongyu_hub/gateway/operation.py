"""What an operator asks of the running control plane. For the administrator alone; everybody else is refused.

`POST /operation/types/{type}/partitions/{number}/resume` with `{"offset": N}` answers `{"information_type", "partition", "offset",
"epoch"}`.
`POST /operation/grants/{subscriber}/{grant}/stop` with `{"reason": TEXT}` answers `{"subscriber", "grant", "information_type", "epoch",
"ended_ms", "who", "reason"}`.
"""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from gongyu_hub.gateway.login import LoggedIn
from gongyu_hub.gateway.replies import RegistryError
from gongyu_hub.registry.acts import NotKnown
from gongyu_hub.registry.clock import ClockWrong
from gongyu_hub.registry.control import Control
from gongyu_hub.registry.ends import REASON_CHARS_MAX
from gongyu_hub.registry.principals import Principal, Role
from gongyu_schemas.errors import GongyuError, KafkaUnavailable

router = APIRouter(prefix="/operation")
_BODY_BYTES_MAX = 4000
_OFFSET_MAX = 2**63 - 1


class _Resume(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")
    offset: Annotated[int, Field(ge=0, le=_OFFSET_MAX)]


class _Stop(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")
    #: One line: it is shown in lists and logs.
    reason: Annotated[
        str, StringConstraints(strip_whitespace=True, min_length=1, max_length=REASON_CHARS_MAX, pattern=r"^[^\x00-\x1f\x7f]*$")
    ]


def _operator(principal: LoggedIn) -> Principal:
    if principal.role is not Role.ADMIN:
        raise RegistryError(403, 40301, "Only the administrator may operate the hub.")
    return principal


def _control(request: Request) -> Control:
    control: Control | None = request.app.state.control
    if control is None:
        raise RegistryError(503, 50301, "The control plane is still starting; ask again.")
    return control


async def _body(request: Request, _principal: Annotated[Principal, Depends(_operator)]) -> bytes:
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > _BODY_BYTES_MAX:
            raise RegistryError(413, 413, f"The request has more than {_BODY_BYTES_MAX} bytes.")
    return bytes(body)


@router.post("/types/{information_type}/partitions/{partition}/resume")
def resume(
    information_type: str,
    partition: int,
    principal: Annotated[Principal, Depends(_operator)],
    body: Annotated[bytes, Depends(_body)],
    control: Annotated[Control, Depends(_control)],
) -> dict[str, str | int]:
    """Idempotent: an offset that is published already makes no new epoch."""
    try:
        offset = _Resume.model_validate_json(body).offset
    except ValidationError:
        raise RegistryError(422, 42200, 'The body must be {"offset": N}, N an owner offset from 0.') from None
    try:
        epoch = control.resume(principal.name, information_type, partition, offset)
    except NotKnown as error:
        raise RegistryError(404, 40400, str(error)) from error
    except (KafkaUnavailable, ClockWrong) as error:
        raise _delayed(error) from error
    return {"information_type": information_type, "partition": partition, "offset": offset, "epoch": epoch}


@router.post("/grants/{subscriber}/{grant}/stop")
def stop(
    subscriber: str,
    grant: str,
    principal: Annotated[Principal, Depends(_operator)],
    body: Annotated[bytes, Depends(_body)],
    control: Annotated[Control, Depends(_control)],
) -> dict[str, str | int]:
    """Idempotent: a grant that has ended stays as it was ended. Answered when workers have been told."""
    try:
        reason = _Stop.model_validate_json(body).reason
    except ValidationError:
        raise RegistryError(422, 42200, f'The body must be {{"reason": TEXT}}, a line of 1 to {REASON_CHARS_MAX} characters.') from None
    try:
        found = control.stop(principal.name, subscriber, grant, reason)
    except NotKnown as error:
        raise RegistryError(404, 40400, str(error)) from error
    except (KafkaUnavailable, ClockWrong) as error:
        raise _delayed(error) from error
    ended = found.ended
    told: dict[str, str | int] = {"epoch": ended.epoch, "ended_ms": ended.at_ms, "who": ended.who, "reason": ended.reason}
    return {"subscriber": subscriber, "grant": grant, "information_type": found.information_type, **told}


def _delayed(error: GongyuError) -> RegistryError:
    return RegistryError(503, 50302, f"Decided, but not published yet: {error}. It is completed as soon as it can be; ask again to know.")
