"""Answers in the schema registry's form: JSON of its own media type, errors as {"error_code", "message"}.

Codes as in Confluent's Schema Registry API reference: 404xx not found, 409 refused, 422xx not valid, 50001 our fault.
What a caller may not see answers with the very text of what does not exist.
"""

from __future__ import annotations

import structlog
from fastapi import Request
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

LOG = structlog.get_logger()
MEDIA_TYPE = "application/vnd.schemaregistry.v1+json"


class RegistryReply(JSONResponse):
    media_type = MEDIA_TYPE


class RegistryError(Exception):
    """Ends a request with this status and code."""

    def __init__(self, status: int, code: int, message: str, headers: dict[str, str] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.headers = headers


def no_subject(subject: str) -> RegistryError:
    return RegistryError(404, 40401, f"Subject '{subject}' not found.")


def no_version(version: int) -> RegistryError:
    return RegistryError(404, 40402, f"Version {version} not found.")


def no_schema() -> RegistryError:
    return RegistryError(404, 40403, "Schema not found")


def not_a_version(version: str) -> RegistryError:
    allowed = 'Allowed values are between [1, 2^31-1] and the string "latest"'
    return RegistryError(422, 42202, f"The specified version '{version[:20]}' is not a valid version id. {allowed}")


def not_a_schema(why: str) -> RegistryError:
    return RegistryError(422, 42201, f"Invalid schema: {why}")


def forbidden() -> RegistryError:
    return RegistryError(403, 40301, "This user may not register schemas under this subject.")


async def answer_registry_error(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RegistryError)  # noqa: S101 - Starlette hands over what it was registered for
    return RegistryReply({"error_code": error.code, "message": error.message}, error.status, error.headers)


async def answer_http_error(_request: Request, error: Exception) -> JSONResponse:
    """Unknown path, wrong method."""
    assert isinstance(error, HTTPException)  # noqa: S101 - as above
    return RegistryReply({"error_code": error.status_code, "message": f"HTTP {error.status_code} {error.detail}"}, error.status_code)


async def answer_failure(request: Request, error: Exception) -> JSONResponse:
    """The cause is for the log, not for the caller."""
    LOG.error("request failed", method=request.method, path=request.url.path, kind=type(error).__name__, cause=str(error))
    return RegistryReply({"error_code": 50001, "message": "Error in the backend data store"}, 500)
