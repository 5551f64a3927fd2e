"""What commands print: tables for people, one JSON document with ``--json``."""

import sys
from collections.abc import Mapping, Sequence
from typing import NoReturn

import click
import msgspec

PIPE_COLUMNS = 400

json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON document instead of a table.")
"""Every command takes it, as the argument ``as_json``."""


def show(record: Mapping[str, object], *, as_json: bool) -> None:
    """Prints one record: a JSON object, or a name and a value a line."""
    if as_json:
        _print_json(record)
        return
    width = max((len(name) for name in record), default=0)
    for name, value in record.items():
        click.echo(f"{name.replace('_', ' '):<{width}}  {as_text(value)}")


def show_rows(rows: Sequence[Mapping[str, object]], columns: Sequence[str], *, as_json: bool) -> None:
    """Prints a list: a JSON array of objects, or a table with ``columns``."""
    if as_json:
        _print_json(list(rows))
        return
    # Imported here: it is slow, and most commands print no table.
    from rich.console import Console  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(column.replace("_", " "), overflow="fold")
    for row in rows:
        # Text, not str: what others chose (a client's name) is not markup.
        table.add_row(*(Text(as_text(row.get(column))) for column in columns))
    # Into a file or a pipe a row is a line; a terminal folds what does not fit.
    Console(highlight=False, width=None if sys.stdout.isatty() else PIPE_COLUMNS).print(table)


def say(message: str) -> None:
    """A line of progress, on standard error: standard output is for answers."""
    click.echo(message, err=True)


def fail(message: str, status: int = 1) -> NoReturn:
    """Ends the command with a sentence on standard error."""
    click.echo(f"grantlog: {message}", err=True)
    raise SystemExit(status)


def as_text(value: object) -> str:
    """A value as a cell, without control characters: what others chose must not steer the terminal."""
    if value is None:
        text = "-"
    elif isinstance(value, bool):
        text = "yes" if value else "no"
    elif isinstance(value, str):
        text = value
    elif isinstance(value, Sequence):
        text = " ".join(as_text(item) for item in value)
    else:
        text = str(value)
    return "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in text)


def _print_json(document: object) -> None:
    encoded = msgspec.json.encode(document, enc_hook=str)
    click.echo(msgspec.json.format(encoded, indent=2).decode())
