"""Who sends a request, as far as a key or a certificate proves it (RFC 9449, RFC 8705)."""

from dataclasses import dataclass

from grantlog.core.grant.events import Confirmation
from grantlog.ports import Replay


@dataclass(frozen=True, slots=True)
class Sender:
    """``confirmation``: what tokens issued to this sender are bound to; None: bearer tokens."""

    confirmation: Confirmation | None = None
    replays: tuple[Replay, ...] = ()
