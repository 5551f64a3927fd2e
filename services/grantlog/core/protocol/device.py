"""The device authorization grant (RFC 8628): how a user code is written and read, and how fast a device may poll."""

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote

from grantlog.core.identifiers import MICROS, Micros
from grantlog.core.protocol.supported import DEVICE_CODE

GRANT_TYPE = DEVICE_CODE
# RFC 8628 6.1: no letters that can be taken for one another, and no vowels, so that nobody reads words
ALPHABET = "BCDFGHJKLMNPQRSTVWXZ"
LETTERS = 8
RANDOM_BYTES = 16
"""So many random bytes make a code: what is over when they are divided by 20^8 tells nobody anything."""
TYPED_LIMIT = 64
SLOWER_BY = 5
SLOWEST = 300
"""Seconds between polls that nobody is asked to exceed, however often he was told to slow down."""
_EARLY = MICROS // 2
"""So much sooner a poll may come than it was told: a network does not deliver to the microsecond."""
_KNOWN = frozenset(ALPHABET)


def user_code(random: bytes) -> str:
    """A user code as people read it (``XXXX-XXXX``) from 16 random bytes: 34 bits, of which a guess is throttled."""
    number, letters = int.from_bytes(random, "big"), []
    for _ in range(LETTERS):
        number, letter = divmod(number, len(ALPHABET))
        letters.append(ALPHABET[letter])
    return shown("".join(letters))


def shown(letters: str) -> str:
    """A user code in two groups."""
    return f"{letters[:4]}-{letters[4:]}"


def read_user_code(typed: str) -> str | None:
    """The eight letters in what a person has typed; None where it is no code.

    RFC 8628 section 6.1: punctuation is ignored, and lower case is as good as upper case. Another letter or a digit is a
    mistake, and not punctuation.
    """
    if len(typed) > TYPED_LIMIT or not typed.isascii():
        return None
    letters = "".join(letter for letter in typed.upper() if letter.isalnum())
    return letters if len(letters) == LETTERS and set(letters) <= _KNOWN else None


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast one device code may be polled."""

    interval: int
    """Seconds between two polls."""
    not_before: Micros
    """When the next poll may come."""


def first_pace(interval: int) -> Pace:
    """The pace of a new device code. Its first poll may come at once."""
    return Pace(interval, Micros(0))


def polled(pace: Pace, now: Micros) -> tuple[Pace, bool]:
    """The pace after a poll, and whether it came too soon.

    RFC 8628 section 3.5, slow_down: "the interval MUST be increased by 5 seconds for this and all subsequent requests."
    """
    too_soon = now < pace.not_before
    interval = min(pace.interval + SLOWER_BY, max(pace.interval, SLOWEST)) if too_soon else pace.interval
    return Pace(interval, Micros(now + interval * MICROS - _EARLY)), too_soon


def complete_uri(issuer: str, code: str) -> str:
    """``verification_uri_complete`` (RFC 8628 section 3.3.1)."""
    return f"{issuer}/device?user_code={quote(code)}"


def members(issuer: str, device_code: str, code: str, *, expires_in: int, interval: int) -> Mapping[str, str | int]:
    """The answer of RFC 8628 section 3.2."""
    return {
        "device_code": device_code,
        "user_code": code,
        "verification_uri": f"{issuer}/device",
        "verification_uri_complete": complete_uri(issuer, code),
        "expires_in": expires_in,
        "interval": interval,
    }
