"""The port Verifier needs no server: the real one, under encryption keys made once for this process."""

from collections.abc import Sequence
from functools import cache

from cryptography import x509

from grantlog.adapters.crypto.encryption_keys import ALGS, EncryptionKey, encryption_key, generate
from grantlog.adapters.crypto.threads import BoundedThreads
from grantlog.adapters.crypto.verifier import JoseVerifier


class MemoryVerifier(JoseVerifier):
    """Checks and encrypts for real."""

    def __init__(self, authorities: Sequence[x509.Certificate] = ()) -> None:
        super().__init__(_keys(), BoundedThreads("decrypting", workers=1, queue=256), authorities)


@cache
def _keys() -> tuple[EncryptionKey, ...]:
    return tuple(encryption_key(generate(alg), alg) for alg in ALGS)
