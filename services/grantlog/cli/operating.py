"""What the commands of operators share: who gives them, and how times and secrets come in and out."""

import getpass
import sys
from datetime import UTC, datetime

import click

from grantlog.core.decision import Origin
from grantlog.core.identifiers import MICROS, Micros
from grantlog.flows.operators import operator_origin
from grantlog.flows.service import Service

SECRET_LIMIT = 65_536


def origin(service: Service) -> Origin:
    """The command comes from whoever is logged in on this machine."""
    try:
        name = getpass.getuser()
    except (KeyError, OSError):  # no such user in the password database, as in many containers
        name = "unknown"
    return operator_origin(service, f"operator:{name}")


def moment(at: Micros | None) -> str | None:
    """A moment in UTC (RFC 3339), to the second."""
    return None if at is None else datetime.fromtimestamp(at // MICROS, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def read_secret(what: str, *, confirm: bool = False) -> str:
    """One line from standard input, or from a prompt that shows nothing: secrets never stand on a command line."""
    if sys.stdin.isatty():
        text: str = click.prompt(what, hide_input=True, confirmation_prompt=confirm)
        return text
    line = sys.stdin.buffer.readline(SECRET_LIMIT)
    try:
        return line.decode().rstrip("\r\n")
    except UnicodeDecodeError:
        raise click.UsageError(f"{what} is not UTF-8") from None
