"""Schemas of a grant topic by id: from the registry once, then from memory.

Leaves a `View` (how to read a message, and whose terms it carries) or a `KeySchema`. A registry that does not answer is
asked again with growing pauses, then KafkaUnavailable says so; an unknown id or subject, or a schema that this program
cannot follow, is a FatalError or KafkaUnavailable at once.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import fastavro
from confluent_kafka.schema_registry import SchemaRegistryClient
from confluent_kafka.schema_registry.error import SchemaRegistryError

from gongyu_consumers.sinks.sink import Shape
from gongyu_consumers.values import Convert, converters
from gongyu_schemas.errors import ConfigError, FatalError, KafkaUnavailable
from gongyu_schemas.fields import Field, UnsupportedSchema, read_fields
from gongyu_schemas.names import key_subject, value_subject
from gongyu_schemas.transport.clients import RegistryUnreachable

Answer = TypeVar("Answer")

#: Pauses before the registry is asked again; its client retries each question by itself for some seconds too.
_PAUSES_S = (0.5, 1.0, 2.0)


@dataclass(frozen=True, slots=True)
class View:
    """A view schema. `parsed` is the envelope without logical types, `convert` makes Python's values of its images."""

    schema_id: int
    subscriber: str
    grant: str
    version: int
    purpose: dict[str, str]
    legal_basis: dict[str, str | None]
    fields: tuple[Field, ...]
    parsed: Any
    convert: tuple[tuple[str, Convert], ...]


@dataclass(frozen=True, slots=True)
class KeySchema:
    """A key schema, read like a view."""

    fields: tuple[Field, ...]
    parsed: Any
    convert: tuple[tuple[str, Convert], ...]


class Schemas:
    """Asks the registry with the subscriber's own credentials. `stop` ends the waiting between questions."""

    def __init__(self, registry: SchemaRegistryClient, stop: threading.Event) -> None:
        self._registry = registry
        self._stop = stop
        self._views: dict[int, View] = {}
        self._keys: dict[int, KeySchema] = {}
        self._expected: Shape | None = None

    def expect(self, shape: Shape) -> None:
        """From now on a view with other columns is refused: a table cannot take it."""
        self._expected = shape

    def view(self, schema_id: int) -> View:
        found = self._views.get(schema_id)
        if found is None:
            found = read_view(schema_id, self._fetch(schema_id))
            if self._expected is not None:
                _require_columns(found, self._expected)
            self._views[schema_id] = found
        return found

    def key(self, schema_id: int) -> KeySchema:
        found = self._keys.get(schema_id)
        if found is None:
            found = self._keys[schema_id] = read_key(self._fetch(schema_id))
        return found

    def shape(self, topic: str) -> Shape:
        """The grant's columns as registered last."""
        view = read_view(-1, self._latest(value_subject(topic)))
        key = read_key(self._latest(key_subject(topic)))
        return Shape(view.fields, tuple(field.name for field in key.fields))

    def _fetch(self, schema_id: int) -> str:
        return str(self._ask(f"schema {schema_id}", lambda: self._registry.get_schema(schema_id).schema_str))

    def _latest(self, subject: str) -> str:
        return str(self._ask(f"subject {subject}", lambda: self._registry.get_latest_version(subject).schema.schema_str))

    def _ask(self, what: str, question: Callable[[], Answer]) -> Answer:
        cause = ""
        for pause_s in (*_PAUSES_S, None):
            try:
                return question()
            except RegistryUnreachable as error:
                cause = f"it cannot be reached ({type(error).__name__})"
            except SchemaRegistryError as error:
                cause = _explain(what, error)
            if pause_s is None or self._stop.wait(pause_s):
                break
        raise KafkaUnavailable(f"schema registry, {what}: {cause}; check that it runs and that the profile's registry is right")


def _explain(what: str, error: SchemaRegistryError) -> str:
    """What to say of an answer that may pass; raises for one that will not."""
    status = error.http_status_code
    if status == 404:
        raise KafkaUnavailable(f"schema registry: no {what}; does the grant exist, and is it the registry of this Kafka?") from error
    if status in {401, 403}:
        raise KafkaUnavailable(f"schema registry, {what}: these credentials are refused ({status}); check the profile") from error
    return f"it answers with status {status}"


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
        fields = read_fields(record)
        return View(
            schema_id=schema_id,
            subscriber=envelope["gongyu.subscriber"],
            grant=envelope["gongyu.grant"],
            version=envelope["gongyu.version"],
            purpose=envelope["gongyu.purpose"],
            legal_basis=envelope["gongyu.legalBasis"],
            fields=fields,
            parsed=fastavro.parse_schema(_without_logical_types(envelope)),
            convert=converters(fields),
        )
    except UnsupportedSchema as error:
        raise FatalError(f"the view's schema has a field that this program cannot read ({error}): update gongyu") from error
    except (ValueError, KeyError, TypeError, StopIteration) as error:
        raise FatalError(f"schema {schema_id} is no view of a gongyu grant ({type(error).__name__}: {error})") from error


def read_key(text: str) -> KeySchema:
    try:
        record = json.loads(text)
        fields = read_fields(record)
        return KeySchema(fields, fastavro.parse_schema(_without_logical_types(record)), converters(fields))
    except ValueError as error:
        raise FatalError(f"the grant's key schema cannot be read: {error}") from error


def _without_logical_types(schema: Any) -> Any:
    """A copy whose values are Avro's plain ones; `values` makes Python's of them, exactly."""
    if isinstance(schema, dict):
        return {name: _without_logical_types(value) for name, value in schema.items() if name != "logicalType"}
    return [_without_logical_types(part) for part in schema] if isinstance(schema, list) else schema
