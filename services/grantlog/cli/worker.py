"""``grantlog worker`` and ``grantlog beat``: become the Celery process that does it."""

import os
import sys
from typing import NoReturn

import click

from grantlog.cli.output import json_option, show
from grantlog.settings import SettingsError, read_settings

APPLICATION = "grantlog_workers.app"


@click.command()
@click.option("--concurrency", type=click.IntRange(1, 64), default=1, show_default=True, help="Child processes.")
@json_option
def worker(*, concurrency: int, as_json: bool) -> None:
    """Run background tasks until SIGTERM: those under way may end, the rest goes back to the broker.

    Child number N answers /metrics, /livez and /readyz on GRANTLOG_METRICS_PORT + N, from 0.
    """
    _become("worker", ["--pool=prefork", f"--concurrency={concurrency}", "--without-mingle"], as_json=as_json)


@click.command()
@json_option
def beat(*, as_json: bool) -> None:
    """Fire periodic tasks until SIGTERM. Two of them do no harm, and none is made up for by the next one."""
    _become("beat", ["--pidfile="], as_json=as_json)


def _become(role: str, words: list[str], *, as_json: bool) -> NoReturn:
    """Checks the settings, then replaces this process by Celery's: signals reach it directly."""
    settings = read_settings()
    if settings.broker_url is None:
        raise SettingsError("GRANTLOG_BROKER_URL is missing")
    show(
        {"role": role, "metrics": f"http://{settings.metrics_host}:{settings.metrics_port}/metrics"},
        as_json=as_json,
    )
    sys.stdout.flush()
    command = [sys.executable, "-m", "celery", "--quiet", "-A", APPLICATION, role, *words]
    os.execv(sys.executable, command)  # noqa: S606  # our own words, no shell
