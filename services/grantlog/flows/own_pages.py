"""Pages of our own behind a login (``/account``): the way there is an authorization request that no client has made.

It is kept like any other, so that login, second factor and throttles are the same; it ends on the page instead of with a code.
"""

from grantlog.core.identifiers import ClientId
from grantlog.core.protocol.authorize import AuthorizationRequest
from grantlog.flows import pending
from grantlog.flows.pending import Pending
from grantlog.flows.service import Service

NOBODY = ClientId("")
"""No client has this id, and none can get it (``clients.register``)."""


async def begin(
    service: Service,
    path: str,
    browser: str,
    subscriber: str,
    *,
    max_age: int | None = None,
    acr_values: tuple[str, ...] = (),
) -> str:
    """Keeps the wish to see the page at ``path`` (below the issuer), logged in ``max_age`` seconds ago at most, by one of
    ``acr_values`` where that can be. Its id.

    Raises TooManyRequestsError, ProtocolError, UnavailableError as ``pending.store`` does.
    """
    request = AuthorizationRequest(
        client_id=NOBODY,
        redirect_uri=f"{service.policy.issuer}{path}",
        scope=(),
        resources=(),
        state=None,
        nonce=None,
        code_challenge="",
        prompt=(),
        max_age=max_age,
        login_hint=None,
        response_mode="query",
        acr_values=acr_values,
    )
    key, _ = await pending.store(service, request, browser, subscriber)
    return key


def own_page(waiting: Pending) -> str | None:
    """The address of the page of ours that this login is for; None: it is a client's."""
    return waiting.request.redirect_uri if waiting.request.client_id == NOBODY else None
