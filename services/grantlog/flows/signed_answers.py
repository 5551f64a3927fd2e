"""Answers to a client as JWTs: signed by us, and encrypted to it where it registered that (RFC 7519 section 11.2)."""

from collections.abc import Mapping
from typing import Any

from grantlog.core.client.events import Encryption
from grantlog.core.client.state import ClientState
from grantlog.flows import client_keys
from grantlog.flows.service import Service


async def signed_for(
    service: Service,
    client: ClientState,
    claims: Mapping[str, Any],
    *,
    typ: str,
    alg: str,
    encryption: Encryption | None,
) -> str:
    """The JWT with these claims; a JWE around it where ``encryption`` is registered.

    Raises UnavailableError where there is no key to sign with, or the client's keys cannot be had.
    """
    text, _ = await service.ports.signer.sign(alg, claims, typ)
    # RFC 7519 5.2: "In the case that nested signing or encryption is employed, [cty] MUST be present; in this case, the
    # value of this Header Parameter MUST be 'JWT'"
    return text if encryption is None else await encrypted_for(service, client, text.encode(), encryption, "JWT")


async def encrypted_for(
    service: Service, client: ClientState, content: bytes, encryption: Encryption, cty: str | None
) -> str:
    """A JWE to the client's own key. Raises UnavailableError where that cannot be had."""
    key = await client_keys.encryption_key(service, client, encryption)
    return await service.ports.verifier.encrypt(content, key, encryption.alg, encryption.enc, cty)


def algorithm_for(service: Service, client: ClientState, registered: str | None) -> str:
    """What answers to this client are signed by: what it registered, RS256 where it named nothing.

    FAPI 2.0 Security Profile section 5.4.1 knows PS256, ES256 and EdDSA only.
    """
    alg = registered or "RS256"
    return "PS256" if alg == "RS256" and service.policy.fapi2_for(client.metadata.profile) else alg
