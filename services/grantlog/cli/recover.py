"""``grantlog recover``: the log goes on under a new id after a restore, or after its newest part was lost."""

import click

from grantlog.cli.output import json_option, show
from grantlog.cli.running import run
from grantlog.settings import read_settings
from grantlog.wiring import recover_log


@click.command()
@click.confirmation_option(prompt="Give the log a new id? Readers will ask PostgreSQL until the tail has rebuilt.")
@json_option
def recover(*, as_json: bool) -> None:
    """Give the log a new id. No projection is trusted from now on until the tail has built a new one."""
    log_id = run(recover_log(read_settings()))
    show({"log_id": str(log_id), "projection": "none, until the tail has rebuilt it"}, as_json=as_json)
