"""An information type: a folder with `type.yaml` (what it is, whose it is) and `record.avsc` (its record).

Enters a folder, leaves an `InformationType`; every mistake in it is reported with file and place, all at once.
Adding a type needs no code: any folder given with `--types` is searched.
"""

from __future__ import annotations

import dataclasses
import itertools
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import fastavro
import yaml
from fastavro.schema import SchemaParseException, UnknownType
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from gongyu_schemas.errors import ConfigError
from gongyu_schemas.fields import AVRO_NAME, KEY_KINDS, Kind, Schema, check_fields
from gongyu_schemas.fields import Field as RecordField
from gongyu_schemas.granted import covers, record_names
from gongyu_schemas.names import NAME
from gongyu_schemas.plain_words import mistakes_in, not_avro, not_json, not_yaml, why

TYPE_FILE = "type.yaml"
RECORD_FILE = "record.avsc"
VERSION_KINDS = frozenset({Kind.INT, Kind.LONG, Kind.DATE, Kind.TIMESTAMP_MILLIS, Kind.TIMESTAMP_MICROS})

#: What PyYAML raises: besides its own errors those of the values it makes (a date 2026-13-45, `!!bool x`), and too deep nesting.
_UNREADABLE = (yaml.YAMLError, ValueError, LookupError, AttributeError, RecursionError)

Name = Annotated[str, StringConstraints(pattern=f"^{NAME.pattern}$")]
Classification = Literal["public", "internal", "personal", "sensitive"]


class Publishing(BaseModel):
    """Defaults of the owner's publisher: file header -> field, and the texts that mean null."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    columns: dict[str, str] = {}
    null_texts: tuple[str, ...] = ("",)


class Title(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")
    ko: str
    en: str


class _TypeFile(BaseModel):
    """The shape of type.yaml."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    name: Name
    owner: Name
    title: Title
    key: Annotated[tuple[str, ...], Field(min_length=1)]
    subject: tuple[str, ...] = ()
    version: str | None = None
    partitions: Annotated[int, Field(ge=1, le=1000)] = 4
    titles: dict[str, Title] = {}
    classification: dict[str, Classification]
    publishing: Publishing = Publishing()


@dataclass(frozen=True, slots=True)
class InformationType:
    """What an owner publishes. `key` and `subject` name fields; `version` names one or is None.

    `classification` has every leaf; `titles` are those of fields.
    """

    name: str
    owner: str
    title: Title
    key: tuple[str, ...]
    subject: tuple[str, ...]
    version: str | None
    partitions: int
    classification: dict[str, Classification]
    publishing: Publishing
    record_schema: Schema
    fields: tuple[RecordField, ...]
    titles: dict[str, Title] = dataclasses.field(default_factory=dict)

    def field(self, name: str) -> RecordField:
        return next(field for field in self.fields if field.name == name)


@dataclass(frozen=True, slots=True)
class FoundTypes:
    """The types below some folders by name; of broken ones the mistakes, and those of folders that are not there, one a line.

    A broken type has the name that its type.yaml gives, or its folder's where that cannot be read. Two types of one name are broken.
    """

    sound: dict[str, InformationType]
    broken: dict[str, list[str]]
    absent: list[str]


def shipped_types() -> Path:
    """The folder of the types that come with the project, in a checkout and in an installed wheel alike."""
    here = Path(__file__).resolve().parent
    installed = here / "types"
    return installed if installed.is_dir() else here.parent / "types"


def find_types(*folders: Path) -> FoundTypes:
    """All types below the folders, broken ones too."""
    found = FoundTypes({}, {}, [])
    places: dict[str, Path] = {}
    for folder in folders:
        if not folder.is_dir():
            found.absent.append(f"{folder}: no such folder of information types")
            continue
        for file in sorted(folder.rglob(TYPE_FILE)):
            place = file.parent.resolve()
            try:
                loaded = load_type(file.parent)
            except ConfigError as error:
                found.broken.setdefault(_name_in(file), []).extend(str(error).splitlines())
                continue
            other = places.setdefault(loaded.name, place)
            if other != place:
                mistake = f"{file}: name: {loaded.name!r} is also the type in {other}; type names are unique in the hub"
                found.broken.setdefault(loaded.name, []).append(mistake)
            found.sound[loaded.name] = loaded
    return found


def load_types(*folders: Path) -> dict[str, InformationType]:
    """Every type found below the folders, by name. Raises ConfigError with all mistakes, one a line."""
    found = find_types(*folders)
    mistakes = [*itertools.chain.from_iterable(found.broken.values()), *found.absent]
    if mistakes:
        raise ConfigError("\n".join(mistakes))
    return found.sound


def find_type(name: str, folders: Iterable[Path], remedy: str) -> InformationType:
    """The type of this name, whatever is wrong with others. Raises ConfigError: it is broken, or not known; `remedy` says how it may be."""
    found = find_types(*folders)
    if found.absent:
        raise ConfigError("\n".join(found.absent))
    if name in found.broken:
        raise ConfigError("\n".join([f"--type {name!r} is a broken type; mend its folder:", *found.broken[name]]))
    if name not in found.sound:
        broken = f" (broken: {', '.join(sorted(found.broken))})" if found.broken else ""
        raise ConfigError(f"--type {name!r} is not known; known are {', '.join(sorted(found.sound))}{broken}; {remedy}")
    return found.sound[name]


