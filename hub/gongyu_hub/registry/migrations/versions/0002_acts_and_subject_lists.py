"""What an operator decides beside the policy file, and subject lists."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.create_table(
        "act",
        sa.Column("information_type", sa.String, primary_key=True),
        sa.Column("epoch", sa.Integer, primary_key=True),
        sa.Column("at_ms", sa.BigInteger, nullable=False),
        sa.Column("who", sa.String, nullable=False),
        sa.Column("what", sa.String, nullable=False),
        sa.ForeignKeyConstraint(["information_type", "epoch"], ["epoch.information_type", "epoch.epoch"]),
    )
    op.create_table(
        "listed_type",
        sa.Column("information_type", sa.String, sa.ForeignKey("information_type.name"), primary_key=True),
        sa.Column("record", sa.LargeBinary, nullable=False),
        sa.Column("published", sa.Boolean, nullable=False),
    )
    op.create_table(
        "subject_list",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("information_type", sa.String, sa.ForeignKey("listed_type.information_type"), nullable=False),
        sa.Column("subscriber", sa.String, nullable=False),
        sa.Column("name", sa.String, nullable=False),
        sa.UniqueConstraint("information_type", "subscriber", "name"),
    )
    op.create_table(
        "list_entry",
        sa.Column("list_id", sa.Integer, sa.ForeignKey("subject_list.id"), primary_key=True),
        sa.Column("subject", sa.LargeBinary, primary_key=True),
        sa.Column("until_ms", sa.BigInteger),
        sa.Column("removed", sa.Boolean, nullable=False),
        sa.Column("change", sa.BigInteger, nullable=False),
        sqlite_with_rowid=False,
    )
    indexes: tuple[tuple[str, list[str | sa.TextClause], str], ...] = (
        ("list_entry_change", ["change", sa.text("removed DESC")], "change > 0"),
        ("list_entry_told", ["change"], "change < 0"),
        ("list_entry_until", ["until_ms"], "until_ms IS NOT NULL"),
    )
    for name, columns, condition in indexes:
        op.create_index(name, "list_entry", columns, sqlite_where=sa.text(condition), postgresql_where=sa.text(condition))
    op.create_table(
        "uploaded_entry",
        sa.Column("upload", sa.String, primary_key=True),
        sa.Column("subject", sa.LargeBinary, primary_key=True),
        sa.Column("until_ms", sa.BigInteger),
        sqlite_with_rowid=False,
    )
