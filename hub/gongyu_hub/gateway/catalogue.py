"""What may be asked for: the information types that this hub distributes, without any record, grant or subscriber.

Enters a log-in of any organisation; leaves a type's owner, titles, key, classification and record schema. Decision: every
organisation sees every type, because one that does not know what exists cannot ask for it, and a type's shape is no
personal data; who receives what stays invisible.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter, Request

from gongyu_hub.gateway import replies
from gongyu_hub.gateway.login import LoggedIn
from gongyu_schemas.catalogue import describe, summarise
from gongyu_schemas.information_type import InformationType

router = APIRouter(prefix="/types", default_response_class=replies.RegistryReply)
_NAME_CHARS_MAX = 63


class Catalogue:
    """The types in force; replaced whole."""

    def __init__(self) -> None:
        self._types: Mapping[str, InformationType] = {}

    def show(self, types: Mapping[str, InformationType]) -> None:
        self._types = dict(types)

    def names(self) -> list[str]:
        return sorted(self._types)

    def find(self, name: str) -> InformationType | None:
        return self._types.get(name)


@router.get("")
def types(request: Request, _principal: LoggedIn) -> list[dict[str, Any]]:
    catalogue: Catalogue = request.app.state.catalogue
    found = (catalogue.find(name) for name in catalogue.names())
    return [summarise(each) for each in found if each is not None]


@router.get("/{name}")
def one_type(name: str, request: Request, _principal: LoggedIn) -> dict[str, Any]:
    catalogue: Catalogue = request.app.state.catalogue
    found = catalogue.find(name)
    if found is None:
        raise replies.RegistryError(404, 40404, f"Information type '{name[:_NAME_CHARS_MAX]}' not found.")
    return describe(found)
