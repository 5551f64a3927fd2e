"""Plants the demo: signing keys, clients, a resource server, users. What stands already is left as it is."""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from grantlog.core.client.decide import client_name
from grantlog.core.decision import Origin
from grantlog.core.identifiers import ClientId
from grantlog.development.credentials import Planted
from grantlog.development.demo import CLIENTS, USERS, DemoClient, resource_server
from grantlog.development.layout import Kept
from grantlog.flows import accounts, clients
from grantlog.flows.operators import CommandRefusedError, operator_origin
from grantlog.flows.rotate_keys import ensure_keys
from grantlog.flows.service import Service

ACTOR = "operator:demo"


@dataclass(frozen=True, slots=True)
class Demo:
    """What was planted."""

    users: Mapping[str, tuple[str, str]]
    clients: Sequence[Planted]
    resource_server: Planted

    def __repr__(self) -> str:
        return "Demo(…)"


async def plant(service: Service, kept: Kept, issuer: str) -> Demo:
    """Makes sure that all of the demo stands, by the names and secrets in ``kept``. Safe to repeat from any point.

    Raises UnavailableError.
    """
    await ensure_keys(service)
    return Demo(
        users={role: await _user(service, kept, role, name) for role, name in USERS},
        clients=[await _client(service, kept, demo) for demo in CLIENTS],
        resource_server=await _client(service, kept, resource_server(issuer)),
    )


async def _client(service: Service, kept: Kept, demo: DemoClient) -> Planted:
    """A client whose id and secret we remember and the log knows; otherwise a new one with an id of its own."""
    known = kept.read()
    client_id = known.get(f"client_{demo.key}")
    stream = None if client_id is None else await service.ports.log.bearer(client_name(ClientId(client_id)))
    if client_id is not None and stream is not None:
        # The issuer may have moved, and this version's demo may differ from the last one's.
        if (await service.ports.log.load(stream)).state.metadata != demo.metadata:
            await clients.update(service, ClientId(client_id), demo.metadata, _origin(service))
        return Planted(client_id, known.get(f"client_{demo.key}_secret"), demo.metadata)
    fresh = ClientId(f"demo-{demo.key.replace('_', '-')}-{secrets.token_hex(3)}")
    planted = await clients.register(service, demo.metadata, _origin(service), fresh)
    secret = {} if planted.secret is None else {f"client_{demo.key}_secret": planted.secret}
    kept.remember(**{f"client_{demo.key}": fresh}, **secret)
    return Planted(fresh, planted.secret, demo.metadata)


async def _user(service: Service, kept: Kept, role: str, usual: str) -> tuple[str, str]:
    """A user whose name and password we remember and the log knows; otherwise a new one."""
    known = kept.read()
    password = known[f"{role}_password"]
    name = known.get(f"{role}_name")
    if name is not None and await accounts.find_account(service, name) is not None:
        return name, password
    for wanted in (usual, f"{usual}-{secrets.token_hex(3)}"):
        try:
            await accounts.create_account(service, wanted, password, _origin(service), {"name": f"Demo {role}"})
        except CommandRefusedError:
            continue  # another checkout's, in a database that both use
        kept.remember(**{f"{role}_name": wanted})
        return wanted, password
    raise AssertionError("a random name is not taken twice")


def _origin(service: Service) -> Origin:
    return operator_origin(service, ACTOR)
