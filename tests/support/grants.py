"""A grant as tests tell its story: who, when, and which tokens."""

from dataclasses import replace
from hashlib import sha256
from uuid import UUID

from grantlog.core.decision import Stamp
from grantlog.core.grant.decide import RedeemCode, Refresh
from grantlog.core.grant.events import (
    AccessToken,
    AccessTokenIssued,
    Authentication,
    Authorized,
    ChildIssued,
    ClientCredentialsIssued,
    CodeRedeemed,
    Confirmation,
    Exchanged,
    Profile,
    Refreshed,
    RefreshToken,
    RefreshTokenRotated,
)
from grantlog.core.identifiers import ClientId, Micros, after, seconds

NOW = Micros(1_760_000_000_000_000)
CLIENT, STRANGER = ClientId("web-shop"), ClientId("somebody-else")
ACCOUNT = UUID("01980f2c-3a00-7abc-8123-456789abcdef")
SESSION = UUID("01980f2c-3b00-7abc-9123-456789abcdef")
STAMPS = (Stamp("account", str(ACCOUNT), 3), Stamp("session", str(SESSION), 0), Stamp("client", CLIENT, 1))
READ = Profile(scope=("api:read",), audience=("https://api.example.com/",))
CHALLENGE = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
KEY = Confirmation(method="jkt", thumbprint="0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I")
OTHER_KEY = Confirmation(method="jkt", thumbprint="NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs")
CALLBACK = "https://client.example/callback"


def hashed(secret: str) -> bytes:
    """What the log holds of a secret."""
    return sha256(secret.encode()).digest()


def access(
    secret: str, *, at: Micros = NOW, lifetime: int = 600, profile: Profile = READ, kid: str | None = None
) -> AccessToken:
    """An access token whose secret is ``secret``."""
    issued = seconds(at)
    return AccessToken(hash=hashed(secret), issued_at=issued, expires_at=issued + lifetime, profile=profile, kid=kid)


def renewal(
    secret: str, *, at: Micros = NOW, lifetime: int = 86_400, confirmation: Confirmation | None = None
) -> RefreshToken:
    """A refresh token whose secret is ``secret``."""
    return RefreshToken(hash=hashed(secret), expires_at=after(at, lifetime), confirmation=confirmation)


def authorized(
    *,
    code: str = "code",
    at: Micros = NOW,
    lifetime: int = 30 * 86_400,
    challenge: str = CHALLENGE,
    jkt: str | None = None,
) -> Authorized:
    """The resource owner consented at ``at``."""
    return Authorized(
        client_id=CLIENT,
        account=ACCOUNT,
        session=SESSION,
        subject=str(ACCOUNT),
        stamps=STAMPS,
        scope=("api:read",),
        resources=("https://api.example.com/",),
        redirect_uri=CALLBACK,
        code_challenge=challenge,
        code_hash=hashed(code),
        code_expires_at=after(at, 60),
        authorized_at=at,
        expires_at=after(at, lifetime),
        authentication=Authentication(auth_time=seconds(at), nonce="n", amr=("pwd",)),
        dpop_jkt=jkt,
    )


def approved(*, code: str = "code", at: Micros = NOW) -> Authorized:
    """The resource owner let a device in (RFC 8628)."""
    return replace(authorized(code=code, at=at, challenge=""), redirect_uri="", credential="device_code")


def exchanged(access_secret: str = "c1", *, at: Micros = NOW, lifetime: int = 600) -> Exchanged:
    """A token was exchanged for another one: a family of one access token."""
    return Exchanged(
        client_id=STRANGER,
        subject=str(ACCOUNT),
        account=ACCOUNT,
        session=SESSION,
        parent=ACCOUNT,
        issuer=None,
        stamps=(*STAMPS, Stamp("family", str(ACCOUNT), 0), Stamp("family", hashed("a1").hex(), 0)),
        access_token=access(access_secret, at=at, lifetime=lifetime),
        authentication=None,
        issued_at=at,
        expires_at=after(at, lifetime),
    )


def child_of(access_secret: str = "a1") -> ChildIssued:
    """The access token with this secret was exchanged."""
    return ChildIssued(child=SESSION, token_hash=hashed(access_secret))


def renewed(access_secret: str = "a2", *, at: Micros = NOW, idles_out: int = 86_400) -> Refreshed:
    """A refresh token that stays was used."""
    return Refreshed(
        access_token=access(access_secret, at=at), refreshed_at=at, refresh_expires_at=after(at, idles_out)
    )


def redeemed(
    access_secret: str = "a1",
    refresh_secret: str | None = "r1",
    *,
    at: Micros = NOW,
    confirmation: Confirmation | None = None,
) -> CodeRedeemed:
    """The code was exchanged."""
    refresh_token = None if refresh_secret is None else renewal(refresh_secret, at=at, confirmation=confirmation)
    return CodeRedeemed(access_token=access(access_secret, at=at), refresh_token=refresh_token, redeemed_at=at)


def rotated(
    access_secret: str = "a2",
    refresh_secret: str = "r2",
    *,
    spent: int = 2,
    at: Micros = NOW,
    digest: bytes = b"request",
    authentication: str = "client_secret_basic:0",
    confirmation: Confirmation | None = None,
) -> RefreshTokenRotated:
    """The refresh token of version ``spent`` was spent."""
    return RefreshTokenRotated(
        spent_version=spent,
        request_digest=digest,
        client_authentication=authentication,
        access_token=access(access_secret, at=at),
        refresh_token=renewal(refresh_secret, at=at, confirmation=confirmation),
        rotated_at=at,
    )


def beside(access_secret: str, digest: bytes, *, at: Micros = NOW) -> AccessTokenIssued:
    """Another answer to a spent refresh token, in its grace window."""
    return AccessTokenIssued(request_digest=digest, access_token=access(access_secret, at=at))


def for_itself(access_secret: str = "a1", *, at: Micros = NOW) -> ClientCredentialsIssued:
    """A client got a token for itself."""
    token = access(access_secret, at=at)
    return ClientCredentialsIssued(
        client_id=CLIENT, stamps=STAMPS[2:], access_token=token, issued_at=at, expires_at=after(at, 600)
    )


def redeem(
    code: str = "code",
    *,
    client: ClientId = CLIENT,
    redirect_uri: str | None = CALLBACK,
    challenge: str | None = CHALLENGE,
    jkt: str | None = None,
) -> RedeemCode:
    """Somebody presents a code."""
    return RedeemCode(
        client_id=client,
        code_hash=hashed(code),
        redirect_uri=redirect_uri,
        challenge=challenge,
        presented_version=1,
        jkt=jkt,
    )


def spend(
    secret: str,
    version: int,
    *,
    client: ClientId = CLIENT,
    issued: str | None = None,
    digest: bytes = b"request",
    authentication: str = "client_secret_basic:0",
    same_address: bool | None = True,
    confirmation: Confirmation | None = None,
    issued_confirmation: Confirmation | None = None,
    rotates: bool = True,
) -> Refresh:
    """Somebody presents the refresh token of ``version``; ``issued``: what the log says that version issued."""
    return Refresh(
        client_id=client,
        token_hash=hashed(secret),
        presented_version=version,
        issued_hash=None if issued is None else hashed(issued),
        request_digest=digest,
        client_authentication=authentication,
        same_address=same_address,
        confirmation=confirmation,
        issued_confirmation=issued_confirmation,
        rotates=rotates,
    )
