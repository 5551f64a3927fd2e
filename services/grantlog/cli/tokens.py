"""``grantlog tokens``: what is this token, why is it dead, and take it back. Tokens come from standard input or a prompt."""

from uuid import UUID

import click

from grantlog.cli.operating import moment, origin, read_secret
from grantlog.cli.output import as_text, json_option, say, show, show_rows
from grantlog.cli.running import run_with_service
from grantlog.core.identifiers import MICROS, Micros, StreamId
from grantlog.flows.examine_token import Examined, Family, examine_family, examine_token
from grantlog.flows.service import Service
from grantlog.flows.withdraw_token import withdraw_family, withdraw_token

stdin_argument = click.argument("_source", type=click.Choice(["-"]), default="-", metavar="[-]", expose_value=False)
"""``-``, as other commands write standard input. There is nothing else to read from."""

FACTS = ("version", "recorded_at", "type", "cause", "actor", "position")


@click.group()
def tokens() -> None:
    """Look into a token, or revoke it."""


@tokens.command()
@click.option("--family", type=click.UUID, metavar="UUID", help="A family by its id, instead of a token.")
@stdin_argument
@json_option
def inspect(*, family: UUID | None, as_json: bool) -> None:
    """Show what a token is, whether it is alive, why not, and the history of its family.

    The token is one line of standard input, or asked for: it is a secret, and never stands on a command line.
    """
    token = read_secret("Token").strip() if family is None else ""

    async def work(service: Service) -> tuple[dict[str, object], Family]:
        if family is not None:
            return {}, await examine_family(service, StreamId(family))
        examined = await examine_token(service, token)
        return _token(examined), examined.family

    record, found = run_with_service(work)
    record |= _family(found)
    facts = _facts(found)
    if as_json:
        show({**record, "history": facts}, as_json=True)
        return
    show(record, as_json=False)
    say("")
    show_rows(facts, FACTS, as_json=False)


@tokens.command()
@click.option("--family", type=click.UUID, metavar="UUID", help="Revoke a family by its id, instead of a token.")
@click.option("--whole", is_flag=True, help="Of an access token, too, revoke the whole family.")
@stdin_argument
@json_option
def revoke(*, family: UUID | None, whole: bool, as_json: bool) -> None:
    """Revoke an access token, or the family of a refresh token or code. It is dead everywhere when the command ends.

    The token is one line of standard input, or asked for.
    """
    token = read_secret("Token").strip() if family is None else ""

    async def work(service: Service) -> bool:
        if family is not None:
            return await withdraw_family(service, StreamId(family), origin(service))
        return await withdraw_token(service, token, origin(service), family=whole)

    show({"revoked": True, "was_alive": run_with_service(work)}, as_json=as_json)


def _token(examined: Examined) -> dict[str, object]:
    return {
        "token": examined.kind,
        "alive": examined.dead_because is None,
        "dead_because": examined.dead_because,
        "issued_by_version": examined.version,
        "expires_at": moment(Micros(examined.expires_at * MICROS)),
        "scope": " ".join(examined.scope),
        "audience": examined.audience,
    }


def _family(found: Family) -> dict[str, object]:
    state = found.state
    return {
        "family": found.stream,
        "client_id": state.client_id,
        "subject": state.subject,
        "account": state.account,
        "session": state.session,
        "born": moment(state.born),
        "family_expires_at": moment(state.expires_at),
        "family_revoked": state.revoked,
        "live_access_tokens": found.live,
    }


def _facts(found: Family) -> list[dict[str, object]]:
    return [
        {
            "version": fact.version,
            "recorded_at": moment(fact.recorded_at),
            "type": fact.type,
            "cause": fact.cause,
            "actor": as_text(fact.actor),
            "position": fact.position,
        }
        for fact in found.facts
    ]
