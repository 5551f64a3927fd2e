"""A client's metadata in the words of its specifications: the answer of a registration (RFC 7591 section 3.2.1)."""

from json import loads
from typing import Any

from grantlog.core.client.events import ClientMetadata, Encryption
from grantlog.core.protocol import scope as scopes


def registered_members(metadata: ClientMetadata) -> dict[str, Any]:
    """Every member that was registered or has a default, as JSON has it; what a client did not say is left out.

    Read again, they register the same client.
    """
    members: dict[str, Any] = {
        "redirect_uris": list(metadata.redirect_uris),
        "grant_types": list(metadata.grant_types),
        "response_types": list(metadata.response_types),
        "token_endpoint_auth_method": metadata.token_endpoint_auth_method,
        "scope": scopes.write(metadata.scope),
        "application_type": metadata.application_type,
        "id_token_signed_response_alg": metadata.id_token_signed_response_alg,
        "subject_type": metadata.subject_type,
        "tls_client_certificate_bound_access_tokens": metadata.tls_client_certificate_bound_access_tokens,
        "dpop_bound_access_tokens": metadata.dpop_bound_access_tokens,
        "require_pushed_authorization_requests": metadata.require_pushed_authorization_requests,
        "require_signed_request_object": metadata.require_signed_request_object,
        "require_auth_time": metadata.require_auth_time,
        "backchannel_logout_session_required": metadata.backchannel_logout_session_required,
    }
    optional: dict[str, Any] = {
        "client_name": metadata.name,
        "client_uri": metadata.client_uri,
        "logo_uri": metadata.logo_uri,
        "policy_uri": metadata.policy_uri,
        "tos_uri": metadata.tos_uri,
        "jwks": loads(metadata.jwks) if metadata.jwks else None,
        "jwks_uri": metadata.jwks_uri,
        "token_endpoint_auth_signing_alg": metadata.token_endpoint_auth_signing_alg,
        "request_object_signing_alg": metadata.request_object_signing_alg,
        "authorization_details_types": list(metadata.authorization_details_types),
        "default_acr_values": list(metadata.default_acr_values),
        "sector_identifier_uri": metadata.sector_identifier_uri,
        "userinfo_signed_response_alg": metadata.userinfo_signed_response_alg,
        "introspection_signed_response_alg": metadata.introspection_signed_response_alg,
        "authorization_signed_response_alg": metadata.authorization_signed_response_alg,
        **_encryption("id_token_encrypted_response", metadata.id_token_encryption),
        **_encryption("userinfo_encrypted_response", metadata.userinfo_encryption),
        **_encryption("introspection_encrypted_response", metadata.introspection_encryption),
        **_encryption("authorization_encrypted_response", metadata.authorization_encryption),
        "post_logout_redirect_uris": list(metadata.post_logout_redirect_uris),
        "backchannel_logout_uri": metadata.backchannel_logout_uri,
        "initiate_login_uri": metadata.initiate_login_uri,
        "allowed_cors_origins": list(metadata.origins),
        "software_id": metadata.software_id,
        "software_version": metadata.software_version,
        "resource_server_for": list(metadata.introspects),
    }
    if metadata.tls_client_auth is not None:
        which, value = metadata.tls_client_auth
        optional[f"tls_client_auth_{which}"] = value
    if metadata.default_max_age is not None:
        members["default_max_age"] = metadata.default_max_age
    return members | {name: value for name, value in optional.items() if value}


def _encryption(name: str, encryption: Encryption | None) -> dict[str, str]:
    if encryption is None:
        return {}
    return {f"{name}_alg": encryption.alg, f"{name}_enc": encryption.enc}
