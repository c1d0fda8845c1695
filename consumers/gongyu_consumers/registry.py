"""The schema registry and the catalogue of types as a subscriber's credentials see them; asked again while they are away.

Leaves texts; a registry that does not answer after some pauses is KafkaUnavailable, refused credentials are CredentialsRefused,
what does not exist (or is not to be seen) is KafkaUnavailable at once, with what was asked for.
"""

from __future__ import annotations

import ssl
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import quote

import httpx2
from confluent_kafka.schema_registry.error import SchemaRegistryError

from gongyu_schemas.errors import ConfigError, CredentialsRefused, KafkaUnavailable
from gongyu_schemas.transport.clients import RegistryUnreachable, make_registry
from gongyu_schemas.transport.profile import Profile

Answer = TypeVar("Answer")

#: Pauses before the registry is asked again; its client retries each question by itself for some seconds too.
_PAUSES_S = (0.5, 1.0, 2.0)
_TIMEOUT_S = 10.0


@dataclass(frozen=True, slots=True)
class Latest:
    """The newest version of a subject."""

    schema_id: int
    version: int
    text: str


class NotTold(KafkaUnavailable):
    """There is no such thing, or not for these credentials."""


class Registry:
    """Asks with the subscriber's own credentials. `stop` ends the waiting between questions."""

    def __init__(self, profile: Profile, stop: threading.Event | None = None) -> None:
        self._client = make_registry(profile)
        self._profile = profile
        self._stop = stop or threading.Event()

    def schema(self, schema_id: int) -> str:
        return str(self._ask(f"schema {schema_id}", lambda: self._client.get_schema(schema_id).schema_str))

    def latest(self, subject: str) -> Latest:
        found = self._ask(f"subject {subject}", lambda: self._client.get_latest_version(subject))
        return Latest(int(found.schema_id or 0), int(found.version or 0), str(found.schema.schema_str))

    def subjects(self) -> list[str]:
        return self._ask("list of subjects", self._client.get_subjects)

    def information_type(self, name: str) -> dict[str, Any]:
        """From the hub's catalogue: `owner`, `title`, `key`, `record`, ..."""
        found: dict[str, Any] = self._ask(f"information type {name}", lambda: self._get(f"/types/{quote(name, safe='')}"))
        return found

    def ended_grants(self) -> list[dict[str, Any]]:
        """Of this subscriber: `grant`, `ended_ms`, `who`, `reason`. None of a hub that cannot end grants."""
        try:
            found: list[dict[str, Any]] = self._ask("list of grants that have ended", lambda: self._get("/ended-grants"))
        except NotTold:
            return []
        return found

    def _get(self, path: str) -> Any:
        url = str(self._profile.registry).partition(",")[0].strip().rstrip("/") + path
        trust = ssl.create_default_context(cafile=self._profile.ca_file) if self._profile.ca_file is not None else True
        login = (self._profile.user, self._profile.password.get_secret_value())
        answer = httpx2.get(url, auth=login, verify=trust, timeout=_TIMEOUT_S, trust_env=False)  # no proxy gets the log-in
        if answer.status_code != 200:
            raise SchemaRegistryError(answer.status_code, answer.status_code, "not answered")
        return answer.json()

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
    if status == 404 and what.startswith("information type"):
        raise ConfigError(f"the hub knows no {what}; its owner's or the hub's people can say what it is called") from error
    if status == 404:
        raise NotTold(f"schema registry: no {what}; does the grant exist, and is it the registry of this Kafka?") from error
    if status in {401, 403}:
        raise CredentialsRefused(f"schema registry, {what}: these credentials are refused ({status}); check the profile") from error
    return f"it answers with status {status}"
