"""The database itself keeps what was decided: no row of it is changed or deleted, by whomever.

What is published once is frozen in its row; only whether Kafka has it is noted later, and never taken back. The triggers
stop a mistake in the program and a hand in the database alike; who may drop a trigger can do anything, and meets `hub.policy`,
which holds the same bytes.
"""

from __future__ import annotations

from alembic import op

revision = "0003"
down_revision = "0002"

#: Table -> the columns that are frozen; `published` may go from false to true.
_PUBLISHED = {
    "grant_version": ("subscriber", "grant", "version", "information_type", "record"),
    "epoch": ("information_type", "epoch", "record"),
    "listed_type": ("information_type", "record"),
}
_FROZEN = ("act", "schema_text", "subject_version")


def upgrade() -> None:
    if op.get_context().dialect.name == "postgresql":
        op.execute("""
            CREATE FUNCTION gongyu_refuse() RETURNS trigger LANGUAGE plpgsql AS
            $$BEGIN RAISE EXCEPTION 'what was decided stays as it is: % of % refused', TG_OP, TG_TABLE_NAME; END$$
        """)
    for table, frozen in _PUBLISHED.items():
        _refuse(table, " AND ".join(f'NEW."{column}" = OLD."{column}"' for column in frozen))
    for table in _FROZEN:
        _refuse(table, None)


def _refuse(table: str, frozen: str | None) -> None:
    """Updates, but for `published` becoming true while all that is `frozen` stays; deletes; truncation, where there is such a thing."""
    forbidden = "" if frozen is None else f"WHEN (NOT ({frozen} AND (NEW.published OR NOT OLD.published)))"
    if op.get_context().dialect.name == "postgresql":
        refuse = "EXECUTE FUNCTION gongyu_refuse()"
        op.execute(f"CREATE TRIGGER {table}_update BEFORE UPDATE ON {table} FOR EACH ROW {forbidden} {refuse}")
        op.execute(f"CREATE TRIGGER {table}_delete BEFORE DELETE ON {table} FOR EACH ROW {refuse}")
        op.execute(f"CREATE TRIGGER {table}_truncate BEFORE TRUNCATE ON {table} FOR EACH STATEMENT {refuse}")
        return
    for event, when in (("UPDATE", forbidden), ("DELETE", "")):
        refuse = f"BEGIN SELECT RAISE(ABORT, 'what was decided stays as it is: {event} of {table} refused'); END"
        op.execute(f"CREATE TRIGGER {table}_{event.lower()} BEFORE {event} ON {table} {when} {refuse}")
