"""``grantlog lint``: looks for what is dangerous or inconsistent in the settings and the registered clients."""

from dataclasses import asdict

import click

from grantlog.cli.output import json_option, say, show_rows
from grantlog.cli.running import run_with_service
from grantlog.core.client.lint import Remark, lint_client, lint_issuers, lint_policy
from grantlog.flows.clients import listing
from grantlog.flows.service import Service
from grantlog.settings import read_settings

COLUMNS = ("level", "rule", "about", "text")
_ORDER = {"error": 0, "warning": 1, "note": 2}
LIMIT = 10_000


@click.command()
@click.option("--clients", "with_clients", is_flag=True, help="Also the registered clients; needs the database.")
@json_option
def lint(*, with_clients: bool, as_json: bool) -> None:
    """Look for what is dangerous or inconsistent. Exit status 1 where there is an error."""
    if with_clients:
        remarks = run_with_service(_everything)
    else:
        from grantlog.wiring import policy_of  # noqa: PLC0415  # drivers are imported when a command needs them

        remarks = list(lint_policy(policy_of(read_settings())))
    remarks.sort(key=lambda remark: (_ORDER[remark.level], remark.about, remark.rule))
    show_rows([asdict(remark) for remark in remarks], COLUMNS, as_json=as_json)
    if any(remark.level == "error" for remark in remarks):
        raise SystemExit(1)
    say("no errors")


async def _everything(service: Service) -> list[Remark]:
    found = list(lint_policy(service.policy))
    states = await listing(service, LIMIT)
    found.extend(lint_issuers(service.policy, {state.client_id for state in states if not state.deregistered}))
    for state in states:
        found.extend(lint_client(state, service.policy))
    return found
