"""How somebody proved who they are: ``acr`` (OpenID Connect Core section 2, RFC 9470) and ``amr`` (RFC 8176), told truly.

Two classes: one factor, or two. Two are worth one as well; a class that is not ours is met by that very class alone.
"""

from collections.abc import Collection

PWD = "urn:grantlog:acr:pwd"
"""One factor: a password."""
MFA = "urn:grantlog:acr:mfa"
"""Two factors: a password and a code or key, or a key that has verified its user itself."""
FEDERATED = "urn:grantlog:acr:federated"
"""A login at another OpenID provider: worth one factor here, whatever was asked for there."""
SUPPORTED = (PWD, MFA)
"""``acr_values_supported``."""

_WORTH = {PWD: 1, FEDERATED: 1, MFA: 2}

BY_PASSWORD = ("pwd",)
BY_TOTP = ("otp",)
# RFC 8176 has no value for a look-up secret. It is something one has, like the authenticator it stands in for, and no OTP of
# RFC 4226 or RFC 6238: so what is said is that there were two factors, and no more of the second.
BY_RECOVERY_CODE: tuple[str, ...] = ()


def by_passkey(*, synced: bool) -> tuple[str, ...]:
    """``amr`` of a passkey that has verified its user.

    A ``synced`` key is software-secured (``swk``). Of another one nobody has attested that hardware keeps it: ``pop`` (the
    value that the OpenID registry adds to RFC 8176) claims possession and no more.
    """
    return ("swk" if synced else "pop", "user")


def two_factors(first: Collection[str], second: Collection[str]) -> tuple[str, ...]:
    """``amr`` of somebody who proved ``first`` and then ``second``. RFC 8176 section 2: "When this is present, specific
    authentication methods used may also be included."
    """
    return tuple(dict.fromkeys((*(value for value in first if value != "mfa"), *second, "mfa")))


def acr_of(amr: Collection[str]) -> str:
    """The class of what was proven."""
    return MFA if "mfa" in amr else PWD


def satisfies(acr: str | None, wanted: Collection[str]) -> bool:
    """Whether an authentication of class ``acr`` is one of ``wanted``, or worth more. None wanted: it is."""
    return not wanted or any(_worth(acr) >= _WORTH[want] if want in _WORTH else acr == want for want in wanted)


def reachable(wanted: Collection[str], *, second_factor: bool) -> bool:
    """Whether somebody with a password, and a ``second_factor`` or not, can meet one of ``wanted`` by logging in."""
    return satisfies(MFA if second_factor else PWD, wanted)


def _worth(acr: str | None) -> int:
    return _WORTH.get(acr or "", 0)
