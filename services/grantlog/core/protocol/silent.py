"""When consent may be taken as given without a page."""

from urllib.parse import urlsplit

_LOCAL = frozenset({"localhost", "127.0.0.1", "::1"})


def may_be_silent(*, public: bool, redirect_uri: str) -> bool:
    """Whether a client may be answered at this URI without a page: by remembered consent, or with ``prompt=none``."""
    # RFC 8252 8.6: "authorization servers SHOULD NOT process authorization requests automatically without user consent or
    # interaction, except when the identity of the client can be assured." Another application may listen on the same port
    # or claim the same scheme: only a secret, or an https redirect URI, tells who it is.
    parts = urlsplit(redirect_uri)
    return not public or (parts.scheme == "https" and parts.hostname not in _LOCAL)
