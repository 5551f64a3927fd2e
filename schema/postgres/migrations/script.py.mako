"""${message}"""

from grantlog.adapters.postgres.script import run_script

revision = ${repr(up_revision)}
down_revision = ${repr(down_revision)}


def upgrade() -> None:
    """Runs the file beside this one."""
    run_script(__file__)
