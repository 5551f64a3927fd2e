"""A grant as tests tell its story: who, when, and which tokens."""

from hashlib import sha256
from uuid import UUID

from grantlog.core.decision import Stamp
from grantlog.core.grant.decide import RedeemCode, Refresh
from grantlog.core.grant.events import (
    AccessToken,
    AccessTokenIssued,
    Authentication,
    Authorized,
    ClientCredentialsIssued,
    CodeRedeemed,
    Confirmation,
    Profile,
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


def renewal(secret: str, *, at: Micros = NOW, lifetime: int = 86_400) -> RefreshToken:
    """A refresh token whose secret is ``secret``."""
    return RefreshToken(hash=hashed(secret), expires_at=after(at, lifetime))


def authorized(*, code: str = "code", at: Micros = NOW, lifetime: int = 30 * 86_400) -> Authorized:
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
        code_challenge=CHALLENGE,
        code_hash=hashed(code),
        code_expires_at=after(at, 60),
        authorized_at=at,
        expires_at=after(at, lifetime),
        authentication=Authentication(auth_time=seconds(at), nonce="n", amr=("pwd",)),
    )


def redeemed(access_secret: str = "a1", refresh_secret: str | None = "r1", *, at: Micros = NOW) -> CodeRedeemed:
    """The code was exchanged."""
    refresh_token = None if refresh_secret is None else renewal(refresh_secret, at=at)
    return CodeRedeemed(access_token=access(access_secret, at=at), refresh_token=refresh_token, redeemed_at=at)


def rotated(
    access_secret: str = "a2",
    refresh_secret: str = "r2",
    *,
    spent: int = 2,
    at: Micros = NOW,
    digest: bytes = b"request",
    authentication: str = "client_secret_basic:0",
) -> RefreshTokenRotated:
    """The refresh token of version ``spent`` was spent."""
    return RefreshTokenRotated(
        spent_version=spent,
        request_digest=digest,
        client_authentication=authentication,
        access_token=access(access_secret, at=at),
        refresh_token=renewal(refresh_secret, at=at),
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
