"""What a grant does to a field before it is shown: the policy's words for it, and which fields they fit.

Enters YAML or JSON; leaves a `Treatment`, exactly one of mask, null, constant, generalise, pseudonymise. `misfit` says why
one does not fit a field of the record. A treatment that fits is total: no value of the field makes it fail.

NULL stays NULL under every treatment but `constant`, which hides also whether there was a value.
Decision: a treatment that keeps part of a value never shows all of it by accident: a text too short to hide anything is masked
whole. Decision: what has too few values to hide in (boolean, enum) or several encodings of one value (float, double,
decimal) is not pseudonymised, because its pseudonyms would be known by how often they occur, or differ for equal values.
"""

from __future__ import annotations

import math
from datetime import date, datetime
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StrictInt, model_validator
from pydantic_core import PydanticCustomError

from gongyu_hub.policy.constants import ConstantError, encode_constant
from gongyu_schemas.fields import Field as RecordField
from gongyu_schemas.fields import Kind

CONSTANT_CHARS_MAX = 200
#: A record's image has 400,000 bytes at most and a message 1,048,588: two images, key and act leave 48,588 bytes, of which the
#: treated values of two images and of the key may take 30,000.
GROWTH_BYTES_MAX = 10_000
#: A pseudonym's length in Avro: the text's own length, `p`, the version in up to 7 digits, a point and 32 digits.
_PSEUDONYM_BYTES = 1 + 1 + 7 + 1 + 32
_LONGEST_NUMBER = 10

_DAYS = frozenset({Kind.DATE, Kind.TIMESTAMP_MILLIS, Kind.TIMESTAMP_MICROS, Kind.LOCAL_TIMESTAMP_MILLIS, Kind.LOCAL_TIMESTAMP_MICROS})
_NUMBERS = frozenset({Kind.INT, Kind.LONG, Kind.FLOAT, Kind.DOUBLE, Kind.DECIMAL})
_IDENTIFYING = frozenset({Kind.STRING, Kind.UUID, Kind.INT, Kind.LONG, Kind.TIME_MILLIS, Kind.TIME_MICROS}) | _DAYS
_EMPTIED = _DAYS | _NUMBERS | _IDENTIFYING | {Kind.BOOLEAN, Kind.ENUM}


def _all_is_nothing_kept(value: Any) -> Any:
    return {} if value == "all" else value


def _constant(value: Any) -> Any:
    """A JSON value; a day that YAML made a date is its text again."""
    if isinstance(value, date) and not isinstance(value, datetime):
        return value.isoformat()
    if not isinstance(value, (str, bool, int, float)) or (isinstance(value, float) and not math.isfinite(value)):
        raise PydanticCustomError("constant_type", "is not a text, number, boolean or day")
    if len(str(value)) > CONSTANT_CHARS_MAX:
        raise PydanticCustomError("constant_too_long", "is too long")
    return value


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class Mask(_Part):
    """`*` for every character (Unicode code point) of a text but the first and last ones kept."""

    keep_first: Annotated[StrictInt, Field(ge=0, le=1000)] = 0
    keep_last: Annotated[StrictInt, Field(ge=0, le=1000)] = 0


class Generalise(_Part):
    """A day or time to the begin of its month or year; a number to the lower end of its range; a code to its first characters."""

    to: Literal["month", "year"] | None = None
    range: Annotated[StrictInt, Field(ge=2, le=2**62)] | None = None
    prefix: Annotated[StrictInt, Field(ge=1, le=1000)] | None = None

    @model_validator(mode="after")
    def _is_one(self) -> Generalise:
        if sum(part is not None for part in (self.to, self.range, self.prefix)) != 1:
            raise PydanticCustomError("one_generalisation", "needs exactly one of to, range, prefix")
        return self


class Pseudonymise(_Part):
    """A token that stands for the value, for this subscriber alone; another version of the key gives other tokens."""

    key_version: Annotated[StrictInt, Field(ge=1, le=9_999_999)]


class Treatment(_Part):
    """Exactly one of its parts."""

    mask: Annotated[Mask | None, BeforeValidator(_all_is_nothing_kept)] = None
    null: Literal[True] | None = None
    constant: Annotated[Any, BeforeValidator(_constant)] = None
    generalise: Generalise | None = None
    pseudonymise: Pseudonymise | None = None

    @model_validator(mode="after")
    def _is_one(self) -> Treatment:
        if sum(getattr(self, name) is not None for name in type(self).model_fields) != 1:
            raise PydanticCustomError("one_treatment", "needs exactly one of mask, null, constant, generalise, pseudonymise")
        return self

    def content(self) -> dict[str, Any]:
        """The one JSON form: in grant versions, in the schemas of views, and where two are compared."""
        return self.model_dump(mode="json", exclude_none=True)


class Misfit(NamedTuple):
    """Why a treatment does not fit a field: `part` of it, what is wrong, what to do."""

    part: str
    what: str
    remedy: str


def misfit(field: RecordField, treatment: Treatment, *, is_key: bool) -> Misfit | None:
    """None where it fits."""
    [part] = treatment.content()
    kind = field.kind.value
    if is_key and treatment.pseudonymise is None:
        what = f"{field.name!r} is a key field: it tells records apart"
        return Misfit(part, what, "show it, or pseudonymise it")
    if field.size and treatment.null is None:
        return Misfit(part, f"{field.name!r} is a fixed of {field.size} bytes", "use null, or leave the field out")
    if treatment.mask is not None and field.kind is not Kind.STRING:
        return Misfit(part, f"{field.name!r} is {kind}: only a string is masked", "use null, constant, generalise or pseudonymise")
    if treatment.null is not None and field.kind not in _EMPTIED:
        return Misfit(part, f"{field.name!r} is {kind}, which is not emptied", "leave the field out")
    if treatment.pseudonymise is not None and field.kind not in _IDENTIFYING:
        return Misfit(part, f"{field.name!r} is {kind}, which no pseudonym hides", "use null or constant")
    if treatment.constant is not None:
        try:
            encode_constant(field, treatment.constant)
        except ConstantError as error:
            return Misfit(part, str(error), f"write a value of {field.name!r}")
    return None if treatment.generalise is None else _generalise_misfit(field, treatment.generalise)


def _generalise_misfit(field: RecordField, how: Generalise) -> Misfit | None:
    if how.to is not None and field.kind not in _DAYS:
        what = f"{field.name!r} is {field.kind.value}: it has no {how.to}"
    elif how.range is not None and field.kind not in _NUMBERS:
        what = f"{field.name!r} is {field.kind.value}: it lies in no range"
    elif how.prefix is not None and field.kind is not Kind.STRING:
        what = f"{field.name!r} is {field.kind.value}: it has no prefix"
    else:
        return None
    return Misfit("generalise", what, "dates have `to`, numbers `range`, strings `prefix`")


def growth_bytes(field: RecordField, treatment: Treatment) -> int:
    """How much longer than the field's own bytes the treated ones can be."""
    if treatment.pseudonymise is not None:
        return _PSEUDONYM_BYTES
    if treatment.constant is not None:
        return len(encode_constant(field, treatment.constant))
    if treatment.generalise is not None and treatment.generalise.prefix is None:
        return field.precision // 2 + 3 if field.kind is Kind.DECIMAL else _LONGEST_NUMBER
    return 0
