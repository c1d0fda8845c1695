"""Whose credentials an operator's command uses, and where the control plane is.

Reading: DIR/profiles/hub.yaml. Changing: DIR/profiles/admin.yaml; an administrator's profile names no registry where embedded
Kafka wrote it, so the control plane's address is then the hub profile's.
"""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2

from gongyu_hub.hub_folder import read_profile_of
from gongyu_schemas.errors import ConfigError, KafkaUnavailable
from gongyu_schemas.names import ADMIN_USER, HUB_USER
from gongyu_schemas.transport.profile import Profile

_TIMEOUT_S = 60.0


@dataclass(frozen=True, slots=True)
class Commands:
    """Writes further commands about the hub that was asked about, so that each runs as it is printed. `profile`: as it was given."""

    directory: Path
    profile: Path | None = None

    def reading(self, words: str) -> str:
        """One that reads with the hub's profile."""
        return self._write(words, [] if self.profile is None else ["--profile", str(self.profile)])

    def other(self, words: str) -> str:
        """One that takes another profile: the one that it finds in the folder."""
        return self._write(words, [])

    def _write(self, words: str, more: list[str]) -> str:
        return f"`{shlex.join(['gongyu-hub', *words.split(), '--dir', str(self.directory), *more])}`"


def reading_profile(directory: Path, profile: Path | None) -> Profile:
    """The hub's own. Raises ConfigError."""
    return read_profile_of(HUB_USER, directory, profile)


def operating_profile(directory: Path, profile: Path | None) -> Profile:
    """The administrator's, with the control plane's address. Raises ConfigError."""
    administrator = read_profile_of(ADMIN_USER, directory, profile)
    if administrator.registry is not None:
        return administrator
    return administrator.model_copy(update={"registry": reading_profile(directory, None).registry})


def ask_control_plane(profile: Profile, path: str, body: dict[str, Any]) -> dict[str, Any]:
    """POST; the answer. Raises ConfigError for a request that is refused, KafkaUnavailable where there is no answer."""
    if profile.registry is None:
        raise ConfigError("the profile does not say where the control plane is: add `registry: http(s)://HOST:PORT`")
    login = (profile.user, profile.password.get_secret_value())
    try:
        trust = profile.ca_file or True
        # Not through a proxy that the environment names: the log-in goes to the control plane alone.
        reply = httpx2.post(f"{profile.registry}{path}", json=body, auth=login, timeout=_TIMEOUT_S, verify=trust, trust_env=False)
        answer: dict[str, Any] = reply.json()
    except (httpx2.HTTPError, ValueError) as error:
        raise KafkaUnavailable(f"the control plane at {profile.registry} does not answer: {error}; is it running?") from error
    if reply.status_code >= 500:
        raise KafkaUnavailable(f"the control plane at {profile.registry}: {answer.get('message')}")
    if reply.status_code >= 400:
        raise ConfigError(f"the control plane refuses: {answer.get('message')}")
    return answer
