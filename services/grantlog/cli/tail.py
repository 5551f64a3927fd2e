"""``grantlog tail``: follows the log for everybody, alone by its lease; further ones stand by."""

import asyncio
import os
import signal
import socket
from secrets import token_hex

import click

from grantlog.cli.output import fail, json_option, show
from grantlog.cli.running import run
from grantlog.exposition import listen
from grantlog.flows.tail import Pace, Tail
from grantlog.logs import configure_logging
from grantlog.settings import Settings, read_settings
from grantlog.wiring import open_service


@click.command()
@json_option
def tail(*, as_json: bool) -> None:
    """Keep the projection, its beat, the query tables and the dispatch of events, until SIGTERM or SIGINT."""
    settings = read_settings()
    configure_logging(settings.log_level, settings.worker_name)
    try:
        run(_until_asked(settings, as_json=as_json))
    except OSError as wrong:
        fail(f"cannot listen: {wrong.strerror or wrong}")


async def _until_asked(settings: Settings, *, as_json: bool) -> None:
    asked = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, asked.set)
    async with open_service(settings) as service:
        role = Tail(service.ports, Pace(trust=settings.projection_lease), holder_name())
        listener = listen(settings.metrics_host, settings.metrics_port, settings.worker_name, lambda: role.ready)
        show(
            {"role": "tail", "metrics": f"http://{settings.metrics_host}:{listener.port}/metrics"},
            as_json=as_json,
        )
        running = asyncio.create_task(role.run())
        waiting = asyncio.create_task(asked.wait())
        try:
            await asyncio.wait((running, waiting), return_when=asyncio.FIRST_COMPLETED)
            if running.done():
                # It never returns: whatever ended it is an error, and the supervisor starts us again.
                running.result()
        finally:
            for task in (running, waiting):
                task.cancel()
            await asyncio.gather(running, waiting, return_exceptions=True)
            listener.close()


def holder_name() -> str:
    """A name for this process that no other process has ever had."""
    return f"{socket.gethostname()}:{os.getpid()}:{token_hex(8)}"
