"""What scopes, clients, moments and redirect URIs are called in front of people."""

from collections.abc import Sequence
from datetime import UTC, datetime
from types import MappingProxyType
from urllib.parse import urlsplit

from grantlog.core.client.state import ClientState
from grantlog.core.identifiers import MICROS, Micros
from grantlog.core.protocol.display_name import BLANK
from grantlog.core.protocol.resource import Catalog

_WORDS = MappingProxyType(
    {
        "openid": "know who you are, by an identifier",
        "profile": "see your name and profile",
        "email": "see your e-mail address",
        "address": "see your postal address",
        "phone": "see your telephone number",
        "offline_access": "keep its access while you are not there",
    }
)
_VERBS = MappingProxyType({"read": "read", "write": "change", "admin": "administer", "delete": "delete"})
_UNSEEN = " " + "".join(BLANK)
_MONTHS = (
    "January February March April May June July August September October November December".split()  # noqa: SIM905  # a list of words reads best as words
)


def called(client: ClientState) -> str:
    """What a client is called: its name, or its id where there is nothing to see of a name."""
    name = client.metadata.name
    return name if name.strip(_UNSEEN) else client.client_id


def scope_in_words(name: str, catalog: Catalog | None = None, audience: Sequence[str] = ()) -> str:
    """One scope, in the operator's words or in ours; else its own name is there for who looks it up.

    ``audience``: the resources whose words count; none: any.
    """
    known = _WORDS.get(name)
    if known is not None:
        return known
    for rule in catalog.rules if catalog is not None else ():
        if name in rule.texts and (not audience or rule.uri in audience):
            return rule.texts[name]
    what, _, verb = name.rpartition(":")
    if what and verb in _VERBS:
        return f"{_VERBS[verb]} what belongs to “{what}” ({name})"
    return f"use “{name}”"


def destination(redirect_uri: str) -> str:
    """Where a redirect URI leads: a host, this device, or an application's own scheme."""
    parts = urlsplit(redirect_uri)
    if parts.scheme not in {"http", "https"}:
        return f"the application that opens {parts.scheme}: links"
    if parts.hostname in {"127.0.0.1", "::1", "localhost"}:
        return "an application on this device"
    return parts.netloc


def day(moment: Micros) -> tuple[str, str]:
    """A day as machines and as people write it, in UTC."""
    at = datetime.fromtimestamp(moment / MICROS, UTC)
    return at.date().isoformat(), f"{at.day} {_MONTHS[at.month - 1]} {at.year}"
