"""What a username is, so that nobody can pass for somebody else by spelling.

Folded by NFKC and Unicode case folding, which is coarser than RFC 8265 section 3.3: however wide, ligated or capital its letters,
it is one account. An address of RFC 5321 fits.
"""

import unicodedata

LENGTH_LIMIT = 320


def normalise(username: str) -> bytes | None:
    """The bytes by which an account is found (UTF-8, folded); None for what cannot be a username."""
    if len(username) > LENGTH_LIMIT:
        return None
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", username).casefold())
    if not folded or len(folded) > LENGTH_LIMIT or not folded.isprintable() or folded != folded.strip():
        return None
    return folded.encode()
