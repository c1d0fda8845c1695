"""Kafka users: a generated password in a profile file, the same on Kafka and on the registry.

Order: profile file, then Kafka, then the hash in the database. A crash in between leaves a file whose password the database
does not know yet, so the next start sets it again. The file is the one place that holds the password: delete it
and start again to get a new one.
"""

from __future__ import annotations

import hmac
from collections.abc import Iterable
from pathlib import Path

from pydantic import SecretStr

from gongyu_hub.registry.credentials import Credentials, new_password
from gongyu_hub.registry.kafka_admin import KafkaAdmin
from gongyu_schemas.errors import ConfigError
from gongyu_schemas.transport.profile import Profile, read_profile, write_profile


def profile_file(folder: Path, user: str) -> Path:
    return folder / f"{user}.yaml"


def make_users(users: Iterable[str], folder: Path, template: Profile, admin: KafkaAdmin, credentials: Credentials) -> None:
    """Every user has a profile, a password on Kafka and a log-in here. `template` says where Kafka and the registry are."""
    profiles = {user: _keep_profile(folder, user, template) for user in sorted(set(users))}
    existing = admin.scram_users()
    passwords = {user: profile.password.get_secret_value() for user, profile in profiles.items()}
    new = {
        user: password
        for user, password in passwords.items()
        if user not in existing or not (credentials.remembered(user, password) or credentials.verify(user, password))
    }
    admin.set_passwords(new)
    for user, password in new.items():
        credentials.keep(user, password)


def keep_administrator(profile: Profile, credentials: Credentials) -> None:
    """The administrator's password is Kafka's to make; here it is only known."""
    password = profile.password.get_secret_value()
    if not credentials.verify(profile.user, password):
        credentials.keep(profile.user, password)


def _keep_profile(folder: Path, user: str, template: Profile) -> Profile:
    file = profile_file(folder, user)
    kept = read_profile(file) if file.exists() else None
    if kept is not None and kept.user != user:
        raise ConfigError(f"profile {file} is of user {kept.user!r} instead of {user!r}; move it away")
    password = SecretStr(new_password()) if kept is None else kept.password
    profile = template.model_copy(update={"user": user, "password": password})
    if kept is None or not _same(kept, profile):
        write_profile(file, profile)
    return profile


def _same(one: Profile, other: Profile) -> bool:
    plain = one.model_dump(exclude={"password"}) == other.model_dump(exclude={"password"})
    return plain and hmac.compare_digest(one.password.get_secret_value().encode(), other.password.get_secret_value().encode())
