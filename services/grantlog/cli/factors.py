"""``grantlog users reset-second-factor``: for who lost the app, the keys and the codes."""

import click

from grantlog.cli.operating import moment, origin
from grantlog.cli.output import json_option, show
from grantlog.cli.running import run_with_service
from grantlog.core.account.state import AccountState
from grantlog.flows.factor_reset import reset_second_factor
from grantlog.flows.service import Service


@click.command("reset-second-factor")
@click.argument("username")
@json_option
def reset_command(*, username: str, as_json: bool) -> None:
    """Remove every second factor and recovery code of an account. Its sessions and grants end with them.

    Make sure who asks: from then on the password alone logs in.
    """

    async def work(service: Service) -> dict[str, object]:
        account = await reset_second_factor(service, username, origin(service))
        state = (await service.ports.log.load(account)).state
        return {"account": account, **factor_lines(state)}

    show(run_with_service(work), as_json=as_json)


def factor_lines(state: AccountState) -> dict[str, object]:
    """What ``users show`` says of an account's second factors."""
    found = [f"{factor.kind} {factor.id} since {moment(factor.added_at)}" for factor in state.factors]
    return {"second_factors": found, "recovery_codes": len(state.recovery_codes)}
