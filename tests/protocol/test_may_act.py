"""RFC 8693 section 4.4: a token that says who may act for its subject is exchanged for nobody else."""

import json
from collections.abc import Sequence
from dataclasses import replace

from tests.support.app import API, SCOPES, StartApp
from tests.support.browser import Answer
from tests.support.clients import Client, is_refused
from tests.support.flows import given
from tests.support.jwts import assertion_claims, key

from grantlog.core.client.events import ClientMetadata
from grantlog.settings import TrustedIssuer

BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"
EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"
ACCESS = "urn:ietf:params:oauth:token-type:access_token"
PARTNER = "https://partner.example"
MEMBER = ClientMetadata(name="Member", grant_types=(BEARER,), response_types=(), scope=SCOPES)
SERVICE = ClientMetadata(
    name="Named", grant_types=(EXCHANGE,), response_types=(), scope=SCOPES, introspects=(API,), resources=(API,)
)


def exchange(client: Client, subject: str, /, **values: str | Sequence[str]) -> Answer:
    usual: dict[str, str | Sequence[str]] = {"subject_token": subject, "subject_token_type": ACCESS}
    return client.token(EXCHANGE, **(usual | values))


def test_who_may_act_acts_and_nobody_else(start_app: StartApp) -> None:
    signer = key("ES256", "-partner")
    app = start_app(trusted_issuers=(TrustedIssuer(issuer=PARTNER, jwks=json.loads(signer.jwks)),))
    member, named, other = (
        Client(app.url, app.register(each)) for each in (MEMBER, SERVICE, replace(SERVICE, name="Other"))
    )

    def token(may_act: object) -> str:
        claims = assertion_claims("somebody", app.settings.issuer, iss=PARTNER, may_act=may_act)
        return given(member.token(BEARER, assertion=signer.sign(claims), scope="api:read")).access

    mine = token({"sub": named.client_id})
    child = given(exchange(named, mine)).access
    assert app.introspect(child)["act"] == {"sub": named.client_id}
    # what was exchanged stays under the same word
    for subject in (mine, child):
        is_refused(exchange(other, subject), "invalid_request")
    # a word that is not understood could forbid anything, and one that names nobody allows nobody
    for word in ({"sub": named.client_id, "department": "x"}, {"iss": app.settings.issuer}, {}):
        is_refused(exchange(named, token(word)), "invalid_request")
    assert exchange(other, token(None)).status == 200
