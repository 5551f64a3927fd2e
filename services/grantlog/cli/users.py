"""``grantlog users``: people who can log in. Passwords come from standard input or a prompt."""

from collections.abc import Callable, Mapping
from json import loads
from pathlib import Path
from typing import Any, TypeVar

import click

from grantlog.cli.factors import factor_lines, reset_command
from grantlog.cli.operating import moment, origin, read_secret
from grantlog.cli.output import fail, json_option, show
from grantlog.cli.running import run_with_service
from grantlog.core.account.state import AccountState
from grantlog.core.identifiers import StreamId
from grantlog.flows import accounts
from grantlog.flows.service import Service

cause_option = click.option("--cause", default="operator", show_default=True, help="Why; it stands on the log.")


F = TypeVar("F", bound=Callable[..., Any])
_JSON_CLAIMS = frozenset({"email_verified", "phone_number_verified", "updated_at"})
"""Standard claims that are no strings (OpenID Connect Core section 5.1)."""


def claim_options(command: F) -> F:
    """The options by which claims of a person are given: ``--claim``, ``--claims-file``, ``--role`` and the like."""
    for option in (
        click.option(
            "--entitlement", "entitlements", multiple=True, help="An entitlement (RFC 9068); repeat for more."
        ),
        click.option("--group", "groups", multiple=True, help="A group (RFC 9068); repeat for more."),
        click.option("--role", "roles", multiple=True, help="A role (RFC 9068); repeat for more."),
        click.option(
            "--claims-file",
            type=click.Path(exists=True, dir_okay=False, path_type=Path),
            help="A JSON object of standard claims.",
        ),
        click.option(
            "--claim",
            "claims",
            multiple=True,
            metavar="NAME=VALUE",
            help="A standard claim, like given_name=Ada or address.country=UK; repeat for more. Without a value: none.",
        ),
    ):
        command = option(command)
    return command


def read_claims(
    claims: tuple[str, ...],
    claims_file: Path | None,
    roles: tuple[str, ...],
    groups: tuple[str, ...],
    entitlements: tuple[str, ...],
) -> dict[str, Any]:
    """The claims that the options name; None for one that is to go. Raises click.UsageError."""
    found: dict[str, Any] = {} if claims_file is None else _object_in(claims_file)
    for pair in claims:
        name, equals, value = pair.partition("=")
        if not equals:
            raise click.UsageError("a claim is NAME=VALUE")
        parent, dot, child = name.partition(".")
        if dot:
            found[parent] = {**(found.get(parent) or {}), child: value}
        else:
            found[name] = _value(name, value)
    for name, values in (("roles", roles), ("groups", groups), ("entitlements", entitlements)):
        if values:
            found[name] = [value for value in values if value]
    return found


def _object_in(path: Path) -> dict[str, Any]:
    try:
        found = loads(path.read_bytes())
    except ValueError:
        raise click.UsageError(f"{path.name} is not JSON") from None
    if not isinstance(found, dict):
        raise click.UsageError(f"{path.name} holds no JSON object")
    return found


def _value(name: str, text: str) -> object:
    if not text:
        return None
    if name not in _JSON_CLAIMS:
        return text
    try:
        value: object = loads(text)
    except ValueError:
        raise click.UsageError(f"{name} is true, false or a number") from None
    return value


@click.group()
def users() -> None:
    """User accounts."""


@users.command()
@click.argument("username")
@click.option("--name", help="The person's name.")
@click.option("--email", help="The person's address.")
@claim_options
@json_option
def add(*, username: str, name: str | None, email: str | None, as_json: bool, **options: Any) -> None:
    """Create an account. The password is one line of standard input, or asked for."""
    claims = read_claims(**options)
    claims |= {member: value for member, value in (("name", name), ("email", email)) if value}
    profile = {member: value for member, value in claims.items() if value is not None}
    password = read_secret("Password", confirm=True)

    async def work(service: Service) -> dict[str, object]:
        account = await accounts.create_account(service, username, password, origin(service), profile)
        return await _record(service, account)

    try:
        show(run_with_service(work), as_json=as_json)
    except ValueError as wrong:
        fail(str(wrong))


@users.command("set-claims")
@click.argument("username")
@claim_options
@json_option
def set_claims(*, username: str, as_json: bool, **options: Any) -> None:
    """Change what is said of a person. Tokens and sessions go on, and tell the new claims."""
    changes = read_claims(**options)
    if not changes:
        raise click.UsageError("name at least one claim")

    async def work(service: Service) -> dict[str, object]:
        return await _record(service, await accounts.change_profile(service, username, changes, origin(service)))

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
    profile: Mapping[str, Any] | None = await accounts.read_profile(service, account, state)
    return {
        "account": account,
        "locked": state.locked,
        "created_at": moment(state.created_at),
        **factor_lines(state),
        **(profile if profile is not None else {"erased": True}),
    }


users.add_command(reset_command)
