"""Schemas of a grant topic by id: from the registry once, then from memory.

Leaves a `View` (how to read a message, and whose terms it carries) or a `KeySchema`. A schema that this program cannot
follow is a FatalError at once; the registry's own troubles pass through.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Protocol

import fastavro

from gongyu_consumers.registry import Registry
from gongyu_consumers.sinks.sink import Shape
from gongyu_consumers.values import Convert, converters, has_branches
from gongyu_schemas.errors import ConfigError, FatalError
from gongyu_schemas.fields import Field, UnsupportedSchema, read_fields, read_tree
from gongyu_schemas.names import key_subject, value_subject


@dataclass(frozen=True, slots=True)
class View:
    """A view schema. `parsed` is the envelope without logical types, `convert` makes Python's values of its images.

    `named`: out of unions, values of named types come with the names.
    """

    schema_id: int
    subscriber: str
    grant: str
    version: int
    purpose: dict[str, str]
    legal_basis: dict[str, str | None]
    fields: tuple[Field, ...]
    parsed: Any
    convert: tuple[tuple[str, Convert], ...]
    named: bool = False


@dataclass(frozen=True, slots=True)
class KeySchema:
    """A key schema, read like a view."""

    fields: tuple[Field, ...]
    parsed: Any
    convert: tuple[tuple[str, Convert], ...]
    named: bool = False


class KnownSchemas(Protocol):
    """Schemas by id, wherever they come from."""

    def view(self, schema_id: int) -> View: ...

    def key(self, schema_id: int) -> KeySchema: ...


class Schemas:
    """Asks the registry for each schema once."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._views: dict[int, View] = {}
        self._keys: dict[int, KeySchema] = {}
        self._expected: Shape | None = None

    def expect(self, shape: Shape) -> None:
        """From now on a view with other columns is refused: a table cannot take it."""
        self._expected = shape

    def view(self, schema_id: int) -> View:
        found = self._views.get(schema_id)
        if found is None:
            found = read_view(schema_id, self._registry.schema(schema_id))
            if self._expected is not None:
                _require_columns(found, self._expected)
            self._views[schema_id] = found
        return found

    def key(self, schema_id: int) -> KeySchema:
        found = self._keys.get(schema_id)
        if found is None:
            found = self._keys[schema_id] = read_key(self._registry.schema(schema_id))
        return found

    def shape(self, topic: str) -> Shape:
        """The grant's columns as registered last."""
        view = read_view(-1, self._registry.latest(value_subject(topic)).text)
        key = read_key(self._registry.latest(key_subject(topic)).text)
        return Shape(view.fields, tuple(field.name for field in key.fields))


def _require_columns(view: View, shape: Shape) -> None:
    came = {field.name: (field.kind, field.scale) for field in view.fields}
    have = {field.name: (field.kind, field.scale) for field in shape.fields}
    if came != have:
        names = ", ".join(sorted(name for name in came.keys() | have.keys() if came.get(name) != have.get(name)))
        raise ConfigError(
            f"version {view.version} of grant {view.grant!r} shows other columns than the table has ({names}); receive into a new file"
        )


def read_view(schema_id: int, text: str) -> View:
    """Raises FatalError where the schema is no view envelope or has fields that this program cannot read."""
    try:
        envelope = json.loads(text)
        declared = {field["name"]: field["type"] for field in envelope["fields"]}
        record = next(part for part in declared["before"] if isinstance(part, dict))
        fields, tree = read_fields(record), read_tree(record)
        return View(
            schema_id=schema_id,
            subscriber=envelope["gongyu.subscriber"],
            grant=envelope["gongyu.grant"],
            version=envelope["gongyu.version"],
            purpose=envelope["gongyu.purpose"],
            legal_basis=envelope["gongyu.legalBasis"],
            fields=fields,
            parsed=fastavro.parse_schema(_without_logical_types(envelope)),
            convert=converters(tree, named=has_branches(tree)),
            named=has_branches(tree),
        )
    except UnsupportedSchema as error:
        raise FatalError(f"the view's schema has a field that this program cannot read ({error}): update gongyu") from error
    except (ValueError, KeyError, TypeError, StopIteration) as error:
        raise FatalError(f"schema {schema_id} is no view of a gongyu grant ({type(error).__name__}: {error})") from error


def read_key(text: str) -> KeySchema:
    try:
        record = json.loads(text)
        fields = read_fields(record)
        return KeySchema(fields, fastavro.parse_schema(_without_logical_types(record)), converters(read_tree(record)))
    except ValueError as error:
        raise FatalError(f"the grant's key schema cannot be read: {error}") from error


def _without_logical_types(schema: Any) -> Any:
    """A copy whose values are Avro's plain ones; `values` makes Python's of them, exactly."""
    if isinstance(schema, dict):
        return {name: _without_logical_types(value) for name, value in schema.items() if name != "logicalType"}
    return [_without_logical_types(part) for part in schema] if isinstance(schema, list) else schema
