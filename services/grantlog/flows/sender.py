"""Who sends a request, as far as a key or a certificate proves it (RFC 9449, RFC 8705)."""

from base64 import urlsafe_b64encode
from dataclasses import dataclass
from hmac import compare_digest

from grantlog.core.client.state import ClientState
from grantlog.core.grant.events import Confirmation
from grantlog.core.identifiers import MICROS, Micros
from grantlog.core.protocol import dpop
from grantlog.core.protocol.errors import InvalidTokenError, ProtocolError, invalid_request
from grantlog.core.protocol.jwt_text import SIGNATURE_ALGS
from grantlog.core.protocol.mtls import certificate_thumbprint
from grantlog.core.protocol.proofs import Proofs
from grantlog.flows.service import Service
from grantlog.ports import Replay

_NONCE_BYTES = 16
_ALGS = " ".join(SIGNATURE_ALGS)


@dataclass(frozen=True, slots=True)
class Sender:
    """``confirmation``: what tokens issued to this sender are bound to; None: bearer tokens."""

    confirmation: Confirmation | None = None
    replays: tuple[Replay, ...] = ()


async def sender_of(
    service: Service,
    proofs: Proofs,
    client: ClientState | None,
    *,
    demanded: bool = True,
) -> Sender:
    """What the sender of a request has proven. ``demanded``: whether a client that registered so has to prove something.

    Raises ProtocolError invalid_dpop_proof, use_dpop_nonce, invalid_request.
    """
    metadata = None if client is None else client.metadata
    fapi2 = metadata is not None and service.policy.fapi2_for(metadata.profile)
    if proofs.dpop:
        proof = await _proven(service, proofs, fapi2=fapi2)
        return Sender(Confirmation(method="jkt", thumbprint=proof.jkt), (_once(proof),))
    if metadata is None:
        return Sender()
    if metadata.dpop_bound_access_tokens:
        if not demanded:
            return Sender()
        # RFC 9449 5.2: "If the value is true, the authorization server MUST reject token requests from the client that do
        # not contain the DPoP header." It is "missing a required parameter" (RFC 6749 5.2): there is no proof to be invalid.
        raise invalid_request("the request has to come with a DPoP proof", "dpop_missing")
    if metadata.tls_client_certificate_bound_access_tokens:
        if proofs.certificate is not None:
            return Sender(certificate_confirmation(proofs.certificate))
        if demanded:
            # RFC 8705 3.4: "it is at the authorization server's discretion as to whether to return an error or issue an unbound
            # token": who asked for bound ones is not handed any other
            raise invalid_request("the request has to come with the client's certificate", "certificate_missing")
    elif fapi2 and demanded:
        # FAPI 2.0 Security Profile 5.3.2.1: "shall only issue sender-constrained access tokens"
        raise invalid_request("a DPoP proof or a bound certificate is required", "sender_unconstrained")
    return Sender()


async def prove_possession(
    service: Service, proofs: Proofs, confirmation: Confirmation | None, access_token: str
) -> None:
    """At a protected resource of ours: that who brings an access token is who it was issued to.

    Raises InvalidTokenError, ProtocolError invalid_dpop_proof and use_dpop_nonce (401 there), UnavailableError.
    """
    scheme = (proofs.authorization or "").partition(" ")[0].lower()
    by_key = confirmation is not None and confirmation.method == "jkt"
    # RFC 9449 7.2: "Such a protected resource MUST reject a DPoP-bound access token received as a bearer token"
    if by_key != (scheme == "dpop"):
        raise InvalidTokenError("token_scheme_differs")
    if confirmation is None:
        return
    if by_key:
        await _prove_key(service, proofs, confirmation, access_token)
    elif proofs.certificate is None or not _same(certificate_thumbprint(proofs.certificate), confirmation.thumbprint):
        # RFC 8705 3: "MUST verify that the certificate matches the certificate associated with the access token"
        raise InvalidTokenError("token_certificate_differs")


async def _prove_key(service: Service, proofs: Proofs, confirmation: Confirmation, access_token: str) -> None:
    try:
        proof = await _proven(service, proofs, fapi2=False)
        # RFC 9449 4.3, 12: "the public key to which the access token is bound" is compared below, its hash here
        dpop.check_access_token(proof, access_token)
    except ProtocolError as wrong:
        raise _unauthorized(wrong) from None
    if not _same(proof.jkt, confirmation.thumbprint):
        raise InvalidTokenError("token_key_differs")
    if not await service.ports.log.claim((_once(proof),)):
        raise _unauthorized(dpop.invalid_proof("dpop_replayed"))


def certificate_confirmation(der: bytes) -> Confirmation:
    """What binds a token to a certificate (RFC 8705 section 3.1)."""
    return Confirmation(method="x5t#S256", thumbprint=certificate_thumbprint(der))


def fresh_nonce(service: Service) -> str:
    """The nonce of this moment (RFC 9449 section 8). Every process makes and understands the same."""
    return _nonce(service, dpop.nonce_windows(service.ports.log.now() / MICROS)[0])


def nonce_headers(service: Service) -> dict[str, str]:
    """What an answer says about the next proof: nothing where no nonce is asked for."""
    # RFC 9449 8.2: "The authorization server MAY supply the new nonce in the same way that the initial one was supplied: by
    # using a DPoP-Nonce HTTP header in the response."
    return {dpop.NONCE_HEADER: fresh_nonce(service)} if service.policy.dpop_nonce_required else {}


async def _proven(service: Service, proofs: Proofs, *, fapi2: bool) -> dpop.ReadProof:
    now = service.ports.log.now() / MICROS
    proof = dpop.read_proof(proofs.dpop, method=proofs.method, url=proofs.url, now=now, fapi2=fapi2)
    if await service.ports.verifier.verify(proof.jwt, (proof.key,)) is None:
        raise dpop.invalid_proof("dpop_signature")
    if not _nonce_counts(service, proof.nonce, now):
        raise ProtocolError(
            dpop.WANTS_NONCE,
            "the DPoP proof needs a nonce of this server",
            "dpop_nonce_unknown" if proof.nonce else "dpop_nonce_missing",
            headers={dpop.NONCE_HEADER: fresh_nonce(service)},
        )
    return proof


def _nonce_counts(service: Service, nonce: str | None, now: float) -> bool:
    if nonce is None:
        return not service.policy.dpop_nonce_required
    return any(_same(nonce, _nonce(service, window)) for window in dpop.nonce_windows(now))


def _nonce(service: Service, window: int) -> str:
    digest = service.ports.secrets.keyed_hash("dpop nonce", str(window).encode())
    return urlsafe_b64encode(digest[:_NONCE_BYTES]).rstrip(b"=").decode()


def _once(proof: dpop.ReadProof) -> Replay:
    return Replay(f"dpop {proof.jkt} {proof.jti}".encode(), Micros(int(proof.expires_at * MICROS)))


def _same(one: str, other: str) -> bool:
    return compare_digest(one.encode("utf-8", "replace"), other.encode())


def _unauthorized(wrong: ProtocolError) -> ProtocolError:
    """The same error as a protected resource tells it (RFC 9449 section 7.1): 401, with a challenge by the scheme DPoP."""
    return ProtocolError(
        wrong.error,
        wrong.description,
        wrong.reason,
        status=401,
        headers={
            **wrong.headers,
            "WWW-Authenticate": f'DPoP error="{wrong.error}", algs="{_ALGS}"',
        },
    )
