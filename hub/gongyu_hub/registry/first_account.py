"""The first operator, made at the first start, and its token in the hub's folder for the commands of this machine.

A folder whose file is lost, or whose token has expired or was revoked, gets a new one at the next start, as long as that account is an
active operator: who can write into the folder has the administrator's Kafka password as well.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.orm import Session

from gongyu_hub.registry import accounts, tokens
from gongyu_hub.registry.database import Database
from gongyu_hub.registry.roles import Author, Role
from gongyu_hub.registry.tables import Account
from gongyu_hub.registry.token_checks import TokenChecks
from gongyu_schemas.errors import ConfigError
from gongyu_schemas.plain_words import why
from gongyu_schemas.private import make_private_folder

#: In the hub's folder.
TOKEN_FILE = Path("secrets", "operator.token")
NAME = "first-operator"
BY_ITSELF = "hub"


def keep_operator(folder: Path, database: Database, checks: TokenChecks, now_ms: int) -> Path | None:
    """The token's file where it was written now; None where the one that is there still serves. Raises ConfigError."""
    file, by = folder / TOKEN_FILE, Author(BY_ITSELF, now_ms)
    whole = read_token(file) if file.exists() else ""
    public = tokens.public_part(whole)
    held = None if public is None else checks.find(public)
    if held is not None and held.ended is None and checks.verify(held, whole):
        return None
    with database.writing() as session:
        account = _operator(session, by)
        if account is None:
            return None
        made = tokens.add(session, by, account)
        _write(file, made.whole)  # before the commit: a file whose token is unknown is written anew at the next start
    return file


def read_token(file: Path) -> str:
    """Raises ConfigError where it cannot be read, or others can."""
    try:
        if file.stat().st_mode & 0o077:
            raise ConfigError(f"token file {file} is open to other users: run chmod 600 {file}")
        return file.read_text(encoding="utf-8").strip()
    except UnicodeDecodeError:
        return ""
    except OSError as error:
        raise ConfigError(f"token file {file} cannot be read: {why(error)}") from error


def _operator(session: Session, by: Author) -> Account | None:
    """The first one; None where it is one no more, because others are."""
    account = accounts.named(session, NAME)
    if account is None:
        if session.scalar(select(Account.id).limit(1)) is not None:
            return None
        return accounts.add(session, by, NAME, "First operator", accounts.Kind.MACHINE, None, {Role.OPERATOR})
    return account if account.status == accounts.ACTIVE and Role.OPERATOR in accounts.roles_of(account) else None


def _write(file: Path, whole: str) -> None:
    try:
        make_private_folder(file.parent)
        handle, name = tempfile.mkstemp(dir=file.parent, prefix=file.name)  # mkstemp makes files 0600
        try:
            with os.fdopen(handle, "w", encoding="ascii") as out:
                out.write(f"{whole}\n")
                out.flush()
                os.fsync(out.fileno())
            Path(name).replace(file)
        finally:
            Path(name).unlink(missing_ok=True)  # there only where it could not take its place
    except OSError as error:
        raise ConfigError(f"token file {file} cannot be written: {why(error)}; check the folder's rights and the disk") from error
