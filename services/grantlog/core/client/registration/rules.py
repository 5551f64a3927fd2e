"""What a registration is held against: who registers, and what the server knows."""

import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from grantlog.core.protocol import redirect_uri
from grantlog.core.protocol.policy import Policy
from grantlog.core.protocol.scope import OIDC_SCOPES

_LOOPBACK = re.compile(r"http://(?:127\.0\.0\.1|\[::1\]|localhost)(?::[0-9]{1,5})?(?:[/?].*)?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What holds for one registration."""

    policy: Policy
    fapi2: bool = False
    """The client alone is held to FAPI 2.0."""
    resource_servers: tuple[str, ...] = ()
    """Resources whose tokens it may be registered to introspect."""
    shared_secrets: bool = True
    """False: nobody could tell the client a secret."""
    default_method: str = "client_secret_basic"

    @property
    def held_to_fapi2(self) -> bool:
        """Whether FAPI 2.0 holds: for all, or for this client."""
        return self.policy.fapi2_for("fapi2" if self.fapi2 else None)

    @property
    def scopes(self) -> tuple[str, ...]:
        """Every scope that exists."""
        return tuple(dict.fromkeys((*self.policy.catalog.scopes, *OIDC_SCOPES)))

    def is_outside(self, uri: str) -> bool:
        """Whether a URL is one that this server would ever ask: https or, of a demo, plain http to the loopback."""
        local = self.policy.issuer.startswith("http://") and _LOOPBACK.fullmatch(uri) is not None
        return local or redirect_uri.check_https(uri)


def audiences(policy: Policy) -> tuple[str, ...]:
    """Every audience that a token may have: the resources, and the issuer."""
    return (*(rule.uri for rule in policy.catalog.rules), policy.issuer)


def host_of(uri: str) -> str | None:
    """The host of a URI that was checked before, in lower case; None where it has none."""
    return urlsplit(uri).hostname
