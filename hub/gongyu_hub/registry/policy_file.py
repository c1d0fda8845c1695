"""The policy file's shape: subscribers and grants, each with the place of every mistake in it.

Enters YAML text; leaves the entries that have the right shape and all mistakes of the others. Whether the entries make
sense against the information types is the next module's question (`policy_check`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from typing import Annotated, Any, TypeVar, get_args, get_origin

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StrictStr, StringConstraints, ValidationError

from gongyu_hub.policy.treatments import Treatment
from gongyu_hub.registry.near import near
from gongyu_hub.registry.places import Document, Mistake, Path, show
from gongyu_schemas.information_type import Name, Title
from gongyu_schemas.names import NAME

S = TypeVar("S")
M = TypeVar("M", bound=BaseModel)


def _day(value: Any) -> Any:
    if isinstance(value, datetime) or not isinstance(value, (date, str)):
        raise ValueError("must be a day, written 2026-01-31")  # noqa: TRY004 - pydantic collects ValueErrors
    return value


Day = Annotated[date, BeforeValidator(_day)]
Text = Annotated[str, StringConstraints(strict=True, min_length=1, max_length=2000)]


class _Entry(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class SubscriberEntry(_Entry):
    title: Title


class PurposeEntry(_Entry):
    code: Text
    text: Text


class LegalBasisEntry(_Entry):
    statute: Text
    article: Text
    valid_from: Day
    valid_to: Day | None = None


class SubjectsEntry(_Entry):
    """The subscriber's list that a subject must be on."""

    list: Name


def _all_or_list(value: Any) -> Any:
    return None if value == "all" else value


Subjects = Annotated[SubjectsEntry | None, BeforeValidator(_all_or_list)]


class GrantEntry(_Entry):
    subscriber: Name
    grant: Name
    information_type: Name
    fields: Annotated[tuple[StrictStr, ...], Field(min_length=1)]
    rows: Text | None = None
    treatments: dict[str, Treatment] = {}
    subjects: Subjects = None
    purpose: PurposeEntry
    legal_basis: LegalBasisEntry
    valid_from: Day | None = None
    valid_to: Day | None = None


class GrantDraft(_Entry):
    """The parts of a grant that have the right shape, so that a mistake in one part does not hide those in others."""

    subscriber: Name | None = None
    grant: Name | None = None
    information_type: Name | None = None
    fields: tuple[StrictStr, ...] | None = None
    rows: Text | None = None
    treatments: dict[str, Treatment] = {}
    subjects: Subjects = None
    purpose: PurposeEntry | None = None
    legal_basis: LegalBasisEntry | None = None
    valid_from: Day | None = None
    valid_to: Day | None = None


@dataclass(frozen=True, slots=True)
class PolicyEntries:
    """Grants by their number in the file: whole ones, and drafts of all. A subscriber is declared even with a mistake in it."""

    declared: frozenset[str]
    subscribers: dict[str, SubscriberEntry]
    grants: dict[int, GrantEntry]
    drafts: dict[int, GrantDraft]


_TOP = ("subscribers", "grants")
_TREATMENTS = "treatments"
#: pydantic's error type -> (what, what to do); no what: pydantic's own words.
_WORDS = {
    "missing": ("is missing", "add it"),
    "too_short": ("is empty", "name at least one"),
    "string_too_short": ("is empty", "write a text"),
    "string_too_long": ("is too long", "shorten it"),
    "string_type": ("must be a text", "put it in quotes"),
    "string_pattern_mismatch": ("is not a name", "use 1 to 63 of a-z, 0-9 and '-', starting with a letter or digit"),
    "model_type": ("must be a mapping", "write `name: value` lines below it"),
    "dict_type": ("must be a mapping", "write `field: {mask: all}` lines below it"),
    "literal_error": ("", "write it so"),
    "int_type": ("must be a whole number", "write it without quotes"),
    "one_treatment": ("must be one of mask, null, constant, generalise, pseudonymise", "write one, as {mask: all}"),
    "one_generalisation": ("must be one of to, range, prefix", "write one, as {to: month}"),
    "constant_type": ("is not a text, number, boolean or day", "write one; `null: true` empties a field"),
    "tuple_type": ("must be a list", "write [a, b] or `- a` lines"),
    "date_from_datetime_parsing": ("is not a day", "write it like 2026-01-31"),
    "date_parsing": ("is not a day", "write it like 2026-01-31"),
    "value_error": ("is not a day", "write it like 2026-01-31"),
}


