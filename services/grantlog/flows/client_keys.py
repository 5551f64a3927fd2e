"""Public keys of others: of clients, by value or by URL, and of issuers that we trust (RFC 7517, RFC 7591 section 2)."""

from collections.abc import Mapping, Sequence
from typing import Any

from grantlog.core.client.events import Encryption
from grantlog.core.client.state import ClientState
from grantlog.core.protocol.jwk import Jwk, MalformedKeyError, fits, read_jwks, select
from grantlog.core.protocol.jwt_text import MalformedJwtError, read_jwt
from grantlog.flows.service import Service
from grantlog.ports import UnavailableError


async def keys_of(service: Service, client: ClientState, kid: str | None) -> Sequence[Jwk]:
    """A client's public keys, by value or from its URL; ``kid``: the one that is looked for.

    Raises UnavailableError where its URL does not answer, or with something else.
    """
    metadata = client.metadata
    if metadata.jwks:
        try:
            return read_jwks(metadata.jwks)
        except MalformedKeyError:
            # registered by a program that judged it otherwise
            return ()
    if metadata.jwks_uri is None:
        return ()
    return await fetched_keys(service, metadata.jwks_uri, kid)


async def fetched_keys(service: Service, url: str, kid: str | None) -> Sequence[Jwk]:
    """The keys at a URL: of a trusted issuer, or of an upstream provider. Raises UnavailableError."""
    return await service.keys.keys(service.ports.egress, url, kid, service.ports.log.now())


async def encryption_key(service: Service, client: ClientState, encryption: Encryption) -> Jwk:
    """The key that answers to a client are encrypted to: one made for that, where it has one.

    Raises UnavailableError where it has none for the algorithm, or its keys cannot be had.
    """
    usable = [key for key in await keys_of(service, client, None) if fits(key, encryption.alg)]
    if not usable:
        raise UnavailableError("the client has no key to encrypt to")
    return next((key for key in usable if key.get("use") == "enc"), usable[0])


async def verified(
    service: Service, text: str, *, keys: Sequence[Jwk], algs: Sequence[str], typ: Sequence[str | None]
) -> Mapping[str, Any]:
    """The claims of a JWT that one of ``keys`` has signed. Raises MalformedJwtError for every other text."""
    jwt = read_jwt(text, algs=algs, typ=typ)
    if await service.ports.verifier.verify(jwt, select(keys, jwt.alg, jwt.kid)) is None:
        raise MalformedJwtError("jwt_signature_wrong")
    return jwt.claims
