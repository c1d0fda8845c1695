"""What the API takes and shows, as pydantic models: the shapes of the OpenAPI document."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from gongyu_hub.registry import accounts, organisations
from gongyu_hub.registry.roles import Role
from gongyu_hub.registry.tokens import DAYS, DAYS_MAX
from gongyu_schemas.information_type import Name, Title

#: Without control characters: none belongs into a line, and PostgreSQL keeps no NUL.
Line = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]+$")]
Reason = Annotated[str, StringConstraints(min_length=1, max_length=2000, pattern=r"^[^\x00-\x1f\x7f]+$")]
# Bodies are read strictly, enumerations alone by their texts.
OrganisationKind = Annotated[organisations.Kind, Field(strict=False)]
AccountKind = Annotated[accounts.Kind, Field(strict=False)]
Roles = Annotated[list[Annotated[Role, Field(strict=False)]], Field(min_length=1, max_length=len(Role))]


class _Given(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, hide_input_in_errors=True)


class TitleGiven(_Given):
    ko: Line
    en: Line

    @property
    def title(self) -> Title:
        return Title(ko=self.ko, en=self.en)


class NewOrganisation(_Given):
    name: Name
    title: TitleGiven
    kind: OrganisationKind
    owner: bool = False
    subscriber: bool = False


class AmendedOrganisation(_Given):
    """What is left out stays as it is."""

    title: TitleGiven | None = None
    kind: OrganisationKind | None = None
    owner: bool | None = None
    subscriber: bool | None = None


class OrganisationStatus(_Given):
    status: Annotated[organisations.Status, Field(strict=False)]
    reason: Reason


class NewAccount(_Given):
    name: Name
    title: Line
    kind: AccountKind
    organisation: Name | None = None
    roles: Roles


class AmendedAccount(_Given):
    """What is left out stays as it is."""

    title: Line | None = None
    roles: Roles | None = None


class AccountStatus(_Given):
    status: Literal["active", "inactive"]
    reason: Reason


class NewToken(_Given):
    days: Annotated[int, Field(ge=1, le=DAYS_MAX, description="Days until it expires.")] = DAYS


class OrganisationShown(BaseModel):
    name: str
    title: Title
    kind: organisations.Kind | None
    owner: bool
    subscriber: bool
    status: organisations.Status
    version: int


class AccountShown(BaseModel):
    id: str
    organisation: str | None
    kind: accounts.Kind
    name: str
    title: str
    roles: list[Role]
    status: Literal["active", "inactive"]
    version: int


class TokenShown(BaseModel):
    """`used`: the hour in which it was used last."""

    id: str
    prefix: str
    account: str
    made: datetime
    expires: datetime
    revoked: datetime | None
    used: datetime | None


class TokenMade(TokenShown):
    """`token`: the whole, this once; null in the answer to a repeated request."""

    token: str | None


class Me(BaseModel):
    account: AccountShown
    organisation: OrganisationShown | None
    token: TokenShown


class TypeSummary(BaseModel):
    name: str
    owner: str
    partitions: int
    title: Title | None
    epoch: int | None


class TypeShown(TypeSummary):
    """`classification` and `record`: null while the control plane has not read the type's folder."""

    key: list[str] | None
    classification: dict[str, str] | None
    record: Any


class HistoryEntry(BaseModel):
    id: int
    at: datetime
    who: str
    what: str
    object: Literal["organisation", "account", "token"]
    name: str
    organisation: str | None
    reason: str | None
    before: dict[str, Any] | None
    after: dict[str, Any]