def read_entries(document: Document) -> tuple[PolicyEntries, list[Mistake]]:
    mistakes = list(document.mistakes)
    if not isinstance(document.data, dict):
        mistakes.append(Mistake(document.place(()), "policy", "must be a mapping", "write `subscribers:` and `grants:`"))
        return PolicyEntries(frozenset(), {}, {}, {}), mistakes
    mistakes.extend(_unknown_key(document, (key,), list(_TOP)) for key in document.data if key not in _TOP)
    declared = _section(document, "subscribers", dict, mistakes) or {}
    listed = _section(document, "grants", list, mistakes) or []
    subscribers, grants, drafts = {}, {}, {}
    for name, content in declared.items():
        path: Path = ("subscribers", name)
        mistakes.extend(_check_subscriber_name(document, path, name))
        subscriber = _validate(document, path, SubscriberEntry, content, mistakes)
        if subscriber is not None:
            subscribers[name] = subscriber
    for number, content in enumerate(listed):
        grant = _validate(document, ("grants", number), GrantEntry, content, mistakes)
        if grant is not None:
            grants[number] = grant
        drafts[number] = _draft(content)
    return PolicyEntries(frozenset(declared), subscribers, grants, drafts), mistakes


def _section(document: Document, name: str, kind: type[S], mistakes: list[Mistake]) -> S | None:
    content = document.data.get(name)
    if content is None or isinstance(content, kind):
        return content
    what, remedy = _WORDS["model_type" if kind is dict else "tuple_type"]
    mistakes.append(Mistake(document.place((name,)), name, what, remedy))
    return None


def _check_subscriber_name(document: Document, path: Path, name: str) -> Iterator[Mistake]:
    if not NAME.fullmatch(name):
        what, remedy = _WORDS["string_pattern_mismatch"]
        yield Mistake(document.keys[path], show(path), f"{name!r} {what}", remedy)


def _validate(document: Document, path: Path, model: type[M], content: Any, mistakes: list[Mistake]) -> M | None:
    try:
        return model.model_validate(content)
    except ValidationError as error:
        known = {mistake.path for mistake in document.mistakes}  # a value that YAML could not read is told once
        for each in error.errors(include_url=False, include_input=False):
            inner = (*path, *each["loc"])
            if show(inner) not in known:
                mistakes.append(_translate(document, inner, each["type"], each["msg"], model))
        return None


def _draft(content: Any) -> GrantDraft:
    if not isinstance(content, dict):
        return GrantDraft()
    try:
        return GrantDraft.model_validate(content)
    except ValidationError as error:
        places = [each["loc"] for each in error.errors(include_url=False, include_input=False)]
        wrong = {place[0] for place in places if place[0] != _TREATMENTS or len(place) == 1}
        kept = {name: value for name, value in content.items() if name not in wrong}
        if isinstance(kept.get(_TREATMENTS), dict):
            treatments = {place[1] for place in places if place[0] == _TREATMENTS}
            kept[_TREATMENTS] = {name: value for name, value in kept[_TREATMENTS].items() if name not in treatments}
        return GrantDraft.model_validate(kept)


def _translate(document: Document, path: Path, kind: str, message: str, model: type[BaseModel]) -> Mistake:
    if kind == "extra_forbidden":
        return _unknown_key(document, path, _known_keys(model, path))
    what, remedy = _WORDS.get(kind, (message, "mend it"))
    if kind == "model_type" and path[-1] == "subjects":
        what, remedy = "must be all or a list", "write `all` or `{list: NAME}`"
    return Mistake(document.place(path), show(path), what or message.replace("Input should be", "must be").replace("True", "true"), remedy)


def _unknown_key(document: Document, path: Path, known: list[str]) -> Mistake:
    return Mistake(document.keys.get(path, document.place(path)), show(path), "unknown key", near(str(path[-1]), known))


def _known_keys(model: type[BaseModel], path: Path) -> list[str]:
    """The keys allowed beside the last part of the path, which leads to `model` with its second part."""
    current: Any = model
    for part in path[2:-1]:
        if isinstance(current, type) and issubclass(current, BaseModel):
            field = current.model_fields.get(str(part))
            current = None if field is None else _inside(field.annotation)
        else:
            current = get_args(current)[1] if get_origin(current) is dict else None
    return list(current.model_fields) if isinstance(current, type) and issubclass(current, BaseModel) else []


def _inside(annotation: Any) -> Any:
    """The model of an optional part."""
    parts = [part for part in get_args(annotation) if part is not type(None)]
    return parts[0] if len(parts) == 1 else annotation
