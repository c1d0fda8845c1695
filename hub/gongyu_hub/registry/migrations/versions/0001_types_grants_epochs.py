"""Information types, grants, epochs and the schema registry."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.create_table("setting", sa.Column("name", sa.String, primary_key=True), sa.Column("value", sa.String, nullable=False))
    op.create_table(
        "schema_text",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("digest", sa.LargeBinary, nullable=False, unique=True),
        sa.Column("text", sa.String, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_table("subject", sa.Column("name", sa.String, primary_key=True), sa.Column("topic", sa.String, nullable=False, index=True))
    op.create_table(
        "subject_version",
        sa.Column("subject", sa.String, sa.ForeignKey("subject.name"), primary_key=True),
        sa.Column("version", sa.Integer, primary_key=True),
        sa.Column("schema_id", sa.Integer, sa.ForeignKey("schema_text.id"), nullable=False, index=True),
        sa.UniqueConstraint("subject", "schema_id"),
    )
    op.create_table(
        "information_type",
        sa.Column("name", sa.String, primary_key=True),
        sa.Column("owner", sa.String, nullable=False, index=True),
        sa.Column("topic", sa.String, nullable=False, unique=True),
        sa.Column("partitions", sa.Integer, nullable=False),
        sa.Column("definition", sa.String, nullable=False),
    )
    op.create_table(
        "grant",
        sa.Column("subscriber", sa.String, primary_key=True),
        sa.Column("name", sa.String, primary_key=True),
        sa.Column("information_type", sa.String, sa.ForeignKey("information_type.name"), nullable=False, index=True),
        sa.Column("topic", sa.String, nullable=False, unique=True),
        sa.Column("partitions", sa.Integer, nullable=False),
    )
    op.create_table(
        "grant_version",
        sa.Column("subscriber", sa.String, primary_key=True),
        sa.Column("grant", sa.String, primary_key=True),
        sa.Column("version", sa.Integer, primary_key=True),
        sa.Column("information_type", sa.String, nullable=False, index=True),
        sa.Column("record", sa.LargeBinary, nullable=False),
        sa.Column("published", sa.Boolean, nullable=False),
        sa.ForeignKeyConstraint(["subscriber", "grant"], ["grant.subscriber", "grant.name"]),
    )
    op.create_table(
        "epoch",
        sa.Column("information_type", sa.String, sa.ForeignKey("information_type.name"), primary_key=True),
        sa.Column("epoch", sa.Integer, primary_key=True),
        sa.Column("record", sa.LargeBinary, nullable=False),
        sa.Column("published", sa.Boolean, nullable=False),
    )
    op.create_table("credential", sa.Column("user", sa.String, primary_key=True), sa.Column("password_hash", sa.String, nullable=False))
