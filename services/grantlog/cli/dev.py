"""``grantlog dev``: everything on this machine, with a demo in it."""

import os
from pathlib import Path

import click

from grantlog.cli.output import fail, json_option, say, show
from grantlog.development.run import DevelopmentError, run_development


@click.command()
@click.option(
    "--directory",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path(".dev"),
    show_default=True,
    help="Where data, logs and credentials are kept. Only you may enter it.",
)
@json_option
def dev(*, directory: Path, as_json: bool) -> None:
    """Run PostgreSQL, Valkey, every role, the workers and a demo under one supervisor, until Ctrl-C.

    GRANTLOG_PORT moves it. GRANTLOG_DATABASE_URL, GRANTLOG_REDIS_URL and GRANTLOG_BROKER_URL point it at real servers.
    """

    def ready(summary: dict[str, object], text: str) -> None:
        if as_json:
            show(summary, as_json=True)
        else:
            click.echo(text)

    try:
        run_development(directory, os.environ, say, ready)
    except DevelopmentError as wrong:
        fail(str(wrong))
