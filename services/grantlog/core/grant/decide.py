"""The rules of a grant: who may redeem, rotate and revoke, and what a replay means.

Issuing happens in two steps, because tokens are minted and signed between them: a rule first says what may be issued
(``Issue``), and the flow then builds the event from that and the minted tokens. Nothing has happened before the append.
"""

from dataclasses import dataclass
from hmac import compare_digest
from typing import Literal

from grantlog.core.decision import Decision, Refused
from grantlog.core.grant.events import AccessTokenRevoked, ReuseDetected, Revoked
from grantlog.core.grant.state import GrantState
from grantlog.core.identifiers import ClientId, Micros, after

ANSWERS_LIMIT = 16
"""So many different requests one spent refresh token answers in its grace window."""

Cause = Literal["lost_response", "two_tabs", "out_of_order", "other_device", "theft", "code_replay"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Issue:
    """Go ahead: new tokens may be issued from the presented credential."""


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
    challenge: str
    """S256 of the presented ``code_verifier`` (RFC 7636 section 4.6)."""
    presented_version: int


def redeem_code(state: GrantState | None, command: RedeemCode, now: Micros) -> Decision[Issue | Refused]:
    """RFC 6749 section 4.1.3: may this code be exchanged?

    Every proof comes before the detection of a replay, so that who saw a code but not the verifier cannot kill the family.
    """
    if state is None or state.code is None or not compare_digest(state.code.hash, command.code_hash):
        return _refused("the code is not known", "code_unknown")
    code = state.code
    # RFC 6749 4.1.3: "ensure that the authorization code was issued to the authenticated confidential client, or if the
    # client is public, ensure that the code was issued to 'client_id' in the request"
    if state.client_id != command.client_id:
        return _refused("the code was issued to another client", "code_other_client")
    # OAuth 2.1 4.1.3: redirect_uri is not required, PKCE binds the code; where sent it MUST be identical.
    if command.redirect_uri is not None and command.redirect_uri != code.redirect_uri:
        return _refused("redirect_uri differs from the authorization request", "code_redirect_uri")
    # RFC 7636 4.6: "If the values are not equal, an error response indicating 'invalid_grant' MUST be returned."
    if not compare_digest(code.challenge.encode(), command.challenge.encode()):
        return _refused("code_verifier does not match the code_challenge", "pkce_mismatch")
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Refresh:
    """A refresh token presented at the token endpoint."""

    client_id: ClientId
    token_hash: bytes
    presented_version: int
    issued_hash: bytes | None
    """The hash in the event at ``presented_version``, where the state does not tell: proves an old token genuine."""
    request_digest: bytes
    """Digest of the parameters that shape the answer (scope, resource)."""
    client_authentication: str
    """Stable name of how the client proved itself (method, and which secret or key)."""
    same_address: bool | None
    """Whether the request comes from where the token was spent; None where nobody can tell any more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GraceRules:
    """The grace window in seconds; 0 turns it off."""

    window: int = 10


def refresh(
    state: GrantState | None, command: Refresh, now: Micros, rules: GraceRules
) -> Decision[Issue | Repeat | IssueBeside | Refused]:
    """OAuth 2.1 section 4.3: rotate, repeat a lost answer, or detect reuse (RFC 9700 section 4.14.2)."""
    dead = _dead(state, command, now)
    if dead is not None:
        return Decision(None, dead)
    assert state is not None
    assert state.refresh is not None
    if command.presented_version == state.refresh.version:
        return _spend_current(state.refresh.hash, state.refresh.expires_at, command, now)
    spent = state.spent
    if spent is not None and command.presented_version == spent.version:
        if not compare_digest(spent.hash, command.token_hash):
            return _refused("the refresh token is not known", "refresh_forged")
        in_window = rules.window > 0 and now < after(spent.at, rules.window)
        if in_window and spent.client_authentication == command.client_authentication:
            for answered in spent.answers:
                if answered.request_digest == command.request_digest:
                    return Decision(None, Repeat(version=answered.version))
            if len(spent.answers) >= ANSWERS_LIMIT:
                return _refused("the refresh token was used already", "refresh_answers_limit")
            return Decision(None, IssueBeside(sealed_at=spent.answers[0].version))
        return _reuse(command, cause_of_reuse(state, command, in_window=in_window))
    if command.issued_hash is None or not compare_digest(command.issued_hash, command.token_hash):
        return _refused("the refresh token is not known", "refresh_forged")
    return _reuse(command, cause_of_reuse(state, command, in_window=False))


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


def _spend_current(
    current_hash: bytes, expires_at: Micros, command: Refresh, now: Micros
) -> Decision[Issue | Repeat | IssueBeside | Refused]:
    if not compare_digest(current_hash, command.token_hash):
        return _refused("the refresh token is not known", "refresh_forged")
    if now >= expires_at:
        return _refused("the refresh token has expired", "refresh_expired")
    return Decision(None, Issue())


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


def _reuse(command: Refresh, cause: Cause) -> Decision[Issue | Repeat | IssueBeside | Refused]:
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
    """RFC 7009 section 2.1: one access token, at the wish of its client. One that the family does not hold needs no event."""
    if state is None:
        return Decision(None, None)
    if client_id is not None and state.client_id != client_id:
        return _refused("the token was issued to another client", "revoke_other_client")
    for token in state.tokens:
        if compare_digest(token.hash, token_hash):
            return Decision(AccessTokenRevoked(hash=token.hash), None)
    return Decision(None, None)


def _refused(description: str, reason: str) -> Decision[Refused]:
    return Decision(None, Refused("invalid_grant", description, reason))
