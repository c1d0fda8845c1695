"""The policy against the information types: does each grant name what exists, and may it be in force today?

Enters the policy file; leaves a `Policy`, or all mistakes at once with their places (`PolicyMistakes`). The date is an
argument. Grants that the hub knows already are not judged by the date again: the control plane ends them by its clock, and a hub that
refused to start over one would stop every other grant as well.
"""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path as FilePath

from gongyu_hub.policy.rows import RowsError, parse_rows, type_rows
from gongyu_hub.policy.treatments import GROWTH_BYTES_MAX, Treatment, growth_bytes, misfit
from gongyu_hub.registry.near import near
from gongyu_hub.registry.places import Document, Mistake, NotYaml, Path, Place, read_document, show
from gongyu_hub.registry.policy_file import GrantDraft, GrantEntry, LegalBasisEntry, PolicyEntries, PurposeEntry, read_entries
from gongyu_hub.registry.text_places import place_inside
from gongyu_schemas.errors import ConfigError
from gongyu_schemas.granted import covers, leaves_of, record_names
from gongyu_schemas.information_type import InformationType, Title
from gongyu_schemas.plain_words import why

Types = Mapping[str, InformationType]


class PolicyMistakes(ConfigError):
    """All mistakes of a policy file, one a line, in the order of the file."""

    def __init__(self, file: FilePath, mistakes: list[Mistake]) -> None:
        super().__init__("\n".join(mistake.text(str(file)) for mistake in mistakes))
        self.mistakes = mistakes


@dataclass(frozen=True, slots=True)
class Grant:
    """One grant as the file declares it; `fields` are leaves in the order of the record, those of a granted record one by one."""

    subscriber: str
    name: str
    information_type: str
    fields: tuple[str, ...]
    rows: str | None
    treatments: Mapping[str, Treatment]
    purpose: PurposeEntry
    legal_basis: LegalBasisEntry
    valid_from: date | None
    valid_to: date | None
    subject_list: str | None = None


@dataclass(frozen=True, slots=True)
class Policy:
    """A policy without mistakes."""

    subscribers: Mapping[str, Title]
    grants: tuple[Grant, ...]

    def grants_of(self, information_type: str) -> tuple[Grant, ...]:
        return tuple(grant for grant in self.grants if grant.information_type == information_type)


def read_policy(file: FilePath, types: Types, today: date, in_force: Container[tuple[str, str]] = frozenset()) -> Policy:
    """Raises PolicyMistakes. `in_force` names (subscriber, grant) pairs that are not judged by the date again."""
    try:
        text = file.read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"policy {file} cannot be read: {why(error)}; give a YAML file with --policy") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"policy {file} is not text in UTF-8; give a YAML file with --policy") from error
    try:
        document = read_document(text)
    except NotYaml as error:
        raise PolicyMistakes(file, [error.mistake]) from error
    entries, mistakes = read_entries(document)
    for number, draft in entries.drafts.items():
        mistakes += _check_grant(document, ("grants", number), draft, entries, types)
        if (draft.subscriber or "", draft.grant or "") not in in_force:
            mistakes += _check_today(document, ("grants", number), draft, today)
    mistakes += _check_unique(document, entries)
    if mistakes:
        raise PolicyMistakes(file, sorted(set(mistakes)))
    subscribers = {name: entry.title for name, entry in entries.subscribers.items()}
    return Policy(subscribers, tuple(_grant(entry, types[entry.information_type]) for entry in entries.grants.values()))


def _grant(entry: GrantEntry, information_type: InformationType) -> Grant:
    return Grant(
        subscriber=entry.subscriber,
        name=entry.grant,
        information_type=entry.information_type,
        fields=leaves_of(entry.fields, information_type.fields),
        rows=entry.rows,
        treatments={field.name: entry.treatments[field.name] for field in information_type.fields if field.name in entry.treatments},
        purpose=entry.purpose,
        legal_basis=entry.legal_basis,
        valid_from=entry.valid_from,
        valid_to=entry.valid_to,
        subject_list=None if entry.subjects is None else entry.subjects.list,
    )


