"""How a revision runs: on the connection that ``grantlog.adapters.postgres.migrate`` opened, one transaction each."""

from alembic import context

context.configure(connection=context.config.attributes["connection"], transaction_per_migration=True)
with context.begin_transaction():
    context.run_migrations()
