"""Client registration (RFC 7591, OpenID Connect Registration 1.0): what a client may say of itself, and how it is told back."""

from collections.abc import Mapping

from grantlog.core.client.events import ClientMetadata
from grantlog.core.client.registration.answers import read_answers
from grantlog.core.client.registration.authentication import read_authentication, read_method
from grantlog.core.client.registration.flow import read_flow
from grantlog.core.client.registration.people import read_people
from grantlog.core.client.registration.requests import read_requests
from grantlog.core.client.registration.rules import Rules, audiences
from grantlog.core.client.registration.told import registered_members
from grantlog.core.protocol.members import invalid

__all__ = ["Rules", "audiences", "read_registration", "registered_members"]


def read_registration(document: object, rules: Rules) -> ClientMetadata:
    """A client's metadata from parsed JSON, with every default; members that nobody knows are ignored (RFC 7591 section 2).

    ``contacts`` is one of them: it names persons, and the log keeps nothing of persons in clear. What only an operator
    decides (``pkce_optional``, ``resources``, ``may_exchange`` and their like) is never read. That a
    ``sector_identifier_uri`` names all redirect URIs is still to be seen. Raises invalid_client_metadata and
    invalid_redirect_uri.
    """
    if not isinstance(document, Mapping):
        raise invalid("the body must be a JSON object", "registration_not_an_object")
    method = read_method(document, rules)
    flow = read_flow(document, rules, method)
    keys = read_authentication(document, rules, method)
    return ClientMetadata(
        **flow,
        **keys,
        **read_requests(document, rules, keyed=bool(keys["jwks"] or keys["jwks_uri"])),
        **read_answers(
            document,
            rules,
            redirect_uris=flow["redirect_uris"],
            jwks=keys["jwks"],
            jwks_uri=keys["jwks_uri"],
        ),
        **read_people(document, rules, flow["application_type"]),
        profile="fapi2" if rules.fapi2 else None,
        verified=False,
    )
