"""THE TABLE: every route of the server, and everything about it that is not its handler's business.

A row says who may reach it (``auth``), from which other origins (``cors``), how long it may be kept (``cache``), whether it
is a form that only our own pages may post (``form``), and whether people or programs read its answers (``page``). The
wrapper in ``middlewares`` enforces all but ``auth``, which the handler proves and a test compares with this table.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlsplit

from aiohttp import web

from grantlog.settings import Settings
from grantlog.web.endpoints import (
    authorize,
    consent,
    health,
    introspect,
    jwks,
    login,
    logout,
    metadata,
    register,
    revoke,
    start,
    static,
    token,
)

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
Role = Literal["issuer", "introspection", "console"]

ISSUER: frozenset[Role] = frozenset({"issuer"})
INTROSPECTION: frozenset[Role] = frozenset({"introspection"})
NOT_INTROSPECTION: frozenset[Role] = frozenset({"issuer", "console"})
EVERYWHERE: frozenset[Role] = frozenset({"issuer", "introspection", "console"})
NEVER_STORED = "no-store"


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """One row of the table."""

    name: str
    """The label in metrics and logs, instead of the URL."""
    method: str
    path: str
    handler: Handler
    roles: frozenset[Role]
    auth: Literal["none", "client", "initial_access_token", "session", "login"] = "none"
    cors: Literal["none", "any", "registered"] = "none"
    cache: str = NEVER_STORED
    form: bool = False
    page: bool | None = False
    """None: as the request's ``Accept`` says."""


def table(settings: Settings) -> tuple[Route, ...]:
    """All rows, below the issuer's path where it has one."""
    base = urlsplit(settings.issuer).path
    kept = f"public, max-age={settings.jwks_max_age}"
    return (
        # name, method, path, handler, roles, auth, CORS, cache, form, page
        Route(name="token", method="POST", path=f"{base}/token", handler=token.token, roles=ISSUER,
              auth="client", cors="registered"),
        Route(name="introspect", method="POST", path=f"{base}/introspect", handler=introspect.introspect,
              roles=INTROSPECTION, auth="client"),
        Route(name="introspect_batch", method="POST", path=f"{base}/introspect/batch",
              handler=introspect.introspect_batch, roles=INTROSPECTION, auth="client"),
        Route(name="revoke", method="POST", path=f"{base}/revoke", handler=revoke.revoke, roles=ISSUER,
              auth="client", cors="registered"),
        Route(name="register", method="POST", path=f"{base}/register", handler=register.register, roles=ISSUER,
              auth="initial_access_token"),
        # RFC 8414 3.1: the well-known string goes "between the host component and the path component, if any"
        Route(name="oauth_metadata", method="GET", path=f"/.well-known/oauth-authorization-server{base}",
              handler=metadata.oauth, roles=ISSUER, cors="any", cache=kept),
        # OpenID Connect Discovery 4: "concatenating the string /.well-known/openid-configuration to the Issuer"
        Route(name="openid_metadata", method="GET", path=f"{base}/.well-known/openid-configuration",
              handler=metadata.openid, roles=ISSUER, cors="any", cache=kept),
        Route(name="jwks", method="GET", path=f"{base}/jwks", handler=jwks.jwks, roles=ISSUER, cors="any", cache=kept),
        Route(name="authorize", method="GET", path=f"{base}/authorize", handler=authorize.by_query, roles=ISSUER,
              page=True),
        # OpenID Connect Core 3.1.2.1: "MUST support the use of the HTTP GET and POST methods"; clients post from afar
        Route(name="authorize", method="POST", path=f"{base}/authorize", handler=authorize.by_form, roles=ISSUER,
              page=True),
        Route(name="login", method="GET", path=f"{base}/login", handler=login.show, roles=ISSUER, page=True),
        Route(name="login", method="POST", path=f"{base}/login", handler=login.submit, roles=ISSUER, auth="login",
              form=True, page=True),
        Route(name="consent", method="GET", path=f"{base}/consent", handler=consent.show, roles=ISSUER,
              auth="session", page=True),
        Route(name="consent", method="POST", path=f"{base}/consent", handler=consent.submit, roles=ISSUER,
              auth="session", form=True, page=True),
        Route(name="logout", method="GET", path=f"{base}/logout", handler=logout.show, roles=ISSUER, page=True),
        Route(name="logout", method="POST", path=f"{base}/logout", handler=logout.submit, roles=ISSUER,
              auth="session", form=True, page=True),
        Route(name="start", method="GET", path=f"{base}/", handler=start.start, roles=ISSUER, page=True),
        Route(name="stylesheet", method="GET", path=f"{base}{static.STYLESHEET}", handler=static.stylesheet,
              roles=NOT_INTROSPECTION, cache="public, max-age=31536000, immutable"),
        Route(name="livez", method="GET", path="/livez", handler=health.livez, roles=EVERYWHERE),
        Route(name="readyz", method="GET", path="/readyz", handler=health.readyz, roles=NOT_INTROSPECTION),
        Route(name="readyz", method="GET", path="/readyz", handler=health.readyz_introspection, roles=INTROSPECTION),
    )  # fmt: skip


def rows(settings: Settings, role: str) -> tuple[Route, ...]:
    """The rows that a process in ``role`` serves; where ``all`` would serve a path twice, the first row wins."""
    chosen: dict[tuple[str, str], Route] = {}
    for route in table(settings):
        if role == "all" or role in route.roles:
            chosen.setdefault((route.method, route.path), route)
    return tuple(chosen.values())
