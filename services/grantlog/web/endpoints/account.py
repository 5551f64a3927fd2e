"""``/account``: which applications have access, and how a person takes it back."""

from dataclasses import dataclass

from aiohttp import web

from grantlog.core.identifiers import ClientId
from grantlog.core.protocol.display_name import misleading
from grantlog.core.protocol.requests import read_form, read_query
from grantlog.core.protocol.resource import Catalog
from grantlog.core.protocol.scope import OFFLINE_ACCESS
from grantlog.flows import consents
from grantlog.flows.access import Access, who_has_access
from grantlog.flows.consent import user_name
from grantlog.web.answers import see_other
from grantlog.web.client_request import form_body
from grantlog.web.csrf import form_token, require_form_token
from grantlog.web.keys import ORIGIN, SERVICE
from grantlog.web.origin import base_path
from grantlog.web.own_session import own_session
from grantlog.web.pages.render import page
from grantlog.web.pages.words import called, day, scope_in_words

FORM = "account_revoke"
PATH = "/account"


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessRow:
    """One application on the page."""

    client_id: str
    name: str
    misleading: bool
    unverified: bool
    scopes: tuple[str, ...]
    offline: bool
    given: tuple[str, str]
    used: tuple[str, str] | None
    csrf: str


async def show(request: web.Request) -> web.Response:
    """The page; who is not logged in goes to do so, and comes back."""
    session = await own_session(request, PATH)
    if isinstance(session, web.Response):
        return session
    service = request.app[SERVICE]
    found = await who_has_access(service, session.account)
    browser = str(session.stream)
    return page(
        request,
        "account.html",
        user=await user_name(service, session),
        upstream=bool(service.policy.upstream_providers),
        removed=read_query(request.rel_url.raw_query_string).get("removed") is not None,
        rows=[_row(each, service.policy.catalog, form_token(request, FORM, browser, each.client_id)) for each in found],
    )


async def revoke(request: web.Request) -> web.Response:
    """Takes back all that one application holds; the answer leaves when every reader of tokens knows."""
    session = await own_session(request, PATH)
    if isinstance(session, web.Response):
        return session
    service, parameters = request.app[SERVICE], read_form(await form_body(request))
    client_id = ClientId(parameters.get("client_id") or "")
    # which is bound to the client: only what the page has offered can be taken back
    require_form_token(request, parameters, FORM, str(session.stream), client_id)
    await consents.withdraw(service, session, client_id, request[ORIGIN])
    return see_other(f"{base_path(service.policy.issuer)}{PATH}?removed=1")


def _row(access: Access, catalog: Catalog, csrf: str) -> AccessRow:
    client = access.client
    return AccessRow(
        client_id=access.client_id,
        name=access.client_id if client is None else called(client),
        misleading=client is not None and misleading(client.metadata.name),
        unverified=client is not None and not client.metadata.verified,
        scopes=tuple(scope_in_words(name, catalog) for name in access.scope if name != OFFLINE_ACCESS),
        offline=access.offline,
        given=day(access.given_at),
        used=None if access.used_at is None else day(access.used_at),
        csrf=csrf,
    )
