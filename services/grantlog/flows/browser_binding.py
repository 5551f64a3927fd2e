"""What is begun in one browser is gone on with in that one alone: ids that nobody guesses, bound to its pre-login cookie."""

from base64 import urlsafe_b64encode
from hashlib import sha256
from hmac import compare_digest

from grantlog.flows.service import Service

_BYTES = 32
_CHARS = 43


def new_id(service: Service) -> str:
    """256 random bits as text, for transactions and pre-login cookies."""
    return urlsafe_b64encode(service.ports.secrets.random(_BYTES)).decode().rstrip("=")


def is_id(text: str) -> bool:
    """Whether a text may be such an id: nothing else is looked for."""
    return len(text) == _CHARS and text.isascii()


def binding(browser: str) -> str:
    """What is kept of the browser with this pre-login cookie: its SHA-256, in hex."""
    return sha256(browser.encode()).hexdigest()


def belongs(bound: str, browser: str) -> bool:
    """Whether what was ``bound`` was begun in the browser with this pre-login cookie."""
    return compare_digest(bound, binding(browser))
