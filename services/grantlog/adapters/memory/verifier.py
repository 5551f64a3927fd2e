"""The port Verifier needs no server: the real one, under encryption keys made once for this process."""

from functools import cache

from grantlog.adapters.crypto.encryption_keys import ALGS, EncryptionKey, encryption_key, generate
from grantlog.adapters.crypto.threads import BoundedThreads
from grantlog.adapters.crypto.verifier import JoseVerifier


class MemoryVerifier(JoseVerifier):
    """Checks and encrypts for real."""

    def __init__(self) -> None:
        super().__init__(_keys(), BoundedThreads("decrypting", workers=1, queue=256))


@cache
def _keys() -> tuple[EncryptionKey, ...]:
    return tuple(encryption_key(generate(alg), alg) for alg in ALGS)
