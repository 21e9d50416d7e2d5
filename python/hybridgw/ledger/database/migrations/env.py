"""Run by Alembic: hands it the connection that `migrate.upgrade` opened, locked and will commit."""

from alembic import context

from hybridgw.ledger.database.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    transactional_ddl=False,  # the transaction is the caller's
)
context.run_migrations()
