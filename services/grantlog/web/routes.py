"""THE TABLE: every route of the server, and everything about it that is not its handler's business.

A row says who may reach it (``auth``), from which other origins (``cors``), how long it may be kept (``cache``), and whether
programs or people read its answers, or only our own pages may post it (``kind``). The wrapper in ``middlewares`` enforces
all but ``auth``, which the handler proves and tests compare with this table.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Literal
from urllib.parse import urlsplit

from aiohttp import web

from grantlog.core.protocol.protected_resource import metadata_path
from grantlog.core.protocol.resource import own_resources
from grantlog.flows.delegated_login import RETURN
from grantlog.flows.upstream import CALLBACK
from grantlog.settings import Settings
from grantlog.web.delegation import PATH
from grantlog.web.endpoints import (
    account,
    authorize,
    consent,
    delegate,
    device,
    health,
    introspect,
    jwks,
    login,
    logout,
    metadata,
    par,
    register,
    revoke,
    second_factor,
    security,
    start,
    static,
    token,
    upstream,
    userinfo,
)
from grantlog.web.endpoints.static import ICON, PASSKEY_SCRIPT, STYLESHEET

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
Role = Literal["issuer", "introspection"]
Auth = Literal["none", "client", "bearer", "token", "cookie", "session"]
"""A client's credentials; the initial access token, or a registration access token; an access token; the cookie of a login
under way; a session."""
Cors = Literal["none", "any", "registered", "token"]
Kind = Literal["data", "page", "form", "either"]
"""Answers are for programs, or for people; a form is a page's POST; either: as ``Accept`` says."""
Row = tuple[str, str, str, Handler, frozenset[Role], Auth, Cors, str, Kind]

ISSUER: frozenset[Role] = frozenset({"issuer"})
INTROSPECTION: frozenset[Role] = frozenset({"introspection"})
EVERYWHERE: frozenset[Role] = frozenset({"issuer", "introspection"})
NEVER = "no-store"
EVER = "public, max-age=31536000, immutable"


@dataclass(frozen=True, slots=True)
class Route:
    """One row of the table."""

    name: str
    """The label in metrics and logs, instead of the URL."""
    method: str
    path: str
    handler: Handler
    roles: frozenset[Role]
    auth: Auth = "none"
    cors: Cors = "none"
    cache: str = NEVER
    kind: Kind = "data"


