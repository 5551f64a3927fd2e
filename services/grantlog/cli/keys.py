"""``grantlog keys``: signing keys, and the wrapping of everything stored under the root keys."""

import click

from grantlog.cli.operating import moment, origin
from grantlog.cli.output import fail, json_option, say, show, show_rows
from grantlog.cli.running import run_with_service
from grantlog.core.identifiers import Micros
from grantlog.core.keyring.state import SigningKey, signing_key
from grantlog.core.protocol.metadata import SIGNING_ALGS
from grantlog.flows import rotate_keys
from grantlog.flows.service import Service
from grantlog.ports import PublicKey, Rewrapped

COLUMNS = ("kid", "alg", "status", "published_at", "activates_at", "retires_at")


@click.group()
def keys() -> None:
    """Signing keys and key wrapping."""


@keys.command("list")
@click.option("--all", "everything", is_flag=True, help="Also keys that were retired or compromised.")
@json_option
def list_keys(*, everything: bool, as_json: bool) -> None:
    """List signing keys: which signs, which comes next, which stays for its last tokens."""
    rows = run_with_service(_rows)
    show_rows(
        [row for row in rows if everything or row["status"] not in {"retired", "compromised"}], COLUMNS, as_json=as_json
    )


@keys.command()
@click.option("--alg", type=click.Choice(SIGNING_ALGS), help="Rotate the keys of this algorithm only.")
@click.option("--compromised", metavar="KID", help="Drop this key at once, and every token that it signed.")
@json_option
def rotate(*, alg: str | None, compromised: str | None, as_json: bool) -> None:
    """Publish the next signing keys before their time.

    They sign when every cached JWK Set shows them; the old ones stay published until their last token has expired.
    With --compromised, the key and its tokens are dead when the command ends, and its successor signs at once.
    """
    if compromised is not None and alg is not None:
        raise click.UsageError("--compromised names one key; --alg does not go with it")
    if compromised is None:
        made = run_with_service(lambda service: _rotate(service, SIGNING_ALGS if alg is None else (alg,)))
    else:
        made = run_with_service(lambda service: _compromise(service, compromised))
    show_rows(made, ("kid", "alg"), as_json=as_json)


@keys.command()
@json_option
def rewrap(*, as_json: bool) -> None:
    """Wrap every stored key under the newest root key.

    May be interrupted and repeated, beside a serving system. An old root key may leave the list when this has found
    nothing unreadable, and when the last refresh token that was issued under it has expired. Exit status 1 when
    anything is unreadable.
    """
    done = run_with_service(_rewrap)
    show(
        {"rewrapped": done.rewrapped, "current": done.current, "unreadable": done.unreadable},
        as_json=as_json,
    )
    if done.unreadable:
        fail("the root key list lacks a key that is still in use: add it again, and drop none")


async def _rows(service: Service) -> list[dict[str, object]]:
    state, now = await rotate_keys.keyring(service), service.ports.log.now()
    signing = {alg: signing_key(state, alg, now) for alg in SIGNING_ALGS}
    return [
        {
            "kid": key.kid,
            "alg": key.alg,
            "status": _status(key, signing.get(key.alg), now),
            "published_at": moment(key.published_at),
            "activates_at": moment(key.activates_at),
            "retires_at": moment(key.retires_at),
        }
        for key in (() if state is None else state.keys)
    ]


def _status(key: SigningKey, signing: SigningKey | None, now: Micros) -> str:
    if key.compromised:
        return "compromised"
    if key.retires_at is not None and key.retires_at <= now:
        return "retired"
    if key.activates_at > now:
        return "next"
    return "signing" if signing is not None and signing.kid == key.kid else "retiring"


async def _rotate(service: Service, algs: tuple[str, ...]) -> list[dict[str, str]]:
    asked = origin(service)
    return [_named(await rotate_keys.rotate_now(service, alg, asked)) for alg in algs]


async def _compromise(service: Service, kid: str) -> list[dict[str, str]]:
    successor = await rotate_keys.compromise(service, kid, origin(service))
    say(f"{kid} is gone, and so is every token that it signed")
    return [] if successor is None else [_named(successor)]


async def _rewrap(service: Service) -> Rewrapped:
    return await service.ports.key_wrapping.rewrap()


def _named(key: PublicKey) -> dict[str, str]:
    return {"kid": key.kid, "alg": key.alg}
