"""``grantlog audit``: proof that the projection equals the log."""

import click

from grantlog.cli.output import fail, json_option, show
from grantlog.cli.running import run_with_service
from grantlog.flows.audit import Audited
from grantlog.flows.audit import audit as compare
from grantlog.flows.service import Service


@click.command()
@json_option
def audit(*, as_json: bool) -> None:
    """Compare every stored family with the log, and repair what differs. Exit status 1 when anything did."""
    found = run_with_service(_audited)
    if found is None:
        fail("no projection is trusted now: there is nothing to compare", 75)
    show(
        {
            "generation": found.generation,
            "families": found.families,
            "mismatches": found.mismatches,
            "missing": found.missing,
            "moved": found.moved,
            "repaired": found.repaired,
            "examples": [str(stream) for stream in found.examples],
        },
        as_json=as_json,
    )
    if found.mismatches:
        raise SystemExit(1)


async def _audited(service: Service) -> Audited | None:
    head = await service.ports.log.head()
    return await compare(service.ports, head.projection.generation) if head.projection.named else None
