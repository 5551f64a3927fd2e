"""The rules of a grant: who may redeem, rotate and revoke, and what a replay means.

Issuing happens in two steps, because tokens are minted and signed between them: a rule first says what may be issued
(``Issue``), and the flow then builds the event from that and the minted tokens. Nothing has happened before the append.
"""

from dataclasses import dataclass
from hmac import compare_digest
from typing import Literal

from grantlog.core.decision import Decision, Refused
from grantlog.core.grant.events import AccessTokenRevoked, Confirmation, ReuseDetected, Revoked
from grantlog.core.grant.state import Code, CurrentRefresh, GrantState, Spent
from grantlog.core.identifiers import ClientId, Micros, after

ANSWERS_LIMIT = 16
"""So many different requests one spent refresh token answers in its grace window."""

Cause = Literal["lost_response", "two_tabs", "out_of_order", "other_device", "theft", "code_replay"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Issue:
    """Go ahead: new tokens may be issued from the presented credential."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Renew:
    """Go ahead: another access token, and the presented refresh token stays what it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Repeat:
    """A retry in the grace window: answer with the bytes sealed at ``version``."""

    version: int


@dataclass(frozen=True, slots=True, kw_only=True)
class IssueBeside:
    """A second caller in the grace window with another request: another access token under the same successor.

    The successor refresh token is in the answer sealed at ``sealed_at``.
    """

    sealed_at: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RedeemCode:
    """A code presented at the token endpoint, by an authenticated (or public, identified) client."""

    client_id: ClientId
    code_hash: bytes
    redirect_uri: str | None
    challenge: str | None
    """S256 of the presented ``code_verifier`` (RFC 7636 section 4.6); None: none was presented."""
    presented_version: int
    jkt: str | None = None
    """Thumbprint of the DPoP key that the request has proven; None: it brought no proof."""


def redeem_code(state: GrantState | None, command: RedeemCode, now: Micros) -> Decision[Issue | Refused]:
    """RFC 6749 section 4.1.3: may this code be exchanged?

    Every proof comes before the detection of a replay, so that who saw a code but not the verifier cannot kill the family.
    """
    code = _code_of(state, "authorization_code", command.code_hash)
    if code is None:
        return _refused("the code is not known", "code_unknown")
    assert state is not None
    unproven = _unproven(state, code, command)
    if unproven is not None:
        return Decision(None, unproven)
    if code.redeemed:
        if state.revoked is not None or now >= state.expires_at:
            return _refused("the code was used already", "code_replayed_dead")
        # RFC 6749 4.1.2: "If an authorization code is used more than once, the authorization server MUST deny the request
        # and SHOULD revoke (when possible) all tokens previously issued based on that authorization code."
        replay = ReuseDetected(
            credential="authorization_code", presented_version=command.presented_version, cause="code_replay"
        )
        refusal = Refused("invalid_grant", "the code was used already", "code_replayed")
        return Decision(replay, refusal)
    if state.revoked is not None:
        return _refused("the grant was revoked", "grant_revoked")
    if now >= code.expires_at:
        return _refused("the code has expired", "code_expired")
    return Decision(None, Issue())


def _code_of(
    state: GrantState | None, credential: Literal["authorization_code", "device_code"], code_hash: bytes
) -> Code | None:
    """The code of the family, where it is one of this kind and has this hash."""
    if state is None or state.code is None or state.code.credential != credential:
        return None
    return state.code if compare_digest(state.code.hash, code_hash) else None


def _unproven(state: GrantState, code: Code, command: RedeemCode) -> Refused | None:
    """What the request for a code fails to prove; None where it proves everything."""
    # RFC 6749 4.1.3: "ensure that the authorization code was issued to the authenticated confidential client, or if the
    # client is public, ensure that the code was issued to 'client_id' in the request"
    if state.client_id != command.client_id:
        return Refused("invalid_grant", "the code was issued to another client", "code_other_client")
    if command.redirect_uri is None:
        # RFC 6749 4.1.3: "redirect_uri: REQUIRED, if the 'redirect_uri' parameter was included in the authorization
        # request". OAuth 2.1 4.1.3 drops it, because PKCE binds the code: where there is no PKCE, it stays.
        if not code.challenge:
            return Refused("invalid_request", "redirect_uri is missing", "code_redirect_uri_missing")
    elif command.redirect_uri != code.redirect_uri:
        # RFC 6749 4.1.3: "and their values MUST be identical"
        return Refused("invalid_grant", "redirect_uri differs from the authorization request", "code_redirect_uri")
    unproven = _pkce_unproven(code.challenge, command.challenge)
    if unproven is not None:
        return unproven
    # RFC 9449 10: "the authorization server computes the JWK Thumbprint of the proof-of-possession public key in the DPoP
    # proof and verifies that it matches the 'dpop_jkt' parameter value in the authorization request. If they do not match,
    # it MUST reject the request."
    if code.dpop_jkt is not None and code.dpop_jkt != command.jkt:
        return Refused("invalid_grant", "the code is bound to another DPoP key", "code_dpop_jkt")
    return None


def _pkce_unproven(challenge: str, presented: str | None) -> Refused | None:
    if not challenge and presented is None:
        return None
    # RFC 9700 2.1.1: "Authorization servers MUST mitigate PKCE downgrade attacks by ensuring that a token request
    # containing a 'code_verifier' parameter is accepted only if a 'code_challenge' parameter was present in the
    # authorization request"
    if not challenge:
        return Refused("invalid_grant", "a code_verifier without a code_challenge", "pkce_unasked")
    # RFC 7636 4.6: "If the values are not equal, an error response indicating 'invalid_grant' MUST be returned." None is not
    # equal either.
    if presented is None:
        return Refused("invalid_grant", "code_verifier is missing", "code_verifier_missing")
    if not compare_digest(challenge.encode(), presented.encode()):
        return Refused("invalid_grant", "code_verifier does not match the code_challenge", "pkce_mismatch")
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class RedeemDeviceCode:
    """The device code of an approved request (RFC 8628 section 3.4), by an authenticated or identified client."""

    client_id: ClientId
    code_hash: bytes


def redeem_device_code(state: GrantState | None, command: RedeemDeviceCode, now: Micros) -> Decision[Issue | Refused]:
    """RFC 8628 section 3.4: may this device code be exchanged?

    A device polls, and two of its polls may cross: one that comes after the winner is refused and harms nobody.
    """
    code = _code_of(state, "device_code", command.code_hash)
    if code is None:
        return _refused("the device code is not known", "device_code_unknown")
    assert state is not None
    # RFC 6749 5.2: invalid_grant where the grant "was issued to another client"
    if state.client_id != command.client_id:
        return _refused("the device code was issued to another client", "device_code_other_client")
    if code.redeemed:
        return _refused("the device code was used already", "device_code_used")
    if state.revoked is not None:
        return _refused("the grant was revoked", "grant_revoked")
    if now >= code.expires_at:
        # RFC 8628 3.5: "expired_token: The 'device_code' has expired, and the device authorization session has concluded."
        return Decision(None, Refused("expired_token", "the device code has expired", "device_code_expired"))
    return Decision(None, Issue())


@dataclass(frozen=True, slots=True, kw_only=True)
class Refresh:
    """A refresh token presented at the token endpoint."""

    client_id: ClientId
    token_hash: bytes
    presented_version: int
    issued_hash: bytes | None
    """The hash in the event at ``presented_version``, where the state does not tell: proves an old token genuine."""
    issued_confirmation: Confirmation | None
    """What that event bound the token to."""
    request_digest: bytes
    """Digest of what shapes the answer: scope, resource, authorization details, and the key of the sender."""
    client_authentication: str
    """Stable name of how the client proved itself (method, and which secret or key)."""
    same_address: bool | None
    """Whether the request comes from where the token was spent; None where nobody can tell any more."""
    confirmation: Confirmation | None = None
    """The key or certificate that the request has proven."""
    rotates: bool = True
    """Whether a refresh token of this client is spent by its use."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GraceRules:
    """The grace window in seconds; 0 turns it off."""

    window: int = 10


RefreshAnswer = Issue | Renew | Repeat | IssueBeside | Refused


def refresh(state: GrantState | None, command: Refresh, now: Micros, rules: GraceRules) -> Decision[RefreshAnswer]:
    """OAuth 2.1 section 4.3: rotate, repeat a lost answer, or detect reuse (RFC 9700 section 4.14.2)."""
    dead = _dead(state, command, now)
    if dead is not None:
        return Decision(None, dead)
    assert state is not None
    assert state.refresh is not None
    if command.presented_version == state.refresh.version:
        return _spend_current(state.refresh, command, now)
    spent = state.spent
    if spent is not None and command.presented_version == spent.version:
        return _spent_again(state, spent, command, now, rules)
    if command.issued_hash is None or not compare_digest(command.issued_hash, command.token_hash):
        return _refused("the refresh token is not known", "refresh_forged")
    if not _proves(command, command.issued_confirmation):
        return _not_proven()
    return _reuse(command, cause_of_reuse(state, command, in_window=False))


def _spent_again(
    state: GrantState, spent: Spent, command: Refresh, now: Micros, rules: GraceRules
) -> Decision[RefreshAnswer]:
    """The directly preceding refresh token: a retry in the grace window, or a reuse."""
    if not compare_digest(spent.hash, command.token_hash):
        return _refused("the refresh token is not known", "refresh_forged")
    if not _proves(command, spent.confirmation):
        return _not_proven()
    in_window = rules.window > 0 and now < after(spent.at, rules.window)
    if not in_window or spent.client_authentication != command.client_authentication:
        return _reuse(command, cause_of_reuse(state, command, in_window=in_window))
    for answered in spent.answers:
        if answered.request_digest == command.request_digest:
            return Decision(None, Repeat(version=answered.version))
    if len(spent.answers) >= ANSWERS_LIMIT:
        return _refused("the refresh token was used already", "refresh_answers_limit")
    return Decision(None, IssueBeside(sealed_at=spent.answers[0].version))


def _proves(command: Refresh, confirmation: Confirmation | None) -> bool:
    """Whether the request proves what a public client's refresh token is bound to."""
    return confirmation is None or confirmation == command.confirmation


def _not_proven() -> Decision[RefreshAnswer]:
    # RFC 9449 5: "The binding MUST be validated when the refresh token is later presented to get new access tokens." Who has
    # only seen it neither uses it up nor takes the family down
    return _refused("the refresh token is bound to another key", "refresh_not_proven")


def _dead(state: GrantState | None, command: Refresh, now: Micros) -> Refused | None:
    """Why nothing can be refreshed here, whatever was presented."""
    if state is None or (state.refresh is None and state.revoked is None):
        return Refused("invalid_grant", "the refresh token is not known", "refresh_unknown")
    # RFC 6749 6: "the refresh token is bound to the client to which it was issued"
    if state.client_id != command.client_id:
        return Refused("invalid_grant", "the refresh token was issued to another client", "refresh_other_client")
    if state.revoked is not None:
        return Refused("invalid_grant", "the grant was revoked", "grant_revoked")
    if now >= state.expires_at:
        return Refused("invalid_grant", "the grant has expired", "grant_expired")
    return None


def _spend_current(current: CurrentRefresh, command: Refresh, now: Micros) -> Decision[RefreshAnswer]:
    if not compare_digest(current.hash, command.token_hash):
        return _refused("the refresh token is not known", "refresh_forged")
    if not _proves(command, current.confirmation):
        return _not_proven()
    if now >= current.expires_at:
        return _refused("the refresh token has expired", "refresh_expired")
    return Decision(None, Issue() if command.rotates else Renew())


def cause_of_reuse(state: GrantState, command: Refresh, *, in_window: bool) -> Cause:
    """Why a spent refresh token may have come again, as far as can be told. Recorded, never trusted."""
    if command.same_address is False:
        return "other_device"
    if in_window:
        # the same moment, yet another client authentication: nobody's retry
        return "theft"
    if state.spent is None or command.presented_version < state.spent.version:
        return "out_of_order" if command.same_address else "theft"
    if not command.same_address:
        return "theft"
    asked_before = any(answered.request_digest == command.request_digest for answered in state.spent.answers)
    return "lost_response" if asked_before else "two_tabs"


def _reuse(command: Refresh, cause: Cause) -> Decision[RefreshAnswer]:
    event = ReuseDetected(credential="refresh_token", presented_version=command.presented_version, cause=cause)
    return Decision(event, Refused("invalid_grant", "the refresh token was used already", "refresh_reused"))


def revoke_family(state: GrantState | None, client_id: ClientId | None, cause: str) -> Decision[Refused | None]:
    """RFC 7009 section 2.1: the whole family, at the wish of its client (``client_id`` None: of an operator or worker)."""
    if state is None:
        return Decision(None, None)
    # RFC 7009 2.1: "verifies whether the token was issued to the client making the revocation request. If this validation
    # fails, the request is refused and the client is informed of the error"
    if client_id is not None and state.client_id != client_id:
        return _refused("the token was issued to another client", "revoke_other_client")
    if state.revoked is not None:
        return Decision(None, None)
    return Decision(Revoked(cause=cause), None)


def revoke_access_token(
    state: GrantState | None, client_id: ClientId | None, token_hash: bytes
) -> Decision[Refused | None]:
    """RFC 7009 section 2.1: one access token, at the wish of its client.

    One that the family does not hold needs no event, unless it was exchanged: then its children may still live.
    """
    if state is None:
        return Decision(None, None)
    if client_id is not None and state.client_id != client_id:
        return _refused("the token was issued to another client", "revoke_other_client")
    for token in state.tokens:
        if compare_digest(token.hash, token_hash):
            return Decision(AccessTokenRevoked(hash=token.hash), None)
    if token_hash.hex() in state.children and state.revoked is None:
        return Decision(AccessTokenRevoked(hash=token_hash), None)
    return Decision(None, None)


def _refused(description: str, reason: str) -> Decision[Refused]:
    return Decision(None, Refused("invalid_grant", description, reason))
