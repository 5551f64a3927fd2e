"""What a profile (OAuth 2.1, OpenID Connect for certification, FAPI 2.0) asks of a client and of its requests."""

from typing import Protocol

from grantlog.core.protocol.errors import ProtocolError, invalid_request
from grantlog.core.protocol.policy import Policy
from grantlog.core.protocol.supported import FAPI_METHODS

FAPI_CODE_LIFETIME = 60
"""Seconds, at most (section 5.3.2.1)."""
_LOOPBACK = ("http://127.0.0.1", "http://[::1]")


class Registered(Protocol):
    """As much of a client's registration as a profile looks at."""

    @property
    def token_endpoint_auth_method(self) -> str:
        """How it proves itself."""
        ...

    @property
    def pkce_optional(self) -> bool:
        """Whether an operator excused it from PKCE."""
        ...

    @property
    def profile(self) -> str | None:
        """``fapi2``, or nothing of its own."""
        ...

    @property
    def require_pushed_authorization_requests(self) -> bool:
        """Whether it asked to be held to pushed requests."""
        ...


def must_push(policy: Policy, client: Registered) -> bool:
    """Whether requests of this client count only where they were pushed (RFC 9126 sections 5 and 6)."""
    # FAPI 2.0 Security Profile 5.3.2.2: "shall reject authorization requests sent without [RFC9126]"
    return policy.par_required or client.require_pushed_authorization_requests or policy.fapi2_for(client.profile)


def may_omit_pkce(policy: Policy, client: Registered) -> bool:
    """Whether a request may come without PKCE: never of a public client, never under FAPI 2.0."""
    if client.token_endpoint_auth_method == "none" or policy.fapi2_for(client.profile):
        return False
    return policy.profile == "oidc" or client.pkce_optional


def check_client(policy: Policy, client: Registered) -> None:
    """Raises unauthorized_client where the client is not one that its profile knows."""
    # FAPI 2.0 Security Profile 5.3.2.1: "shall only support confidential clients"; it names the methods by which they prove
    # themselves
    if policy.fapi2_for(client.profile) and client.token_endpoint_auth_method not in FAPI_METHODS:
        raise ProtocolError("unauthorized_client", "the profile does not know clients of this kind", "profile_client")


def check_redirect_uri(policy: Policy, client: Registered, requested: str | None) -> None:
    """Raises invalid_request where the profile wants another redirect URI. That it is registered is another's business."""
    if not policy.fapi2_for(client.profile):
        return
    # FAPI 2.0 Security Profile 5.3.2.2: "shall require the redirect_uri parameter in pushed authorization requests"
    if requested is None:
        raise invalid_request("redirect_uri is missing", "redirect_uri_missing")
    # FAPI 2.0 Security Profile 5.3.2.2: "shall not allow redirect URIs that use the 'http' scheme except for native clients
    # that use Loopback Interface Redirection"; a scheme of an application's own proves nobody, so neither is that
    if not requested.startswith(("https:", *_LOOPBACK)):
        raise invalid_request("redirect_uri must use https", "profile_redirect_scheme")


def code_lifetime(policy: Policy, client: Registered) -> int:
    """Seconds for which a code of this client is good."""
    # FAPI 2.0 Security Profile 5.3.2.1: "shall issue authorization codes with a maximum lifetime of 60 seconds"
    return min(policy.code_lifetime, FAPI_CODE_LIFETIME) if policy.fapi2_for(client.profile) else policy.code_lifetime