def table(settings: Settings) -> tuple[Route, ...]:
    """All rows; ``~`` is the issuer's path."""
    base = urlsplit(settings.issuer).path
    # RFC 8414 3.1: the well-known string goes "between the host component and the path component, if any"
    oauth = f"/.well-known/oauth-authorization-server{base}"
    # OpenID Connect Discovery 4: "concatenating the string /.well-known/openid-configuration to the Issuer"
    openid = "~/.well-known/openid-configuration"
    # RFC 9728 3.1: the same of our own resource, by the issuer and by the URL of its endpoint
    resource, endpoint = (metadata_path(name) for name in own_resources(settings.issuer))
    # OpenID Connect Core 3.1.2.1: "MUST support the use of the HTTP GET and POST methods" at /authorize; applications
    # post there from their own pages, so that is no form of ours.
    by_query, by_form = authorize.by_query, authorize.by_form
    one, many, ready = introspect.introspect, introspect.introspect_batch, health.readyz_introspection
    second, change = "~/login/second-factor", "~/account/security"
    codes = change + "/recovery-codes"
    css, svg = "~" + STYLESHEET, "~" + ICON
    some = f"public, max-age={settings.jwks_max_age}"
    own, guard, every = ISSUER, INTROSPECTION, EVERYWHERE
    # fmt: off
    rows: tuple[Row, ...] = (
        # name              method  path                  handler            roles  auth       CORS          cache  kind
        ("token",            "POST", "~/token",            token.token,       own,   "client",  "registered", NEVER, "data"),
        ("introspect",       "POST", "~/introspect",       one,               guard, "client",  "none",       NEVER, "data"),
        ("introspect_batch", "POST", "~/introspect/batch", many,              guard, "client",  "none",       NEVER, "data"),
        ("revoke",           "POST", "~/revoke",           revoke.revoke,     own,   "client",  "registered", NEVER, "data"),
        ("par",              "POST", "~/par",              par.par,           own,   "client",  "registered", NEVER, "data"),
        ("device_authorization", "POST", "~/device_authorization", device.ask, own,  "client",  "registered", NEVER, "data"),
        ("register",         "POST", "~/register",         register.register, own,   "bearer",  "none",       NEVER, "data"),
        ("registration",     "GET",  "~/register",         register.read,     own,   "bearer",  "none",       NEVER, "data"),
        ("registration",     "PUT",  "~/register",         register.replace,  own,   "bearer",  "none",       NEVER, "data"),
        ("registration",     "DELETE", "~/register",       register.remove,   own,   "bearer",  "none",       NEVER, "data"),
        ("userinfo",         "GET",  "~/userinfo",         userinfo.userinfo, own,   "token",   "token",      NEVER, "data"),
        ("userinfo",         "POST", "~/userinfo",         userinfo.userinfo, own,   "token",   "token",      NEVER, "data"),
        ("resource_metadata", "GET", resource, userinfo.metadata_of_issuer,   own,   "none",    "any",        some,  "data"),
        ("resource_metadata", "GET", endpoint, userinfo.metadata_of_userinfo, own,   "none",    "any",        some,  "data"),
        ("oauth_metadata",   "GET",  oauth,                metadata.oauth,    own,   "none",    "any",        some,  "data"),
        ("openid_metadata",  "GET",  openid,               metadata.openid,   own,   "none",    "any",        some,  "data"),
        ("jwks",             "GET",  "~/jwks",             jwks.jwks,         own,   "none",    "any",        some,  "data"),
        ("authorize",        "GET",  "~/authorize",        by_query,          own,   "none",    "none",       NEVER, "page"),
        ("authorize",        "POST", "~/authorize",        by_form,           own,   "none",    "none",       NEVER, "page"),
        ("login",            "GET",  "~/login",            login.show,        own,   "cookie",  "none",       NEVER, "page"),
        ("login",            "POST", "~/login",            login.submit,      own,   "cookie",  "none",       NEVER, "form"),
        ("login_passkey",    "POST", "~/login/passkey",    login.by_passkey,  own,   "cookie",  "none",       NEVER, "form"),
        ("login_continue",   "POST", "~/login/continue",   login.go_on,       own,   "cookie",  "none",       NEVER, "form"),
        ("second_factor",    "GET",  second,               second_factor.show, own,  "cookie",  "none",       NEVER, "page"),
        ("second_factor",    "POST", second,               second_factor.submit, own, "cookie", "none",       NEVER, "form"),
        ("delegate_start",   "GET",  "~" + PATH,           delegate.start,    own,   "cookie",  "none",       NEVER, "page"),
        ("delegate_return",  "GET",  "~" + RETURN,         delegate.come_back, own,  "cookie",  "none",       NEVER, "page"),
        ("delegate_challenge", "POST", "~/delegate/challenge", delegate.challenge, own, "client", "none",      NEVER, "data"),
        ("delegate_answer",  "POST", "~/delegate/login",   delegate.answer,   own,   "client",  "none",       NEVER, "data"),
        ("upstream_start",   "GET",  "~/login/upstream/start", upstream.start, own,  "cookie",  "none",       NEVER, "page"),
        ("upstream_callback", "GET", "~" + CALLBACK,       upstream.callback, own,   "cookie",  "none",       NEVER, "page"),
        ("upstream_link",    "GET",  "~/account/upstream", upstream.show,     own,   "session", "none",       NEVER, "page"),
        ("upstream_link",    "POST", "~/account/upstream", upstream.link,     own,   "session", "none",       NEVER, "form"),
        ("consent",          "GET",  "~/consent",          consent.show,      own,   "session", "none",       NEVER, "page"),
        ("consent",          "POST", "~/consent",          consent.submit,    own,   "session", "none",       NEVER, "form"),
        ("device",           "GET",  "~/device",           device.show,       own,   "none",    "none",       NEVER, "page"),
        ("device",           "POST", "~/device",           device.submit,     own,   "cookie",  "none",       NEVER, "form"),
        ("device_confirm",   "GET",  "~/device/confirm",   device.show_request, own, "session", "none",       NEVER, "page"),
        ("device_confirm",   "POST", "~/device/confirm",   device.decide,     own,   "session", "none",       NEVER, "form"),
        ("security",         "GET",  "~/account/security", security.show,     own,   "session", "none",       NEVER, "page"),
        ("security_totp",    "GET",  change + "/totp",     security.show_totp, own,  "session", "none",       NEVER, "page"),
        ("security_totp",    "POST", change + "/totp",     security.add_totp, own,   "session", "none",       NEVER, "form"),
        ("security_passkey", "GET",  change + "/passkey",  security.show_passkey, own, "session", "none",     NEVER, "page"),
        ("security_passkey", "POST", change + "/passkey",  security.add_passkey, own, "session", "none",      NEVER, "form"),
        ("security_password", "GET", change + "/password", security.show_password, own, "session", "none",    NEVER, "page"),
        ("security_password", "POST", change + "/password", security.change_password, own, "session", "none", NEVER, "form"),
        ("security_remove",  "POST", change + "/remove",   security.remove,   own,   "session", "none",       NEVER, "form"),
        ("recovery_codes",   "POST", codes,                security.make_recovery_codes, own, "session", "none", NEVER, "form"),
        ("logout",           "GET",  "~/logout",           logout.by_query,   own,   "none",    "none",       NEVER, "page"),
        ("logout",           "POST", "~/logout",           logout.by_form,    own,   "none",    "none",       NEVER, "page"),
        ("logout_confirm",   "POST", "~/logout/confirm",   logout.confirm,    own,   "session", "none",       NEVER, "form"),
        ("account",          "GET",  "~/account",          account.show,      own,   "session", "none",       NEVER, "page"),
        ("account_revoke",   "POST", "~/account/revoke",   account.revoke,    own,   "session", "none",       NEVER, "form"),
        ("start",            "GET",  "~/",                 start.start,       own,   "none",    "none",       NEVER, "page"),
        ("stylesheet",       "GET",  css,                  static.stylesheet, own,   "none",    "none",       EVER,  "data"),
        ("passkey_script",   "GET",  "~" + PASSKEY_SCRIPT, static.passkey_script, own, "none",  "none",       EVER,  "data"),
        ("icon",             "GET",  svg,                  static.icon,       own,   "none",    "none",       EVER,  "data"),
        ("livez",            "GET",  "/livez",             health.livez,      every, "none",    "none",       NEVER, "data"),
        ("readyz",           "GET",  "/readyz",            health.readyz,     own,   "none",    "none",       NEVER, "data"),
        ("readyz",           "GET",  "/readyz",            ready,             guard, "none",    "none",       NEVER, "data"),
    )
    # fmt: on
    return tuple(_below(base, Route(*row)) for row in rows)


def _below(base: str, route: Route) -> Route:
    return replace(route, path=base + route.path[1:]) if route.path.startswith("~") else route


def rows(settings: Settings, role: str) -> tuple[Route, ...]:
    """The rows that a process in ``role`` serves; where ``all`` would serve a path twice, the first row wins."""
    chosen: dict[tuple[str, str], Route] = {}
    for route in table(settings):
        if role == "all" or role in route.roles:
            chosen.setdefault((route.method, route.path), route)
    return tuple(chosen.values())
