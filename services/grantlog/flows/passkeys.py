"""Passkeys (WebAuthn level 2), checked by py_webauthn: our origin, our RP id, a challenge of ours used once, a verified user.

A key that has verified its user is two factors in one. Attestation is not asked for: nobody here would know whom to trust.
"""

from dataclasses import dataclass
from ipaddress import ip_address
from urllib.parse import urlsplit
from uuid import UUID

from structlog import get_logger
from webauthn import (
    generate_authentication_options,
    generate_registration_options,
    options_to_json,
    verify_authentication_response,
    verify_registration_response,
)
from webauthn.helpers import parse_authentication_credential_json, parse_client_data_json
from webauthn.helpers.cose import COSEAlgorithmIdentifier
from webauthn.helpers.structs import (
    AuthenticatorSelectionCriteria,
    CredentialDeviceType,
    PublicKeyCredentialDescriptor,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from grantlog.core.account.factors import passkey
from grantlog.core.account.state import AccountState, Factor
from grantlog.core.decision import Origin
from grantlog.core.identifiers import StreamId
from grantlog.flows.service import Service
from grantlog.flows.totp import spend

_log = get_logger(__name__)

KIND = "webauthn"
CHALLENGE_BYTES = 32
ANSWER_LIMIT = 16_384
KEY_LIMIT = 1024
_HANDLE_BYTES = 16
"""An account's id is its user handle."""
CREDENTIAL_ID_LIMIT = 1023
"""WebAuthn section 5.8.3 (level 3): "at most 1023 bytes"."""
_ALGORITHMS = [
    COSEAlgorithmIdentifier.ECDSA_SHA_256,
    COSEAlgorithmIdentifier.EDDSA,
    COSEAlgorithmIdentifier.RSASSA_PKCS1_v1_5_SHA_256,
]


@dataclass(frozen=True, slots=True)
class NewPasskey:
    """A key that was made for an account."""

    credential_id: bytes
    public_key: bytes
    sign_count: int


@dataclass(frozen=True, slots=True)
class Used:
    """A key that has signed."""

    factor: UUID
    synced: bool
    """Whether it is kept in more than one device: the authenticator says so under its signature."""


def relying_party(service: Service) -> str | None:
    """The RP id: the issuer's host. None where browsers allow no passkeys: an address is no name, http is for loopback."""
    parts = urlsplit(service.policy.issuer)
    host = parts.hostname or ""
    try:
        ip_address(host)
    except ValueError:
        return host if parts.scheme == "https" or host == "localhost" else None
    return None


async def new_challenge(service: Service, about: str) -> bytes:
    """A challenge for one ceremony of ``about`` (a session, or a login under way), instead of the one before: there are never
    more of them than of those. Raises UnavailableError.
    """
    challenge = service.ports.secrets.random(CHALLENGE_BYTES)
    await service.ports.transactions.put(KIND, about, challenge, service.policy.login_lifetime)
    return challenge


async def take_challenge(service: Service, about: str) -> bytes | None:
    """The challenge that was given for ``about``, once. Raises UnavailableError."""
    return await service.ports.transactions.take(KIND, about)


def registration_options(
    service: Service, account: StreamId, username: str, known: tuple[Factor, ...], challenge: bytes
) -> str:
    """What ``navigator.credentials.create`` is asked, as JSON."""
    return options_to_json(
        generate_registration_options(
            rp_id=relying_party(service) or "",
            rp_name=urlsplit(service.policy.issuer).hostname or "",
            user_name=username,
            user_id=account.bytes,
            challenge=challenge,
            authenticator_selection=AuthenticatorSelectionCriteria(
                resident_key=ResidentKeyRequirement.PREFERRED,
                user_verification=UserVerificationRequirement.REQUIRED,
            ),
            exclude_credentials=_descriptors(known),
            supported_pub_key_algs=_ALGORITHMS,
        )
    )


def authentication_options(service: Service, known: tuple[Factor, ...], challenge: bytes) -> str:
    """What ``navigator.credentials.get`` is asked, as JSON. None known: whoever the key says."""
    return options_to_json(
        generate_authentication_options(
            rp_id=relying_party(service) or "",
            challenge=challenge,
            allow_credentials=_descriptors(known),
            user_verification=UserVerificationRequirement.REQUIRED,
        )
    )


def read_registration(service: Service, answer: str, challenge: bytes) -> NewPasskey | None:
    """The key that the browser made; None for everything that is not a registration with this challenge at our origin."""
    rp_id = relying_party(service)
    if rp_id is None or len(answer) > ANSWER_LIMIT:
        return None
    try:
        verified = verify_registration_response(
            credential=answer,
            expected_challenge=challenge,
            expected_rp_id=rp_id,
            expected_origin=_origin(service),
            # WebAuthn 7.1 step 15: "If user verification is required for this registration, verify that the User Verified bit of
            # the flags in authData is set."
            require_user_verification=True,
            supported_pub_key_algs=_ALGORITHMS,
        )
    except Exception as error:  # noqa: BLE001  # hostile CBOR and DER: whatever the library stumbles over is a refusal
        _log.info("passkey_refused", reason=type(error).__name__)
        return None
    if len(verified.credential_public_key) > KEY_LIMIT or len(verified.credential_id) > CREDENTIAL_ID_LIMIT:
        return None
    return NewPasskey(verified.credential_id, verified.credential_public_key, verified.sign_count)


def claimed_account(answer: str) -> StreamId | None:
    """Whose key it says it is (``userHandle``): proves nothing yet."""
    if len(answer) > ANSWER_LIMIT:
        return None
    try:
        handle = parse_authentication_credential_json(answer).response.user_handle
    except Exception:  # noqa: BLE001  # hostile JSON: whatever the library stumbles over is nobody's
        return None
    return None if handle is None or len(handle) != _HANDLE_BYTES else StreamId(UUID(bytes=handle))


async def prove(service: Service, account: StreamId, answer: str, challenge: bytes, origin: Origin) -> Used | None:
    """The account's key that has signed this challenge for us after verifying its user; None where none has.

    Raises UnavailableError.
    """
    loaded = await service.ports.log.load(account)
    if not isinstance(loaded.state, AccountState) or len(answer) > ANSWER_LIMIT:
        return None
    checked = _check(service, loaded.state, account, answer, challenge)
    if checked is None:
        return None
    used, counter = checked
    return used if await spend(service, account, used.factor, counter, origin) else None


def _check(
    service: Service, state: AccountState, account: StreamId, answer: str, challenge: bytes
) -> tuple[Used, int] | None:
    """The key and its signature counter, after every check but that of the counter, which is the log's."""
    rp_id = relying_party(service)
    try:
        credential = parse_authentication_credential_json(answer)
        # WebAuthn 7.2 step 6: the user that response.userHandle names is the owner of the key
        handle = credential.response.user_handle
        factor = passkey(state, credential.raw_id)
        if rp_id is None or factor is None or handle not in {None, b"", account.bytes}:
            return None
        if parse_client_data_json(credential.response.client_data_json).cross_origin:
            return None
        verified = verify_authentication_response(
            credential=credential,
            expected_challenge=challenge,
            expected_rp_id=rp_id,
            expected_origin=_origin(service),
            credential_public_key=factor.public_key or b"",
            credential_current_sign_count=factor.counter,
            # WebAuthn 7.2 step 17: "If user verification is required for this assertion, verify that the User Verified bit of
            # the flags in authData is set."
            require_user_verification=True,
        )
    except Exception as error:  # noqa: BLE001  # hostile CBOR and DER: whatever the library stumbles over is a refusal
        _log.info("passkey_refused", reason=type(error).__name__)
        return None
    return Used(
        factor.id, verified.credential_device_type == CredentialDeviceType.MULTI_DEVICE
    ), verified.new_sign_count


def _origin(service: Service) -> str:
    parts = urlsplit(service.policy.issuer)
    return f"{parts.scheme}://{parts.netloc}"


def _descriptors(known: tuple[Factor, ...]) -> list[PublicKeyCredentialDescriptor]:
    return [PublicKeyCredentialDescriptor(id=factor.credential_id) for factor in known if factor.credential_id]
