"""Plants the demo: signing keys, clients, resource servers, users. What stands already is left as it is."""

import json
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from grantlog.core.client.decide import client_name
from grantlog.core.decision import Origin
from grantlog.core.identifiers import ClientId, StreamId
from grantlog.development.credentials import Planted
from grantlog.development.demo import (
    CLIENTS,
    USERS,
    DemoClient,
    completed,
    registered_resource_server,
    resource_server,
)
from grantlog.development.keys import private_jwk
from grantlog.development.layout import Kept
from grantlog.development.person import PROFILE
from grantlog.flows import accounts, clients
from grantlog.flows.operators import CommandRefusedError, operator_origin
from grantlog.flows.register_client import register_client
from grantlog.flows.rotate_keys import ensure_keys
from grantlog.flows.service import Service

ACTOR = "operator:demo"


@dataclass(frozen=True, slots=True)
class Demo:
    """What was planted."""

    users: Mapping[str, tuple[str, str]]
    clients: Sequence[Planted]
    resource_server: Planted
    registered: Mapping[str, Any]
    """What the resource server that registered itself was told."""

    def __repr__(self) -> str:
        return "Demo(…)"


async def plant(service: Service, kept: Kept, issuer: str) -> Demo:
    """Makes sure that all of the demo stands, by the names and secrets in ``kept``. Safe to repeat from any point.

    Raises UnavailableError.
    """
    await ensure_keys(service)
    planted: dict[str, Planted] = {}
    for demo in CLIENTS:
        planted[demo.key] = await _client(service, kept, demo, {key: known.client_id for key, known in planted.items()})
    return Demo(
        users={role: await _user(service, kept, role, name) for role, name in USERS},
        clients=list(planted.values()),
        resource_server=await _client(service, kept, resource_server(issuer), {}),
        registered=await _registered(service, kept, issuer),
    )


async def _client(service: Service, kept: Kept, demo: DemoClient, others: Mapping[str, str]) -> Planted:
    """A client whose id and secret we remember and the log knows; otherwise a new one with an id of its own."""
    known = kept.read()
    metadata = completed(demo, known, others)
    jwk = None if demo.signs_by is None else private_jwk(known[demo.signs_by])
    client_id = known.get(f"client_{demo.key}")
    stream = None if client_id is None else await service.ports.log.bearer(client_name(ClientId(client_id)))
    if client_id is not None and stream is not None:
        # The issuer may have moved, and this version's demo may differ from the last one's.
        if (await service.ports.log.load(stream)).state.metadata != metadata:
            await clients.update(service, ClientId(client_id), metadata, _origin(service))
        return Planted(client_id, known.get(f"client_{demo.key}_secret"), metadata, jwk)
    fresh = ClientId(f"demo-{demo.key.replace('_', '-')}-{secrets.token_hex(3)}")
    planted = await clients.register(service, metadata, _origin(service), fresh)
    secret = {} if planted.secret is None else {f"client_{demo.key}_secret": planted.secret}
    kept.remember(**{f"client_{demo.key}": fresh}, **secret)
    return Planted(fresh, planted.secret, metadata, jwk)


async def _registered(service: Service, kept: Kept, issuer: str) -> Mapping[str, Any]:
    """What a resource server is told that registers itself: once, and again where the issuer has moved."""
    known = kept.read()
    document = registered_resource_server(issuer, fapi2=service.policy.profile == "fapi2", key=known["fapi_key"])
    told: dict[str, Any] = json.loads(known.get("registered_resource_server", "{}"))
    if document.items() <= told.items():
        stream = await service.ports.log.bearer(client_name(ClientId(told["client_id"])))
        if stream is not None:
            return told
    told = dict(await register_client(service, document, f"Bearer {known['initial_access_token']}", _origin(service)))
    kept.remember(registered_resource_server=json.dumps(told))
    return told


async def _user(service: Service, kept: Kept, role: str, usual: str) -> tuple[str, str]:
    """A user whose name and password we remember and the log knows; otherwise a new one."""
    known = kept.read()
    password = known[f"{role}_password"]
    name = known.get(f"{role}_name")
    profile = PROFILE if role == "user" else {"name": f"Demo {role}"}
    account = None if name is None else await accounts.find_account(service, name)
    if name is not None and account is not None:
        await _complete(service, name, account, profile)
        return name, password
    for wanted in (usual, f"{usual}-{secrets.token_hex(3)}"):
        try:
            await accounts.create_account(service, wanted, password, _origin(service), profile)
        except CommandRefusedError:
            continue  # another checkout's, in a database that both use
        kept.remember(**{f"{role}_name": wanted})
        return wanted, password
    raise AssertionError("a random name is not taken twice")


async def _complete(service: Service, name: str, account: StreamId, profile: Mapping[str, Any]) -> None:
    """An account of an earlier version's demo gets the claims that it lacks; what somebody changed stays."""
    state = (await service.ports.log.load(account)).state
    standing = await accounts.read_profile(service, account, state)
    missing = {claim: value for claim, value in profile.items() if claim not in (standing or {})}
    if missing:
        await accounts.change_profile(service, name, missing, _origin(service))


def _origin(service: Service) -> Origin:
    return operator_origin(service, ACTOR)
