"""One-time values without an append, secrets that are read again, and when a family was last used."""

from grantlog.adapters.postgres.script import run_script

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Runs the file beside this one."""
    run_script(__file__)