def _check_grant(document: Document, path: Path, grant: GrantDraft, entries: PolicyEntries, types: Types) -> Iterator[Mistake]:
    if grant.subscriber is not None and grant.subscriber not in entries.declared:
        remedy = f"declare it under `subscribers:` ({near(grant.subscriber, sorted(entries.declared))})"
        yield _at(document, (*path, "subscriber"), f"subscriber {grant.subscriber!r} is not declared", remedy)
    for inner, _, start, end in _periods(path, grant):
        if start is not None and end is not None and end < start:
            yield _at(document, (*inner, "valid_to"), f"{end} is before valid_from {start}", "put the dates in order")
    if grant.information_type is None:
        return
    information_type = types.get(grant.information_type)
    if information_type is None:
        what = f"information type {grant.information_type!r} is not known"
        yield _at(document, (*path, "information_type"), what, near(grant.information_type, sorted(types)))
        return
    if grant.fields is not None:
        yield from _check_fields(document, (*path, "fields"), grant.fields, information_type)
    if grant.rows is not None:
        yield from _check_rows(document, (*path, "rows"), grant.rows, information_type)
    yield from _check_treatments(document, path, grant, information_type)


def _check_fields(document: Document, path: Path, named: tuple[str, ...], information_type: InformationType) -> Iterator[Mistake]:
    fields = information_type.fields
    known = [*record_names(fields), *(field.name for field in fields if field.is_leaf)]
    for number, name in enumerate(named):
        around = [each for each in named if each != name and covers(each, name)]
        if name not in known:
            yield _at(document, (*path, number), f"{name!r} is not a field of {information_type.name!r}", near(name, known))
        elif name in named[:number]:
            yield _at(document, (*path, number), f"field {name!r} is named twice", "remove one")
        elif around:
            yield _at(document, (*path, number), f"field {name!r} is named twice: it is part of {around[0]!r}", "remove one")
    for name in information_type.key:
        if name not in named:
            what = f"key field {name!r} is not granted: a subscriber could not tell the records apart"
            yield _at(document, path, what, f"add {name!r}")


def _check_rows(document: Document, path: Path, rows: str, information_type: InformationType) -> Iterator[Mistake]:
    try:
        type_rows(parse_rows(rows), information_type.fields)
    except RowsError as error:
        place = place_inside(document.text, document.scalars[path], error.line, error.column)
        yield Mistake(place, show(path), error.what, "mend the row text there")


def _check_treatments(document: Document, path: Path, grant: GrantDraft, information_type: InformationType) -> Iterator[Mistake]:
    known, growth = {field.name: field for field in information_type.fields if field.is_leaf}, 0
    for name, treatment in grant.treatments.items():
        place = (*path, "treatments", name)
        if name not in known:
            what = f"{name!r} is not a field of {information_type.name!r}"
            yield Mistake(document.keys.get(place, document.place(place)), show(place), what, near(name, sorted(known)))
            continue
        if grant.fields is not None and not any(covers(each, name) for each in grant.fields):
            what = f"field {name!r} is not granted: nothing of it is shown"
            yield Mistake(document.keys.get(place, document.place(place)), show(place), what, "grant the field, or remove its treatment")
        wrong = misfit(known[name], treatment, is_key=name in information_type.key)
        if wrong is not None:
            yield _at(document, (*place, wrong.part), wrong.what, wrong.remedy)
        else:
            growth += growth_bytes(known[name], treatment)
    if growth > GROWTH_BYTES_MAX:
        what = f"a treated record could be {growth} bytes longer than its own; {GROWTH_BYTES_MAX} are allowed"
        yield _at(document, (*path, "treatments"), what, "treat fewer fields, or with shorter constants")


def _check_today(document: Document, path: Path, grant: GrantDraft, today: date) -> Iterator[Mistake]:
    for inner, what, start, end in _periods(path, grant):
        if end is not None and end < today:
            yield _at(document, (*inner, "valid_to"), f"{what} lapsed on {end}", "renew it or remove the grant")
        elif start is not None and start > today:
            remedy = "add the grant on that day"
            yield _at(document, (*inner, "valid_from"), f"{what} is in force only from {start}", remedy)


def _periods(path: Path, grant: GrantDraft) -> Iterator[tuple[Path, str, date | None, date | None]]:
    law = grant.legal_basis
    if law is not None:
        yield (*path, "legal_basis"), "the legal basis", law.valid_from, law.valid_to
    yield path, "the grant", grant.valid_from, grant.valid_to


def _check_unique(document: Document, entries: PolicyEntries) -> Iterator[Mistake]:
    first: dict[tuple[str, str], Place] = {}
    for number, grant in entries.drafts.items():
        if grant.subscriber is None or grant.grant is None:
            continue
        path = ("grants", number, "grant")
        name = (grant.subscriber, grant.grant)
        if name in first:
            what = f"{grant.subscriber!r} has a grant {grant.grant!r} already, in line {first[name].line}"
            yield _at(document, path, what, "give it another name")
        first.setdefault(name, document.place(path))


def _at(document: Document, path: Path, what: str, remedy: str) -> Mistake:
    return Mistake(document.place(path), show(path), what, remedy)
