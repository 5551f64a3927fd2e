"""``grantlog users``: people who can log in. Passwords come from standard input or a prompt."""

import click

from grantlog.cli.operating import moment, origin, read_secret
from grantlog.cli.output import fail, json_option, show
from grantlog.cli.running import run_with_service
from grantlog.core.account.state import AccountState
from grantlog.core.identifiers import StreamId
from grantlog.flows import accounts
from grantlog.flows.service import Service

cause_option = click.option("--cause", default="operator", show_default=True, help="Why; it stands on the log.")


@click.group()
def users() -> None:
    """User accounts."""


@users.command()
@click.argument("username")
@click.option("--name", help="The person's name.")
@click.option("--email", help="The person's address.")
@json_option
def add(*, username: str, name: str | None, email: str | None, as_json: bool) -> None:
    """Create an account. The password is one line of standard input, or asked for."""
    password = read_secret("Password", confirm=True)
    profile = {member: value for member, value in (("name", name), ("email", email)) if value}

    async def work(service: Service) -> dict[str, object]:
        account = await accounts.create_account(service, username, password, origin(service), profile)
        return await _record(service, account)

    try:
        show(run_with_service(work), as_json=as_json)
    except ValueError as wrong:
        fail(str(wrong))


@users.command("set-password")
@click.argument("username")
@cause_option
@json_option
def set_password(*, username: str, cause: str, as_json: bool) -> None:
    """Replace a password, and end every session and grant of the account. It is one line of standard input, or asked for."""
    password = read_secret("New password", confirm=True)

    async def work(service: Service) -> dict[str, object]:
        return await _record(service, await accounts.set_password(service, username, password, cause, origin(service)))

    try:
        show(run_with_service(work), as_json=as_json)
    except ValueError as wrong:
        fail(str(wrong))


@users.command()
@click.argument("username")
@cause_option
@json_option
def lock(*, username: str, cause: str, as_json: bool) -> None:
    """Lock an account. Every session and grant of it is dead when the command ends."""

    async def work(service: Service) -> dict[str, object]:
        return await _record(service, await accounts.lock(service, username, cause, origin(service)))

    show(run_with_service(work), as_json=as_json)


@users.command()
@click.argument("username")
@cause_option
@json_option
def unlock(*, username: str, cause: str, as_json: bool) -> None:
    """Let a person log in again. What was issued before stays dead."""

    async def work(service: Service) -> dict[str, object]:
        return await _record(service, await accounts.unlock(service, username, cause, origin(service)))

    show(run_with_service(work), as_json=as_json)


@users.command("show")
@click.argument("username")
@json_option
def show_user(*, username: str, as_json: bool) -> None:
    """Show an account and its profile. Nobody can list them: the log knows usernames by keyed hashes only."""

    async def work(service: Service) -> dict[str, object]:
        return await _record(service, await accounts.known_account(service, username))

    show(run_with_service(work), as_json=as_json)


async def _record(service: Service, account: StreamId) -> dict[str, object]:
    state = (await service.ports.log.load(account)).state
    assert isinstance(state, AccountState)
    profile = await accounts.read_profile(service, account, state)
    return {
        "account": account,
        "locked": state.locked,
        "created_at": moment(state.created_at),
        **(profile if profile is not None else {"erased": True}),
    }
