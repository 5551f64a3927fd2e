"""Every kind of stream: how its state is typed and how its history folds. Importing this registers every event."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from grantlog.core.account import state as account
from grantlog.core.client import state as client
from grantlog.core.client import upcasts as _client_upcasts  # noqa: F401  # importing it registers its steps
from grantlog.core.events import REGISTRY, UnknownEventError
from grantlog.core.grant import state as grant
from grantlog.core.grant import upcasts as _grant_upcasts  # noqa: F401
from grantlog.core.incident import state as incident
from grantlog.core.keyring import state as keyring
from grantlog.core.session import state as session
from grantlog.core.session import upcasts as _session_upcasts  # noqa: F401

STATE_TYPES: Mapping[str, type] = MappingProxyType(
    {
        "account": account.AccountState,
        "client": client.ClientState,
        "grant": grant.GrantState,
        "incident": incident.IncidentState,
        "keyring": keyring.KeyringState,
        "session": session.SessionState,
    }
)
"""The class of the state of a stream, by the kind that its events' names begin with."""

LONG_LIVED = frozenset({"account", "client", "incident", "keyring"})
"""Kinds whose streams outlive the partitions by birth: their rows stand in tables of their own."""

_EVOLVE: Mapping[str, Callable[[Any, Any, int], object]] = MappingProxyType(
    {
        "account": account.evolve,
        "client": client.evolve,
        "grant": grant.evolve,
        "incident": incident.evolve,
        "keyring": keyring.evolve,
        "session": session.evolve,
    }
)


def kind_of(event_name: str) -> str:
    """The kind of stream that an event of this name belongs to. Raises UnknownEventError."""
    return REGISTRY.named(event_name).stream


def fold(kind: str, state: object | None, event: object, version: int) -> object:
    """The state of a stream of ``kind`` after ``event``, which takes ``version``; ``state`` None before the first.

    Raises UnknownEventError for an event that does not belong to this kind, ValueError for one that cannot stand there.
    """
    if REGISTRY.of(event).stream != kind:
        raise UnknownEventError(f"{type(event).__name__} does not belong to a stream of kind {kind}")
    return _EVOLVE[kind](state, event, version)
