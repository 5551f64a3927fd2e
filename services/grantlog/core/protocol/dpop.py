"""DPoP proofs (RFC 9449): a JWT that a request's sender signs for this one request."""

import re
from base64 import urlsafe_b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from hmac import compare_digest
from urllib.parse import urlsplit

from grantlog.core.protocol.errors import ProtocolError
from grantlog.core.protocol.jwk import Jwk, MalformedKeyError, fits, read_jwk, thumbprint
from grantlog.core.protocol.jwt_text import FAPI_ALGS, SIGNATURE_ALGS, MalformedJwtError, ReadJwt, read_jwt
from grantlog.core.protocol.jwt_time import AHEAD, numeric_date, unique_id

TYPE = "dpop+jwt"
PROOF_LIMIT = 8192
AGE = 60
"""Seconds for which a proof counts after its ``iat``: RFC 9449 section 11.1, "on the order of seconds or minutes"."""
NONCE_SECONDS = 300
"""How long one nonce is handed out; it is understood for one more such span."""
NO_PROOF = "invalid_dpop_proof"
WANTS_NONCE = "use_dpop_nonce"
NONCE_HEADER = "DPoP-Nonce"
_UNRESERVED = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
_PORTS: Mapping[str, int] = {"https": 443, "http": 80}
_ESCAPE = re.compile(r"%([0-9A-Fa-f]{2})")


@dataclass(frozen=True, slots=True)
class ReadProof:
    """A proof whose claims fit the request; its signature by ``key`` is still to be verified."""

    jwt: ReadJwt
    key: Jwk
    jti: str
    issued_at: float
    nonce: str | None

    @property
    def jkt(self) -> str:
        """The thumbprint of its key (RFC 9449 section 6.1)."""
        return thumbprint(self.key)

    @property
    def expires_at(self) -> float:
        """Until when it has to be remembered that this proof was used."""
        return self.issued_at + AGE + 1


def invalid_proof(reason: str) -> ProtocolError:
    """RFC 9449 section 5: "If the DPoP proof is invalid, the authorization server issues an error response"."""
    return ProtocolError(NO_PROOF, "the DPoP proof is not valid", reason)


def read_proof(texts: Sequence[str], *, method: str, url: str, now: float, fapi2: bool = False) -> ReadProof:
    """The one proof of a request, checked as RFC 9449 section 4.3 says, but for its signature, nonce, ath and replay.

    Raises ProtocolError invalid_dpop_proof.
    """
    # 4.3, 1: "There is not more than one DPoP HTTP request header field."
    if len(texts) != 1:
        raise invalid_proof("dpop_doubled")
    try:
        # 4.3, 2 to 6: a well-formed JWT with all its claims, of typ dpop+jwt, signed by an asymmetric algorithm
        jwt = read_jwt(
            texts[0].strip(" \t"), algs=FAPI_ALGS if fapi2 else SIGNATURE_ALGS, typ=(TYPE,), limit=PROOF_LIMIT
        )
        # 4.3, 7: "The jwk JOSE Header Parameter does not contain a private key."
        key = read_jwk(jwt.header.get("jwk"))
        if not fits(key, jwt.alg):
            raise invalid_proof("dpop_key")
        jti = unique_id(jwt.claims)
        issued_at = _issued_at(jwt, now)
    except (MalformedJwtError, MalformedKeyError) as wrong:
        raise invalid_proof(f"dpop_{wrong.reason}") from None
    # 4.3, 8: "The htm claim matches the HTTP method of the current request."
    if jwt.claims.get("htm") != method:
        raise invalid_proof("dpop_htm")
    # 4.3, 9: "The htu claim matches the HTTP URI value for the HTTP request in which the JWT was received, ignoring any
    # query and fragment parts."
    target = normal_uri(jwt.claims.get("htu"))
    if target is None or target != normal_uri(url):
        raise invalid_proof("dpop_htu")
    nonce = jwt.claims.get("nonce")
    if nonce is not None and not isinstance(nonce, str):
        raise invalid_proof("dpop_nonce")
    return ReadProof(jwt, key, jti, issued_at, nonce)


def check_access_token(proof: ReadProof, access_token: str) -> None:
    """RFC 9449 section 4.3, 12: the hash of the access token that comes with a proof. Raises invalid_dpop_proof."""
    given = proof.jwt.claims.get("ath")
    if not isinstance(given, str) or not compare_digest(
        given.encode("utf-8", "replace"), access_token_hash(access_token)
    ):
        raise invalid_proof("dpop_ath")


def access_token_hash(access_token: str) -> bytes:
    """``ath`` (RFC 9449 section 4.2): base64url of the SHA-256 of the token's ASCII."""
    return urlsafe_b64encode(sha256(access_token.encode()).digest()).rstrip(b"=")


def nonce_windows(now: float) -> tuple[int, int]:
    """The span of time whose nonce is handed out now, and the one before it, whose nonce still counts."""
    current = int(now) // NONCE_SECONDS
    return current, current - 1


def normal_uri(text: object) -> str | None:
    """An http URI without query and fragment, normalised (RFC 3986 sections 6.2.2 and 6.2.3); None where it is none."""
    if not isinstance(text, str) or not text.isascii() or not text.isprintable():
        return None
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        return None
    if parts.scheme not in _PORTS or not parts.hostname or "@" in parts.netloc:
        return None
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    shown = "" if port in {None, _PORTS[parts.scheme]} else f":{port}"
    return f"{parts.scheme}://{host}{shown}{_normal_path(parts.path)}"


def _normal_path(path: str) -> str:
    decoded = _ESCAPE.sub(_unescaped, path)
    kept: list[str] = []
    segments = decoded.split("/")[1:]
    for segment in segments:
        if segment == "..":
            del kept[-1:]
        elif segment != ".":
            kept.append(segment)
    if segments and segments[-1] in {".", ".."}:
        kept.append("")
    return "/" + "/".join(kept)


def _unescaped(escape: re.Match[str]) -> str:
    """RFC 3986 section 6.2.2.2: escapes of unreserved characters are decoded, the others are written in capitals."""
    sign = chr(int(escape[1], 16))
    return sign if sign in _UNRESERVED else escape[0].upper()


def _issued_at(jwt: ReadJwt, now: float) -> float:
    issued_at = numeric_date(jwt.claims, "iat")
    if issued_at is None:
        raise MalformedJwtError("jwt_without_iat")
    # 4.3, 11: "The creation time of the JWT, as determined by either the iat claim or a server managed timestamp via the
    # nonce claim, is within an acceptable window"
    if issued_at > now + AHEAD:
        raise MalformedJwtError("jwt_iat_ahead")
    if issued_at < now - AGE:
        raise MalformedJwtError("jwt_iat_old")
    for name in ("exp", "nbf"):
        bound = numeric_date(jwt.claims, name)
        if bound is not None and ((name == "exp" and bound <= now) or (name == "nbf" and bound > now + AHEAD)):
            raise MalformedJwtError(f"jwt_{name}")
    return issued_at
