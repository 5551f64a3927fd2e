"""The port Passwords: Argon2id (RFC 9106) in a bounded pool of threads.

Preparation follows the OpaqueString profile of RFC 8265 section 4.2.2: spaces of any script become U+0020, then NFC;
nothing is trimmed, folded or cut. Control characters and the empty string cannot be set. So the same characters typed
on two keyboards are the same password, and no two that a person can tell apart are.
"""

import unicodedata
from base64 import b64encode
from os import urandom
from uuid import UUID

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from grantlog.adapters.crypto.stores import PasswordHashes
from grantlog.adapters.crypto.threads import BoundedThreads
from grantlog.core.identifiers import StreamId
from grantlog.ports import PasswordCheck, UnavailableError

PASSWORD_BYTES = 1024
MEMORY_KIB = 19 * 1024
PASSES = 2
LANES = 1
"""RFC 9106 section 4, second profile, scaled to a server that hashes for many: 19 MiB, two passes, one lane (OWASP)."""

_NOBODY = StreamId(UUID(int=0))


class ArgonPasswords:
    """Hashes and checks passwords. Neither they nor hashes ever stand in an exception or a log."""

    def __init__(
        self,
        table: PasswordHashes,
        threads: BoundedThreads,
        *,
        memory_kib: int = MEMORY_KIB,
        passes: int = PASSES,
        lanes: int = LANES,
    ) -> None:
        self._table = table
        self._threads = threads
        self._hasher = PasswordHasher(time_cost=passes, memory_cost=memory_kib, parallelism=lanes)
        self._dummy = self._hasher.hash(b64encode(urandom(16)))

    async def set(self, account: StreamId, password: str) -> None:
        """Stores a new password. Raises ValueError where it cannot be one, UnavailableError when the pool is full."""
        text = await self._threads.run(self._hasher.hash, settable(password))
        await self._table.write(account, text)

    async def check(self, account: StreamId | None, password: str) -> PasswordCheck:
        """Checks a password; an unknown account, or a password that cannot be one, costs the same one verification.

        ``epoch`` is that of the account's gate, read in one statement with the hash: a password that was changed since
        then stamps nothing that lives. Raises UnavailableError when the pool is full.
        """
        stored, epoch = await self._table.read(_NOBODY if account is None else account)
        prepared = prepare(password)
        checked = stored is not None and prepared is not None
        text = stored if stored is not None and prepared is not None else self._dummy
        fits, renewed = await self._threads.run(self._verify, text, prepared or b"")
        if not (checked and fits):
            return PasswordCheck(ok=False, epoch=epoch)
        if renewed is not None and account is not None:
            await self._renew(account, text, renewed)
        return PasswordCheck(ok=True, epoch=epoch)

    async def change(self, account: StreamId, current: str, new: str) -> bool:
        """Puts ``new`` in the place of ``current``; False where that is not the password, or not any more.

        Raises ValueError where ``new`` cannot be one, UnavailableError when the pool is full.
        """
        chosen, prepared = settable(new), prepare(current)
        stored, _ = await self._table.read(account)
        if stored is None or prepared is None:
            return False
        fits, _ = await self._threads.run(self._verify, stored, prepared)
        # what somebody else has set since it was read stays
        return fits and await self._table.replace(account, stored, await self._threads.run(self._hasher.hash, chosen))

    async def remove(self, account: StreamId) -> None:
        """Forgets an account's password: a person is erased, or was never born."""
        await self._table.remove(account)

    def _verify(self, text: str, password: bytes) -> tuple[bool, str | None]:
        """Whether the password fits, and its hash under today's parameters where the stored one has others."""
        try:
            self._hasher.verify(text, password)
        except (VerificationError, InvalidHashError):
            return False, None
        return True, self._hasher.hash(password) if self._hasher.check_needs_rehash(text) else None

    async def _renew(self, account: StreamId, old: str, new: str) -> None:
        try:
            await self._table.replace(account, old, new)
        except UnavailableError:
            # the password is right; the next login renews its hash
            return


def prepare(password: str) -> bytes | None:
    """The bytes that are hashed; None for what no password can be (above 1,024 bytes of UTF-8, or no Unicode text)."""
    try:
        if len(password) > PASSWORD_BYTES or len(password.encode()) > PASSWORD_BYTES:
            return None
        # RFC 8265 4.2.2: "Any instances of non-ASCII space MUST be mapped to SPACE (U+0020)" and "Unicode Normalization
        # Form C (NFC) MUST be applied to all strings."
        spaced = "".join(" " if unicodedata.category(char) == "Zs" else char for char in password)
        return unicodedata.normalize("NFC", spaced).encode()
    except UnicodeEncodeError:
        return None


def settable(password: str) -> bytes:
    """The bytes to hash of a password that may be set. Raises ValueError, without the password in it."""
    prepared = prepare(password)
    if prepared is None:
        raise ValueError(f"a password is Unicode text of at most {PASSWORD_BYTES} bytes")
    # RFC 8265 4.1: a password is never zero bytes long, and controls are outside its FreeformClass (RFC 8264 9.12).
    if not prepared:
        raise ValueError("a password is not empty")
    if any(unicodedata.category(char) == "Cc" for char in password):
        raise ValueError("a password holds no control characters")
    return prepared
