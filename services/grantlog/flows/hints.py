"""ID tokens of ours that come back as a hint of who is meant (OpenID Connect Core section 3.1.2.1, RP-Initiated Logout)."""

from dataclasses import dataclass

from grantlog.core.identifiers import ClientId
from grantlog.core.protocol.id_token import TYP
from grantlog.core.protocol.jwt_text import SIGNATURE_ALGS, MalformedJwtError, ReadJwt, read_jwt
from grantlog.flows.service import Service

_JWE_PARTS = 5


@dataclass(frozen=True, slots=True)
class Hint:
    """Whom a genuine ID token spoke of, and to whom."""

    subject: str
    """As the client knows him: pairwise where it is."""
    audience: ClientId
    sid: str | None


async def hint_of(service: Service, text: str, client_id: ClientId | None) -> Hint | None:
    """What an ``id_token_hint`` says; None where it is no ID token of ours, or not of this client's (None: of any).

    An expired one is accepted: RP-Initiated Logout 1.0 section 2, "The OP SHOULD accept ID Tokens when the RP identified by
    the ID Token's aud claim and/or sid claim has a current session or had a recent session at the OP, even when the exp
    time has passed." Raises UnavailableError.
    """
    jwt = _read(await _signed(service, text))
    if jwt is None or jwt.kid is None:
        return None
    keys = [key.jwk for key in service.ports.signer.public_keys() if key.kid == jwt.kid and key.alg == jwt.alg]
    if not keys or await service.ports.verifier.verify(jwt, keys) is None:
        return None
    claims = jwt.claims
    subject, audience, sid = claims.get("sub"), claims.get("aud"), claims.get("sid")
    # every ID token of ours has all of these; nothing else that we sign does
    if claims.get("iss") != service.policy.issuer or not {"iat", "exp", "auth_time"} <= claims.keys():
        return None
    if not isinstance(subject, str) or not isinstance(audience, str):
        return None
    # RP-Initiated Logout 2: "When both client_id and id_token_hint are present, the OP MUST verify that the Client
    # Identifier matches the one used when issuing the ID Token."
    if client_id is not None and audience != client_id:
        return None
    return Hint(subject, ClientId(audience), sid if isinstance(sid, str) else None)


async def _signed(service: Service, text: str) -> str:
    """The JWS in a hint that a client has encrypted to us; any other text as it is."""
    if text.count(".") != _JWE_PARTS - 1:
        return text
    inside = await service.ports.verifier.decrypt(text)
    return "" if inside is None else inside.decode("ascii", "replace")


def _read(text: str) -> ReadJwt | None:
    # An access token (at+jwt), a logout token (logout+jwt) and every other JWT of ours has another typ.
    try:
        return read_jwt(text, algs=SIGNATURE_ALGS, typ=(TYP,))
    except MalformedJwtError:
        return None