def load_type(folder: Path) -> InformationType:
    """The type in one folder. Raises ConfigError with all its mistakes, one a line."""
    mistakes: list[str] = []
    declared: _TypeFile | None = None
    fields: tuple[RecordField, ...] = ()
    try:
        declared = _read_type_file(folder / TYPE_FILE)
    except ConfigError as error:
        mistakes.append(str(error))
    try:
        record, fields = _read_record_file(folder / RECORD_FILE)
    except ConfigError as error:
        mistakes.append(str(error))
    if declared is not None and fields:  # only a sound record can say which names are its fields
        mistakes += [f"{folder / TYPE_FILE}: {mistake}" for mistake in _check(declared, fields)]
    if mistakes or declared is None:
        raise ConfigError("\n".join(mistakes))
    return InformationType(
        name=declared.name,
        owner=declared.owner,
        title=declared.title,
        key=declared.key,
        subject=declared.subject or declared.key,
        version=declared.version,
        partitions=declared.partitions,
        classification=_classify(declared.classification, fields),
        publishing=declared.publishing,
        record_schema=record,
        fields=fields,
        titles=declared.titles,
    )


def _read_type_file(file: Path) -> _TypeFile:
    try:
        content = yaml.safe_load(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"{file}: cannot be read: {why(error)}") from error
    except _UNREADABLE as error:
        raise ConfigError(f"{file}: {not_yaml(error)}") from error
    if not isinstance(content, dict):
        raise ConfigError(f"{file}: must be a mapping with name, owner, title, key and classification")
    try:
        return _TypeFile.model_validate(content)
    except ValidationError as error:
        raise ConfigError("\n".join(f"{file}: {entry}: {what}" for entry, what in mistakes_in(error))) from error


def _name_in(file: Path) -> str:
    """Of a type that is broken."""
    try:
        content = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (OSError, *_UNREADABLE):
        return file.parent.name
    name = content.get("name") if isinstance(content, dict) else None
    return name if isinstance(name, str) else file.parent.name


def _read_record_file(file: Path) -> tuple[Schema, tuple[RecordField, ...]]:
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"{file}: cannot be read: {why(error)}") from error
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"{file}: {not_json(error)}") from error
    try:
        fastavro.parse_schema(json.loads(json.dumps(content)))
    except (SchemaParseException, UnknownType, LookupError, TypeError, ValueError, AttributeError, RecursionError) as error:
        raise ConfigError(f"{file}: not an Avro schema: {not_avro(error)}") from error
    fields, unsupported = check_fields(content)
    mistakes = [str(mistake) for mistake in unsupported] or list(_check_names(content))
    if mistakes:
        raise ConfigError("\n".join(f"{file}: {mistake}" for mistake in mistakes))
    return content, fields


def _classify(declared: dict[str, Classification], fields: tuple[RecordField, ...]) -> dict[str, Classification]:
    """The class of every leaf: its own, or that of the nearest record around it."""
    return {field.name: declared[max(around, key=len)] for field in fields if field.is_leaf and (around := _around(field, declared))}


def _around(field: RecordField, names: Iterable[str]) -> list[str]:
    return [name for name in names if covers(name, field.name)]


def _check_names(schema: Schema) -> Iterator[str]:
    """Names that fastavro takes and other Avro libraries refuse: every subscriber must be able to parse the schema."""
    if isinstance(schema, list):
        for branch in schema:
            yield from _check_names(branch)
    if not isinstance(schema, dict):
        return
    for attribute in ("name", "namespace"):
        text = schema.get(attribute)
        if text and not all(AVRO_NAME.fullmatch(part) for part in str(text).split(".")):
            yield f"{attribute}: {text!r} is not an Avro name: use A-Z, a-z, 0-9 and '_', not starting with a digit, between dots"
    for part in ("type", "items", "values"):
        yield from _check_names(schema.get(part))
    if schema.get("type") == "record":
        for field in schema["fields"]:
            yield from _check_names(field["type"])


def _check(declared: _TypeFile, fields: tuple[RecordField, ...]) -> Iterator[str]:
    known = {field.name: field for field in fields}
    for place, names in (("key", declared.key), ("subject", declared.subject)):
        if len(set(names)) != len(names):
            yield f"{place}: a field is named twice"
        for name in names:
            if "." in name and name in known:
                yield f"{place}: {name!r} lies in a nested record; a key is made of the record's own fields"
            else:
                rule = "a key field is never null and one value, no float, double, decimal, bytes or fixed"
                yield from _check_field(place, name, known, KEY_KINDS, rule)
    if declared.version is not None:
        yield from _check_field("version", declared.version, known, VERSION_KINDS, "an int, long, date or timestamp, never null")
    yield from _check_classes(declared.classification, fields)
    leaves = {field.name for field in fields if field.is_leaf}
    for name in [name for name in declared.titles if name not in known and name not in record_names(fields)]:
        yield f"titles: {name!r} is not a field of the record"
    for header, name in declared.publishing.columns.items():
        if name not in leaves:
            yield f"publishing.columns: header {header!r} maps to {name!r}, which is not a field of the record"


def _check_classes(classes: dict[str, Classification], fields: tuple[RecordField, ...]) -> Iterator[str]:
    for field in fields:
        if field.is_leaf and not _around(field, classes):
            yield f"classification: field {field.name!r} has none; give public, internal, personal or sensitive"
    known = {*(field.name for field in fields), *record_names(fields)}
    for name in [name for name in classes if name not in known]:
        yield f"classification: {name!r} is not a field of the record"


def _check_field(place: str, name: str, known: dict[str, RecordField], kinds: frozenset[Kind], rule: str) -> Iterator[str]:
    field = known.get(name)
    if field is None:
        yield f"{place}: {name!r} is not a field of the record"
    elif field.may_be_absent or field.kind not in kinds:
        yield f"{place}: {name!r} does not fit: {rule}"
