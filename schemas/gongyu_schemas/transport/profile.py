"""A profile file: where Kafka and the registry are, and the credentials to use there.

YAML, readable by its user alone (mode 0600): other modes are refused, because the file holds a password. Without TLS only
this machine is spoken to: records of people are not sent in clear over a network.
"""

from __future__ import annotations

import ipaddress
import os
import stat
import tempfile
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

import yaml
from pydantic import BaseModel, ConfigDict, SecretStr, ValidationError

from gongyu_schemas.errors import ConfigError
from gongyu_schemas.plain_words import mistakes_in, why
from gongyu_schemas.private import make_private_folder

#: What to do where the file is not a profile at all.
_FROM = "give the file that the hub wrote for this user (DIR/profiles/*.yaml at the hub)"


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
    """Raises ConfigError where the file is missing, open to others, not a profile, or names another machine without TLS."""
    try:
        mode = path.stat().st_mode
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"profile {path} cannot be read: {why(error)}; {_FROM}") from error
    except UnicodeDecodeError:
        raise ConfigError(f"profile {path} is not text in UTF-8") from None
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise ConfigError(f"profile {path} is open to other users; it holds a password: run chmod 600 {path}")
    try:
        content = yaml.safe_load(text)
        if not isinstance(content, dict):
            raise ConfigError(f"{path} is no profile: it has no `name: value` lines of bootstrap, user and password; {_FROM}")
        profile = Profile.model_validate(content)
    except yaml.YAMLError as error:
        # The parser's own text quotes the line, which may hold the password: not even a traceback shows it.
        mark = error.problem_mark if isinstance(error, yaml.MarkedYAMLError) else None
        raise ConfigError(f"profile {path} is not YAML{'' if mark is None else f' (line {mark.line + 1})'}") from None
    except ValidationError as error:
        lines = "; ".join(f"{entry}: {what}" for entry, what in mistakes_in(error))
        raise ConfigError(f"profile {path}: {lines}") from error
    except (ValueError, LookupError, AttributeError, RecursionError):
        # PyYAML, for values it cannot make (a date 2026-13-45, `!!bool x`) and for too deep nesting; the text is kept back as above.
        raise ConfigError(f"profile {path} is not YAML: a value is not what it looks like, or nested too deep; quote it") from None
    _require_tls(path, profile)
    return profile


def write_profile(path: Path, profile: Profile) -> None:
    """Written whole or not at all, mode 0600 from the first byte."""
    content = profile.model_dump(exclude_none=True)
    content["password"] = profile.password.get_secret_value()
    make_private_folder(path.parent)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=path.name)  # mkstemp makes files 0600
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            yaml.safe_dump(content, file, sort_keys=False, allow_unicode=True)
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(path)
    finally:
        Path(name).unlink(missing_ok=True)  # there only where it could not take its place


def _require_tls(path: Path, profile: Profile) -> None:
    if profile.security_protocol == "SASL_PLAINTEXT":
        for host in [_host(f"//{address.strip().rpartition('//')[2]}") for address in profile.bootstrap.split(",")]:
            if not _is_loopback(host):
                raise ConfigError(
                    f"profile {path}: bootstrap: {host!r} is not this machine (127.0.0.1, ::1, localhost), and SASL_PLAINTEXT "
                    "sends everything in clear: set security_protocol: SASL_SSL"
                )
    for url in profile.registry.split(",") if profile.registry else ():
        host = _host(url.strip())
        if not url.strip().lower().startswith("https://") and not _is_loopback(host):
            raise ConfigError(
                f"profile {path}: registry: {host!r} is not this machine (127.0.0.1, ::1, localhost), and without TLS "
                "the password is sent in clear: use https://"
            )


def _host(url: str) -> str:
    """Without user, port and brackets; empty where there is none."""
    try:
        return urlsplit(url.strip()).hostname or ""
    except ValueError:
        return ""


def _is_loopback(host: str) -> bool:
    """127.0.0.0/8, ::1 or localhost. Other names are not looked up: what they mean may change."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
