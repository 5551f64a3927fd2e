"""Request objects (RFC 9101): what the claims of a verified one have to say, and the parameters that are in it."""

import json
import re
from collections.abc import Mapping
from typing import Any, NoReturn

from grantlog.core.identifiers import ClientId
from grantlog.core.protocol.errors import ProtocolError
from grantlog.core.protocol.jwt_text import FAPI_ALGS, SIGNATURE_ALGS, MalformedJwtError
from grantlog.core.protocol.jwt_time import AHEAD, numeric_date
from grantlog.core.protocol.requests import REPEATABLE, Parameters

TYPS = ("oauth-authz-req+jwt", "jwt", None)
"""RFC 9101 section 10.8 registers the first; OpenID Connect Core section 6 knows none."""
SIZE_LIMIT = 32_768
FAPI_SPAN = 3600
"""FAPI 2.0 Message Signing section 5.3.1: the longest from ``nbf`` to ``exp``, and the longest ago that ``nbf`` may be."""
_JWT_CLAIMS = frozenset({"iss", "aud", "exp", "nbf", "iat", "jti", "sub"})
_UNSOUND = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
_AS_JSON = frozenset({"claims", "authorization_details"})


def algs(registered: str | None, *, fapi2: bool) -> tuple[str, ...]:
    """The algorithms by which a client may sign its request objects."""
    supported = FAPI_ALGS if fapi2 else SIGNATURE_ALGS
    # OIDC Registration 2: "request_object_signing_alg [...] All Request Objects from this Client MUST be rejected, if not
    # signed with this algorithm."
    return supported if registered is None else tuple(alg for alg in supported if alg == registered)


def check_claims(claims: Mapping[str, Any], client_id: ClientId, issuer: str, now: int, *, fapi2: bool) -> None:
    """What is not a parameter. ``now`` is a NumericDate. Raises invalid_request_object.

    ``jti`` is not looked at: a request object that comes again begins nothing but another login, whose answer only the
    browser that has the client's state can use, and a pushed one comes with the client's own proof, which counts once.
    """
    # RFC 9101 4: "The value of aud should be the value of the authorization server (AS) issuer"; iss is the client
    if ("iss" in claims or fapi2) and claims.get("iss", client_id) != client_id:
        _refuse("iss")
    audience = claims.get("aud", None if fapi2 else issuer)
    if issuer not in (audience if isinstance(audience, list) else [audience]):
        _refuse("aud")
    # RFC 9101 10.8: a request object whose sub is the client could be taken for a client assertion, and the other way round
    if claims.get("sub") == client_id:
        _refuse("sub")
    # RFC 9101 4: "The parameters 'request' and 'request_uri' MUST NOT be included in Request Objects."
    if "request" in claims or "request_uri" in claims:
        _refuse("nested")
    # RFC 9101 5: "The client_id values in the client_id request parameter and in the Request Object client_id claim MUST be
    # identical."
    if claims.get("client_id", client_id) != client_id:
        _refuse("client_id")
    _check_times(claims, now, fapi2=fapi2)


def _check_times(claims: Mapping[str, Any], now: int, *, fapi2: bool) -> None:
    try:
        dates = {name: numeric_date(claims, name) for name in ("exp", "nbf", "iat")}
    except MalformedJwtError:
        _refuse("times")
    times = {name: date for name, date in dates.items() if date is not None}
    if "exp" in times and times["exp"] <= now:
        _refuse("exp")
    if any(times.get(name, now) > now + AHEAD for name in ("nbf", "iat")):
        _refuse("early")
    # FAPI 2.0 Message Signing 5.3.1: "shall require the request object to contain an nbf claim that is no longer than 60
    # minutes in the past", "shall require the request object to contain an exp claim that has a lifetime of no longer than
    # 60 minutes after the nbf claim"
    if fapi2 and ("nbf" not in times or times["nbf"] < now - FAPI_SPAN):
        _refuse("nbf")
    if fapi2 and ("exp" not in times or times["exp"] - times["nbf"] > FAPI_SPAN):
        _refuse("lifetime")


def parameters_of(claims: Mapping[str, Any], client_id: ClientId) -> Parameters:
    """The parameters in a request object. Raises invalid_request_object.

    RFC 9101 section 4: "Parameter names and string values MUST be included as JSON strings"; numbers come as JSON numbers, and
    what is JSON itself may come as such.
    """
    values: dict[str, str] = {"client_id": client_id}
    many: dict[str, tuple[str, ...]] = {}
    for name, value in claims.items():
        if name in _JWT_CLAIMS or name == "client_id" or value is None or value == "":
            continue
        if name in REPEATABLE:
            many[name] = _repeated(value)
        elif name in _AS_JSON and isinstance(value, dict | list):
            values[name] = json.dumps(value, separators=(",", ":"), ensure_ascii=False)
        elif isinstance(value, str):
            values[name] = value
        elif isinstance(value, int) and not isinstance(value, bool):
            values[name] = str(value)
        elif name in _KNOWN:
            _refuse("value")
    # as in a form or a query: no control characters, and nothing that is no UTF-8
    if any(_UNSOUND.search(value) for value in (*values.values(), *(each for all_ in many.values() for each in all_))):
        _refuse("value")
    return Parameters(values, many)


def _repeated(value: object) -> tuple[str, ...]:
    found = value if isinstance(value, list) else [value]
    texts = tuple(each for each in found if isinstance(each, str) and each)
    if len(texts) != len(found):
        _refuse("value")
    return texts


def _refuse(what: str) -> NoReturn:
    raise invalid_request_object(f"object_{what}")


def invalid_request_object(reason: str) -> ProtocolError:
    """RFC 9101 section 7: "The request parameter contains an invalid Request Object."."""
    return ProtocolError("invalid_request_object", "the request object is not valid", reason)


_KNOWN = frozenset(
    {
        "response_type",
        "response_mode",
        "redirect_uri",
        "scope",
        "state",
        "nonce",
        "code_challenge",
        "code_challenge_method",
        "prompt",
        "max_age",
        "login_hint",
        "id_token_hint",
        "acr_values",
        "ui_locales",
        "display",
        "claims",
        "authorization_details",
        "dpop_jkt",
        "registration",
    }
)
"""Parameters whose value of another type is an error; of others (RFC 6749 section 3.1) what is sent is ignored."""
