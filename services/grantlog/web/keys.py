"""What handlers find on the application and on the request, by typed key."""

from dataclasses import dataclass

from aiohttp import web

from grantlog.core.decision import Origin
from grantlog.flows.service import Service
from grantlog.settings import Settings


@dataclass(slots=True)
class Life:
    """Whether the process still wants new work: ``/readyz`` says no from the moment it drains."""

    draining: bool = False


SERVICE = web.AppKey("service", Service)
SETTINGS = web.AppKey("settings", Settings)
LIFE = web.AppKey("life", Life)
MTLS = web.AppKey("mtls", bool)
"""There on the application whose listener asks clients for their certificates."""

ORIGIN = web.RequestKey("origin", Origin)
"""Where the request came from, and its id. On every request before its handler runs."""
SCRIPT_SRC = web.RequestKey("script_src", str)
"""Which scripts this page may run; not there: none."""
FORM_ACTION = web.RequestKey("form_action", str)
"""The origin or scheme of this request's redirect URI, which the page's Content-Security-Policy must let forms reach."""
CLIENT_ORIGINS = web.RequestKey("client_origins", tuple[str, ...])
"""The origins of the client whose access token came with the request: a protected resource knows it by nothing else."""
