"""``grantlog clients``: who may ask for tokens, or about them."""

from collections.abc import Callable, Coroutine
from dataclasses import replace
from typing import Any, TypeVar

import click

from grantlog.cli.operating import moment, origin
from grantlog.cli.output import fail, json_option, show, show_rows
from grantlog.cli.running import run_with_service
from grantlog.core.client.events import ClientMetadata
from grantlog.core.client.state import ClientState, live_secrets
from grantlog.core.decision import Refused
from grantlog.core.identifiers import ClientId
from grantlog.core.protocol.client_auth import METHODS
from grantlog.core.protocol.errors import ProtocolError
from grantlog.core.protocol.metadata import GRANT_TYPES, SIGNING_ALGS
from grantlog.core.protocol.registration import read_registration
from grantlog.flows import clients as flows
from grantlog.flows.operators import CommandRefusedError
from grantlog.flows.service import Service

T = TypeVar("T")

COLUMNS = ("client_id", "name", "authentication", "grant_types", "secrets", "suspended", "registered_at")


@click.group()
def clients() -> None:
    """Registered clients and resource servers."""


@clients.command()
@click.argument("name")
@click.option("--id", "client_id", help="Its client_id; made up where it is not given.")
@click.option("--redirect-uri", "redirect_uris", multiple=True, help="May be given more than once.")
@click.option("--grant", "grant_types", multiple=True, type=click.Choice(GRANT_TYPES), help="A grant type it may use.")
@click.option("--scope", help="Scopes it may ask for, separated by spaces; all where it is not given.")
@click.option("--auth-method", type=click.Choice(METHODS), help="How it authenticates; none is a public client.")
@click.option("--native", is_flag=True, help="An application on its users' machines (RFC 8252).")
@click.option("--origin", "origins", multiple=True, help="A browser origin that CORS lets in.")
@click.option("--id-token-alg", type=click.Choice(SIGNING_ALGS), help="How its ID tokens are signed; RS256.")
@click.option("--token-format", type=click.Choice(["opaque", "jwt"]), help="Its access tokens; as the resource says.")
@click.option("--resource", "resources", multiple=True, help="An audience it may ask for; all where none is given.")
@click.option("--introspects", multiple=True, help="A resource server: an audience whose tokens it may introspect.")
@json_option
def add(  # noqa: PLR0917, RUF100  # one argument an option
    *,
    name: str,
    client_id: str | None,
    redirect_uris: tuple[str, ...],
    grant_types: tuple[str, ...],
    scope: str | None,
    auth_method: str | None,
    native: bool,
    origins: tuple[str, ...],
    id_token_alg: str | None,
    token_format: Any,
    resources: tuple[str, ...],
    introspects: tuple[str, ...],
    as_json: bool,
) -> None:
    """Register a client. Its secret is printed this once; only a hash of it is kept."""
    document = {
        "client_name": name,
        "redirect_uris": list(redirect_uris),
        # a resource server asks about tokens, and asks for none
        "grant_types": list(grant_types) if grant_types or introspects else None,
        "scope": scope,
        "token_endpoint_auth_method": auth_method,
        "application_type": "native" if native else None,
        "allowed_cors_origins": list(origins),
        "id_token_signed_response_alg": id_token_alg,
    }

    async def work(service: Service) -> dict[str, object]:
        request = read_registration(document, flows.known_scopes(service))
        metadata = replace(
            flows.metadata_of(request), resources=resources, introspects=introspects, access_token_format=token_format
        )
        _check_audiences(service, metadata)
        made = await flows.register(service, metadata, origin(service), ClientId(client_id) if client_id else None)
        return {"client_id": made.state.client_id, "client_secret": made.secret, "name": made.state.metadata.name}

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


def _check_audiences(service: Service, metadata: ClientMetadata) -> None:
    known = {rule.uri for rule in service.policy.catalog.rules} | {service.policy.issuer}
    unknown = sorted({*metadata.resources, *metadata.introspects} - known)
    if unknown:
        described = f"GRANTLOG_RESOURCES does not know {unknown[0]}"
        raise CommandRefusedError(Refused("invalid_target", described, "audience_unknown"))


def _row(service: Service, state: ClientState) -> dict[str, object]:
    return {
        "client_id": state.client_id,
        "name": state.metadata.name,
        "authentication": state.metadata.token_endpoint_auth_method,
        "grant_types": state.metadata.grant_types,
        "secrets": len(live_secrets(state, service.ports.log.now())),
        "suspended": state.suspended,
        "registered_at": moment(state.registered_at),
    }
