"""A profile file: where Kafka and the registry are, and the credentials to use there.

YAML, readable by its user alone (mode 0600): other modes are refused, because the file holds a password.
"""

from __future__ import annotations

import os
import stat
import tempfile
from pathlib import Path
from typing import Literal

import yaml
from pydantic import BaseModel, ConfigDict, SecretStr, ValidationError

from gongyu_schemas.errors import ConfigError


class Profile(BaseModel):
    """One principal's connection. The password is the same on Kafka and on the schema registry."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)
    bootstrap: str
    user: str
    password: SecretStr
    registry: str | None = None
    security_protocol: Literal["SASL_PLAINTEXT", "SASL_SSL"] = "SASL_PLAINTEXT"
    mechanism: Literal["SCRAM-SHA-512", "SCRAM-SHA-256"] = "SCRAM-SHA-512"
    ca_file: str | None = None


def read_profile(path: Path) -> Profile:
    """Raises ConfigError where the file is missing, open to others, or not a profile."""
    try:
        mode = path.stat().st_mode
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"profile {path} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError:
        raise ConfigError(f"profile {path} is not text in UTF-8") from None
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise ConfigError(f"profile {path} is open to other users; it holds a password: run chmod 600 {path}")
    try:
        content = yaml.safe_load(text)
        return Profile.model_validate(content)
    except yaml.YAMLError as error:
        # The parser's own text quotes the line, which may hold the password: not even a traceback shows it.
        mark = error.problem_mark if isinstance(error, yaml.MarkedYAMLError) else None
        raise ConfigError(f"profile {path} is not YAML{'' if mark is None else f' (line {mark.line + 1})'}") from None
    except ValidationError as error:
        lines = "; ".join(f"{'.'.join(map(str, e['loc'])) or 'file'}: {e['msg']}" for e in error.errors())
        raise ConfigError(f"profile {path}: {lines}") from error


def write_profile(path: Path, profile: Profile) -> None:
    """Written whole or not at all, mode 0600 from the first byte."""
    content = profile.model_dump(exclude_none=True)
    content["password"] = profile.password.get_secret_value()
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=path.name)  # mkstemp makes files 0600
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            yaml.safe_dump(content, file, sort_keys=False, allow_unicode=True)
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(path)
    finally:
        Path(name).unlink(missing_ok=True)  # there only where it could not take its place
