"""``grantlog clients``: who may ask for tokens, or about them."""

from collections.abc import Callable, Coroutine
from dataclasses import asdict
from json import loads
from typing import Any, TypeVar

import click

from grantlog.cli.client_options import asked, client_options
from grantlog.cli.operating import moment, origin
from grantlog.cli.output import fail, json_option, show, show_rows
from grantlog.cli.running import run_with_service
from grantlog.core.client.state import ClientState, live_secrets
from grantlog.core.identifiers import ClientId
from grantlog.core.protocol.errors import ProtocolError
from grantlog.flows import clients as flows
from grantlog.flows.sector_identifier import check_sector
from grantlog.flows.service import Service

T = TypeVar("T")

COLUMNS = ("client_id", "name", "authentication", "grant_types", "secrets", "verified", "suspended", "registered_at")


@click.group()
def clients() -> None:
    """Registered clients and resource servers."""


@clients.command()
@click.argument("name")
@click.option("--id", "client_id", help="Its client_id; made up where it is not given.")
@client_options
@json_option
def add(*, name: str, client_id: str | None, as_json: bool, **options: Any) -> None:
    """Register a client. Its secret is printed this once; nobody can read it again."""
    wanted = asked(name, options)

    async def work(service: Service) -> dict[str, object]:
        metadata = wanted.metadata(service.policy)
        await check_sector(service, metadata)
        made = await flows.register(service, metadata, origin(service), ClientId(client_id) if client_id else None)
        return {"client_id": made.state.client_id, "client_secret": made.secret, "name": made.state.metadata.name}

    show(_run(work), as_json=as_json)


@clients.command("update")
@click.argument("client_id")
@click.option("--name", help="Its name; without it the client has none.")
@client_options
@json_option
def update_client(*, client_id: str, name: str | None, as_json: bool, **options: Any) -> None:
    """Replace a client's registration as a whole: what is not given goes back to its default. Secrets stay."""
    wanted = asked(name, options)

    async def work(service: Service) -> dict[str, object]:
        metadata = wanted.metadata(service.policy)
        await check_sector(service, metadata)
        return _row(service, await flows.update(service, ClientId(client_id), metadata, origin(service)))

    show(_run(work), as_json=as_json)


@clients.command("show")
@click.argument("client_id")
@json_option
def show_client(*, client_id: str, as_json: bool) -> None:
    """Show all that a client is registered with, and what an operator decided about it."""

    async def work(service: Service) -> dict[str, object]:
        state = await flows.find(service, ClientId(client_id))
        metadata = asdict(state.metadata)
        metadata["jwks"] = loads(state.metadata.jwks) if state.metadata.jwks else None
        managed = state.registration_token_hash is not None
        return {**_row(service, state), "managed": managed, "removed": state.deregistered, **metadata}

    show(_run(work), as_json=as_json)


@clients.command()
@click.argument("client_id")
@json_option
def remove(*, client_id: str, as_json: bool) -> None:
    """Remove a client for ever. Everything that was issued to it is dead when the command ends; its id is never used again."""

    async def work(service: Service) -> dict[str, object]:
        state = await flows.remove(service, ClientId(client_id), origin(service))
        return {"client_id": state.client_id, "removed": state.deregistered}

    show(_run(work), as_json=as_json)


@clients.command("list")
@click.option("--limit", type=click.IntRange(1, 10_000), default=1000, show_default=True)
@json_option
def list_clients(*, limit: int, as_json: bool) -> None:
    """List clients, newest first. One registered a moment ago may be missing still."""

    async def work(service: Service) -> list[dict[str, object]]:
        return [_row(service, state) for state in await flows.listing(service, limit)]

    show_rows(_run(work), COLUMNS, as_json=as_json)


@clients.command("rotate-secret")
@click.argument("client_id")
@click.option("--overlap", type=click.IntRange(0, 365 * 86_400), help="Seconds for which the old secret works on.")
@json_option
def rotate_secret(*, client_id: str, overlap: int | None, as_json: bool) -> None:
    """Give a client a new secret. It is printed this once; the old one works on for the overlap."""

    async def work(service: Service) -> dict[str, object]:
        made = await flows.rotate_secret(service, ClientId(client_id), origin(service), overlap)
        return {
            "client_id": client_id,
            "client_secret": made.text,
            "previous_works_until": moment(made.previous_until),
        }

    show(_run(work), as_json=as_json)


@clients.command("replace-registration-token")
@click.argument("client_id")
@json_option
def replace_registration_token(*, client_id: str, as_json: bool) -> None:
    """Give a client another registration access token (RFC 7592). It is printed this once; the old one is dead at once."""

    async def work(service: Service) -> dict[str, object]:
        text = await flows.replace_registration_token(service, ClientId(client_id), origin(service))
        return {"client_id": client_id, "registration_access_token": text}

    show(_run(work), as_json=as_json)


@clients.command()
@click.argument("client_id")
@click.option("--cause", default="operator", show_default=True, help="Why; it stands on the log.")
@json_option
def suspend(*, client_id: str, cause: str, as_json: bool) -> None:
    """Stop a client. Everything that was issued to it is dead when the command ends."""

    async def work(service: Service) -> dict[str, object]:
        return _row(service, await flows.suspend(service, ClientId(client_id), cause, origin(service)))

    show(_run(work), as_json=as_json)


@clients.command()
@click.argument("client_id")
@json_option
def resume(*, client_id: str, as_json: bool) -> None:
    """Let a suspended client act again. What was issued before stays dead."""

    async def work(service: Service) -> dict[str, object]:
        return _row(service, await flows.resume(service, ClientId(client_id), origin(service)))

    show(_run(work), as_json=as_json)


def _run(work: Callable[[Service], Coroutine[Any, Any, T]]) -> T:
    try:
        return run_with_service(work)
    except ProtocolError as wrong:
        fail(wrong.description)


def _row(service: Service, state: ClientState) -> dict[str, object]:
    return {
        "client_id": state.client_id,
        "name": state.metadata.name,
        "authentication": state.metadata.token_endpoint_auth_method,
        "grant_types": state.metadata.grant_types,
        "secrets": len(live_secrets(state, service.ports.log.now())),
        "verified": state.metadata.verified,
        "suspended": state.suspended,
        "registered_at": moment(state.registered_at),
    }
