"""What Alembic runs to reach the database: the connection, and the transaction, are those of the caller."""

from __future__ import annotations

from alembic import context

from gongyu_hub.registry.tables import Table

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Table.metadata,
    transactional_ddl=True,  # SQLite's, too: the driver's own way of beginning is switched off
)
with context.begin_transaction():
    context.run_migrations()
