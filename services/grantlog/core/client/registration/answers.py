"""How a client is answered: by which name of the user, and in tokens and answers that are signed and encrypted how."""

from typing import Any

from grantlog.core.client.events import Encryption
from grantlog.core.client.registration.rules import Rules, host_of
from grantlog.core.protocol.jwk import ENCRYPTION_ALGS, fits, read_jwks
from grantlog.core.protocol.members import Document, invalid, one_of, optional_one_of, text
from grantlog.core.protocol.supported import ENCRYPTION_ENCS, signing_algs

_SUBJECT_TYPES = ("public", "pairwise")
_ENCRYPTED = {
    "id_token_encryption": "id_token_encrypted_response",
    "userinfo_encryption": "userinfo_encrypted_response",
    "introspection_encryption": "introspection_encrypted_response",
    "authorization_encryption": "authorization_encrypted_response",
}
_SIGNED = ("userinfo_signed_response_alg", "introspection_signed_response_alg", "authorization_signed_response_alg")


def read_answers(
    document: Document, rules: Rules, *, redirect_uris: tuple[str, ...], jwks: str, jwks_uri: str | None
) -> dict[str, Any]:
    """The members of ClientMetadata about answers. Raises invalid_client_metadata."""
    algs = signing_algs(fapi2=rules.held_to_fapi2)
    return {
        # OIDC Registration 2: "The default, if omitted, is RS256."; FAPI 2.0 5.4.1 leaves that out
        "id_token_signed_response_alg": one_of(document, "id_token_signed_response_alg", algs, algs[0]),
        **{name: optional_one_of(document, name, algs) for name in _SIGNED},
        **{member: _encryption(document, name, jwks=jwks, jwks_uri=jwks_uri) for member, name in _ENCRYPTED.items()},
        **_subject(document, rules, redirect_uris),
    }


def _encryption(document: Document, name: str, *, jwks: str, jwks_uri: str | None) -> Encryption | None:
    alg = optional_one_of(document, f"{name}_alg", ENCRYPTION_ALGS)
    enc = optional_one_of(document, f"{name}_enc", ENCRYPTION_ENCS)
    if alg is None:
        # OIDC Registration 2: "When id_token_encrypted_response_enc is included, id_token_encrypted_response_alg MUST also
        # be provided."
        if enc is not None:
            raise invalid(f"{name}_enc needs {name}_alg", f"registration_{name}_enc")
        return None
    if jwks_uri is None and (not jwks or not any(fits(key, alg) for key in read_jwks(jwks))):
        raise invalid(f"{name}_alg needs a key of the client that fits", f"registration_{name}_key")
    # OIDC Registration 2: "If id_token_encrypted_response_alg is specified, the default [enc] is A128CBC-HS256."
    return Encryption(alg=alg, enc=enc or ENCRYPTION_ENCS[0])


def _subject(document: Document, rules: Rules, redirect_uris: tuple[str, ...]) -> dict[str, Any]:
    subject = one_of(document, "subject_type", _SUBJECT_TYPES, "public")
    uri = text(document, "sector_identifier_uri")
    if uri is not None and not rules.is_outside(uri):
        raise invalid("sector_identifier_uri must be an https URL", "registration_sector_identifier_uri")
    sector = None
    if subject == "pairwise":
        hosts = {host_of(each) for each in ([uri] if uri is not None else redirect_uris)}
        # OIDC Core 8.1: "If there are multiple hostnames in the registered redirect_uris, the Client MUST register a
        # sector_identifier_uri."
        if len(hosts) != 1 or None in hosts:
            raise invalid("pairwise subjects need a sector_identifier_uri here", "registration_sector_missing")
        sector = hosts.pop()
    return {"subject_type": subject, "sector_identifier": sector, "sector_identifier_uri": uri}
