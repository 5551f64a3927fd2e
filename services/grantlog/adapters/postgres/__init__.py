"""The log, and everything else that PostgreSQL keeps."""

from grantlog.adapters.postgres.opening import Postgres, SchemaMissingError, open_postgres

__all__ = ["Postgres", "SchemaMissingError", "open_postgres"]
