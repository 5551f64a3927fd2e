"""What comes with a request beside its parameters, by which its sender may prove something. Nothing is proven yet."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Proofs:
    """Of one HTTP request. Not printed: some are credentials."""

    authorization: str | None = field(default=None, repr=False)
    """The Authorization header."""
    dpop: tuple[str, ...] = field(default=(), repr=False)
    """Every DPoP header (RFC 9449 section 4.1); more than one is an error."""
    certificate: bytes | None = field(default=None, repr=False)
    """The client's certificate in DER, from the TLS layer or a trusted proxy (RFC 8705)."""
    method: str = "POST"
    url: str = ""
    """The endpoint as clients know it, without query: built from the issuer, never from ``Host``."""
