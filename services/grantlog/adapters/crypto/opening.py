"""Opens everything that is keyed, in order: root keys, index key, then the ports that use them."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from structlog import get_logger

from grantlog.adapters.crypto.certificates import read_authorities
from grantlog.adapters.crypto.data_keys import VaultDataKeys
from grantlog.adapters.crypto.encryption_keys import load_encryption_keys
from grantlog.adapters.crypto.index_key import load_index_key
from grantlog.adapters.crypto.kept_secrets import WrappedKeptSecrets
from grantlog.adapters.crypto.passwords import ArgonPasswords
from grantlog.adapters.crypto.postgres_stores import (
    PostgresKeptRows,
    PostgresPasswordHashes,
    PostgresVault,
    PostgresWrappedKeys,
)
from grantlog.adapters.crypto.rewrap import RootKeyWrapping
from grantlog.adapters.crypto.root_keys import RootKeys
from grantlog.adapters.crypto.secrets import RootSecrets
from grantlog.adapters.crypto.signer import KeyringSigner
from grantlog.adapters.crypto.threads import BoundedThreads
from grantlog.adapters.crypto.verifier import JoseVerifier
from grantlog.adapters.postgres.pool import Pool
from grantlog.ports import EventLog, UnavailableError

REFRESH_SECONDS = 15.0
"""How old the keyring of an idle process gets: a new key is published everywhere within this time."""
SIGNING_WORKERS = 1
SIGNING_QUEUE = 256

_log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Crypto:
    """The ports that hold keys."""

    secrets: RootSecrets
    signer: KeyringSigner
    kept: WrappedKeptSecrets
    verifier: JoseVerifier
    data_keys: VaultDataKeys
    passwords: ArgonPasswords
    key_wrapping: RootKeyWrapping


@asynccontextmanager
async def open_crypto(
    root: RootKeys,
    log: EventLog,
    pool: Pool,
    vault_pool: Pool,
    *,
    password_workers: int = 2,
    password_queue: int = 32,
    authorities: Path | None = None,
) -> AsyncIterator[Crypto]:
    """Opens the keyed ports on two pools (the same one where the vault is no database of its own).

    ``authorities``: a PEM file of those that issue clients' certificates. The keyring may be empty yet
    (``flows.rotate_keys.ensure_keys``). Raises RootKeyError for the wrong root key list, AuthoritiesError,
    UnavailableError.
    """
    wrapped_keys, vault, kept = PostgresWrappedKeys(pool), PostgresVault(vault_pool), PostgresKeptRows(pool)
    index_key = await load_index_key(wrapped_keys, root)
    async with AsyncExitStack() as stack:
        signing = BoundedThreads("signing", workers=SIGNING_WORKERS, queue=SIGNING_QUEUE)
        stack.push_async_callback(signing.close)
        hashing = BoundedThreads("passwords", workers=password_workers, queue=password_queue)
        stack.push_async_callback(hashing.close)
        decrypting = BoundedThreads("decrypting", workers=SIGNING_WORKERS, queue=SIGNING_QUEUE)
        stack.push_async_callback(decrypting.close)
        encryption_keys = await load_encryption_keys(wrapped_keys, root, decrypting)
        signer = KeyringSigner(log, wrapped_keys, root, signing)
        await signer.refresh()
        await stack.enter_async_context(_kept_fresh(signer))
        yield Crypto(
            RootSecrets(root, index_key),
            signer,
            WrappedKeptSecrets(kept, root),
            JoseVerifier(encryption_keys, decrypting, read_authorities(authorities)),
            VaultDataKeys(vault, root),
            ArgonPasswords(PostgresPasswordHashes(pool), hashing),
            RootKeyWrapping(root, wrapped_keys, vault, kept),
        )


@asynccontextmanager
async def _kept_fresh(signer: KeyringSigner) -> AsyncIterator[None]:
    keeper = asyncio.create_task(_keep_fresh(signer))
    try:
        yield
    finally:
        keeper.cancel()
        with suppress(asyncio.CancelledError):
            await keeper


async def _keep_fresh(signer: KeyringSigner) -> None:
    """Re-reads the keyring for as long as the process lives; one that does not answer is asked again."""
    while True:
        await asyncio.sleep(REFRESH_SECONDS)
        try:
            await signer.refresh()
        except UnavailableError as wrong:
            _log.warning("keyring_not_read", reason=str(wrong))
