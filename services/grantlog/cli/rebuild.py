"""``grantlog rebuild``: a new generation of the projection, while the old one answers."""

import asyncio

import click

from grantlog.cli.output import fail, json_option, say, show
from grantlog.cli.running import run_with_service
from grantlog.cli.tail import holder_name
from grantlog.flows.rebuild import request
from grantlog.flows.service import Service
from grantlog.flows.tail import Pace, Tail

POLL_SECONDS = 0.2


@click.command()
@click.option("--timeout", type=click.FloatRange(1), default=3600.0, show_default=True, help="Seconds to wait.")
@json_option
def rebuild(*, timeout: float, as_json: bool) -> None:
    """Build the projection anew from the log and flip to it. The tail does it; where none runs, this command is the tail."""
    outcome = run_with_service(lambda service: _rebuilt(service, timeout))
    if outcome is None:
        fail(f"not done after {timeout:g} s; the tail goes on with it")
    show(outcome, as_json=as_json)


async def _rebuilt(service: Service, timeout: float) -> dict[str, object] | None:  # noqa: ASYNC109  # the option's name
    ports = service.ports
    wanted = await request(ports)
    say(f"generation {wanted} is asked for")
    # Ours stands by while another one leads, and takes over where none does.
    standby = asyncio.create_task(Tail(ports, Pace(trust=service.policy.projection_lease), holder_name()).run())
    began = asyncio.get_running_loop().time()
    try:
        async with asyncio.timeout(timeout):
            while True:
                head = await ports.log.head()
                named = head.projection
                if named.named and named.generation >= wanted and named.next_generation is None:
                    break
                if standby.done():
                    standby.result()
                await asyncio.sleep(POLL_SECONDS)
    except TimeoutError:
        return None
    finally:
        standby.cancel()
        await asyncio.gather(standby, return_exceptions=True)
    took = asyncio.get_running_loop().time() - began
    return {"generation": named.generation, "position": head.position, "seconds": round(took, 3)}
