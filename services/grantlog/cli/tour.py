"""``grantlog tour``: what a running demo can do, shown step by step."""

import json
from pathlib import Path

import aiohttp
import click

from grantlog.cli.output import fail, json_option, show
from grantlog.cli.running import run
from grantlog.development.tour import Tour, TourError


@click.command()
@click.option(
    "--directory",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path(".dev"),
    show_default=True,
    help="Where `grantlog dev` keeps its credentials.",
)
@json_option
def tour(*, directory: Path, as_json: bool) -> None:
    """Walk through a demo that `make run` has started: tokens, rotation, a lost answer, a replay and its end."""
    steps: list[str] = []

    async def walk() -> None:
        credentials = json.loads((directory / "credentials.json").read_text(encoding="utf-8"))
        async with Tour(credentials, steps.append if as_json else click.echo) as walking:
            await walking.run()

    try:
        run(walk())
    except FileNotFoundError:
        fail(f"no demo runs here: {directory}/credentials.json is missing; start it with `make run`")
    except (TourError, aiohttp.ClientError) as wrong:
        fail(str(wrong))
    if as_json:
        show({"steps": steps}, as_json=True)
