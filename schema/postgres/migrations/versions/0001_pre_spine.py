"""The log, its states, claims and gates, the query tables, and what readers and workers remember."""

from grantlog.adapters.postgres.script import run_script

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Runs the file beside this one."""
    run_script(__file__)
