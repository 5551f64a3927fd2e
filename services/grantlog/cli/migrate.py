"""``grantlog migrate``: brings the databases to the schema of this version."""

import click

from grantlog.cli.output import json_option, show
from grantlog.cli.running import run
from grantlog.settings import read_settings
from grantlog.wiring import migrate_databases


@click.command()
@json_option
def migrate(*, as_json: bool) -> None:
    """Apply what is missing: tables, functions, roles, and the partitions ahead. Safe to run from several places."""
    applied = run(migrate_databases(read_settings()))
    show({"applied": applied, "up_to_date": True}, as_json=as_json)
