"""Organisations, accounts, tokens, and the history of their changes, which nobody edits.

Of a token only that it was revoked, and when it was used, may be noted later; a revocation is never taken back. Nothing of all this
is deleted: the history names it.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

_TOKEN_FROZEN = ("id", "account", "hash", "made_ms", "expires_ms")


def upgrade() -> None:
    _make_tables()
    frozen = " AND ".join(f'NEW."{column}" = OLD."{column}"' for column in _TOKEN_FROZEN)
    still_revoked = "(OLD.revoked_ms IS NULL OR (NEW.revoked_ms IS NOT NULL AND NEW.revoked_ms = OLD.revoked_ms))"
    _refuse("history", "UPDATE", "")
    _refuse("token", "UPDATE", f"WHEN (NOT ({frozen} AND {still_revoked}))")
    for table in ("history", "token", "account", "organisation"):
        _refuse(table, "DELETE", "")
        if op.get_context().dialect.name == "postgresql":
            _refuse(table, "TRUNCATE", "")
    if op.get_context().dialect.name == "sqlite":  # whose INSERT OR REPLACE deletes without asking the trigger above
        _refuse("history", "INSERT", "WHEN EXISTS (SELECT 1 FROM history WHERE id = NEW.id)")
        _refuse("token", "INSERT", "WHEN EXISTS (SELECT 1 FROM token WHERE id = NEW.id)")


def _make_tables() -> None:
    op.create_table(
        "organisation",
        sa.Column("name", sa.String, primary_key=True),
        sa.Column("title_ko", sa.String, nullable=False),
        sa.Column("title_en", sa.String, nullable=False),
        sa.Column("kind", sa.String),
        sa.Column("owner", sa.Boolean, nullable=False),
        sa.Column("subscriber", sa.Boolean, nullable=False),
        sa.Column("status", sa.String, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
    )
    op.create_table(
        "account",
        sa.Column("id", sa.String, primary_key=True),
        sa.Column("organisation", sa.String, sa.ForeignKey("organisation.name"), index=True),
        sa.Column("kind", sa.String, nullable=False),
        sa.Column("name", sa.String, nullable=False, unique=True),
        sa.Column("title", sa.String, nullable=False),
        sa.Column("roles", sa.String, nullable=False),
        sa.Column("status", sa.String, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
    )
    op.create_table(
        "token",
        sa.Column("id", sa.String, primary_key=True),
        sa.Column("account", sa.String, sa.ForeignKey("account.id"), nullable=False, index=True),
        sa.Column("hash", sa.String, nullable=False),
        sa.Column("made_ms", sa.BigInteger, nullable=False),
        sa.Column("expires_ms", sa.BigInteger, nullable=False),
        sa.Column("revoked_ms", sa.BigInteger),
        sa.Column("used_ms", sa.BigInteger),
    )
    op.create_table(
        "history",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("at_ms", sa.BigInteger, nullable=False),
        sa.Column("who", sa.String, nullable=False),
        sa.Column("what", sa.String, nullable=False),
        sa.Column("object", sa.String, nullable=False),
        sa.Column("name", sa.String, nullable=False),
        sa.Column("organisation", sa.String, index=True),
        sa.Column("reason", sa.String),
        sa.Column("before", sa.String),
        sa.Column("after", sa.String, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "kept_answer",
        sa.Column("account", sa.String, primary_key=True),
        sa.Column("key", sa.String, primary_key=True),
        sa.Column("digest", sa.LargeBinary, nullable=False),
        sa.Column("at_ms", sa.BigInteger, nullable=False, index=True),
        sa.Column("status", sa.Integer, nullable=False),
        sa.Column("headers", sa.String, nullable=False),
        sa.Column("body", sa.String, nullable=False),
    )


def _refuse(table: str, event: str, when: str) -> None:
    name = f"{table}_{event.lower()}"
    if op.get_context().dialect.name == "postgresql":
        each = "STATEMENT" if event == "TRUNCATE" else "ROW"
        op.execute(f"CREATE TRIGGER {name} BEFORE {event} ON {table} FOR EACH {each} {when} EXECUTE FUNCTION gongyu_refuse()")
        return
    refuse = f"BEGIN SELECT RAISE(ABORT, 'what was decided stays as it is: {event} of {table} refused'); END"
    op.execute(f"CREATE TRIGGER {name} BEFORE {event} ON {table} {when} {refuse}")
