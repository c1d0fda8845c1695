"""Writer schemas from the registry, by id. A registry that does not answer is asked again: the type waits, nothing is guessed."""

from __future__ import annotations

import json
import time
from collections.abc import Callable

import structlog
from confluent_kafka.schema_registry import SchemaRegistryError

from gongyu_schemas.errors import FatalError, KafkaUnavailable
from gongyu_schemas.fields import Schema
from gongyu_schemas.transport.clients import RegistryUnreachable, make_registry
from gongyu_schemas.transport.profile import Profile

LOG = structlog.get_logger()
_BACK_OFF_S = 1.0
_NOT_FOUND = 404


class SchemaReader:
    """Schemas by id; each is read once."""

    def __init__(self, profile: Profile, stopping: Callable[[], bool]) -> None:
        self._registry = make_registry(profile)
        self._stopping = stopping
        self._known: dict[int, Schema] = {}

    def read(self, schema_id: int) -> Schema:
        """Raises FatalError where the registry has no such schema, KafkaUnavailable when told to stop."""
        while schema_id not in self._known:
            try:
                self._known[schema_id] = json.loads(self._registry.get_schema(schema_id).schema_str or "")
            except SchemaRegistryError as error:
                if error.http_status_code == _NOT_FOUND:
                    raise FatalError(f"the registry has no schema {schema_id}, which the policy names") from error
                self._wait(str(error))
            except RegistryUnreachable as error:
                self._wait(str(error))
        return self._known[schema_id]

    def close(self) -> None:
        self._registry.close()

    def _wait(self, cause: str) -> None:
        if self._stopping():
            raise KafkaUnavailable(f"the registry does not answer: {cause}")
        LOG.warning("the registry does not answer; asking again", cause=cause)
        time.sleep(_BACK_OFF_S)
