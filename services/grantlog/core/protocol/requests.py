"""Parameters of a request: ``application/x-www-form-urlencoded``, in a body or a query, read strictly.

Bad percent-encoding, bytes that are no UTF-8, control characters and doubled names are errors, so that no two parsers
on the way can read two requests in one. Introspection goes through here, so the common short body takes a short way.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import unquote_to_bytes

from grantlog.core.protocol.errors import ProtocolError, invalid_request

REPEATABLE = frozenset({"resource", "audience"})
"""RFC 8707 section 2: "Multiple 'resource' parameters MAY be used"; RFC 8693 section 2.1 says so of ``audience`` as well."""
PAIRS_LIMIT = 100
BATCH_LIMIT = 100

_BAD_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})")
_ONE_PAIR = re.compile(r"[A-Za-z0-9_]+=[A-Za-z0-9._~-]+")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_CONTENT_TYPE = re.compile(r'application/x-www-form-urlencoded[ \t]*(?:;[ \t]*charset="?utf-8"?[ \t]*)?', re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Parameters:
    """The parameters of one request. What was sent without a value is not here. Not printed: some are secrets."""

    values: Mapping[str, str] = field(repr=False)
    """Those that may come once."""
    many: Mapping[str, tuple[str, ...]] = field(default_factory=dict, repr=False)
    """Those that may come more than once, in their order."""

    def get(self, name: str) -> str | None:
        """The value of a parameter that may come once, or None."""
        return self.values.get(name)

    def require(self, name: str) -> str:
        """The same, where it is REQUIRED (``name`` is ours, not the client's). Raises invalid_request."""
        value = self.values.get(name)
        if value is None:
            raise invalid_request(f"{name} is missing", f"{name}_missing")
        return value

    def all(self, name: str) -> tuple[str, ...]:
        """Every value of a parameter that may come more than once, or none."""
        return self.many.get(name, ())


def read_form(body: bytes, *, repeatable: frozenset[str] = REPEATABLE, limit: int = PAIRS_LIMIT) -> Parameters:
    """The parameters in a body of at most ``limit`` pairs. Raises invalid_request."""
    try:
        text = body.decode("ascii")
    except UnicodeDecodeError:
        raise _malformed("bytes_not_encoded") from None
    return _read(text, repeatable, limit)


def read_query(raw: str, *, repeatable: frozenset[str] = REPEATABLE, limit: int = PAIRS_LIMIT) -> Parameters:
    """The parameters in a query as it was sent, still percent-encoded and without its ``?``. Raises invalid_request."""
    if not raw.isascii():
        raise _malformed("bytes_not_encoded")
    return _read(raw, repeatable, limit)


def read_batch(body: bytes, name: str = "token", limit: int = BATCH_LIMIT) -> tuple[str, ...]:
    """The 1 to ``limit`` values of ``name`` in a body, in their order.

    The other parameters of the same body are read by ``read_form(body, repeatable=frozenset({name}), limit=...)``.
    Raises invalid_request, also for an empty value: leaving it out would shift the answers.
    """
    try:
        text = body.decode("ascii")
    except UnicodeDecodeError:
        raise _malformed("bytes_not_encoded") from None
    values = tuple(value for key, value in _pairs(text, limit + PAIRS_LIMIT) if key == name)
    if not values or "" in values:
        raise invalid_request(f"{name} is missing", "batch_empty")
    if len(values) > limit:
        raise invalid_request(f"{name} may be sent at most {limit} times", "batch_too_long")
    return values


def require_form(content_type: str | None) -> None:
    """RFC 6749 section 4: parameters come as ``application/x-www-form-urlencoded`` in UTF-8. Raises invalid_request."""
    if content_type == "application/x-www-form-urlencoded":
        return
    if content_type is None or _CONTENT_TYPE.fullmatch(content_type.strip()) is None:
        raise invalid_request("the content type must be application/x-www-form-urlencoded", "content_type")


def decode_component(text: str) -> str:
    """One name or value of a form, decoded (RFC 6749 appendix B). Raises invalid_request."""
    if "%" not in text and "+" not in text and text.isascii() and text.isprintable():
        return text
    if _BAD_PERCENT.search(text) is not None:
        raise _malformed("percent_encoding")
    try:
        plain = unquote_to_bytes(text.replace("+", " ")).decode()
    except UnicodeDecodeError:
        raise _malformed("not_utf8") from None
    if _CONTROL.search(plain) is not None:
        raise _malformed("control_character")
    return plain


def _read(text: str, repeatable: frozenset[str], limit: int) -> Parameters:
    if _ONE_PAIR.fullmatch(text) is not None:
        # what a resource server sends with every introspection: one plain pair
        name, _, value = text.partition("=")
        if name not in repeatable:
            return Parameters({name: value})
    values: dict[str, str] = {}
    many: dict[str, tuple[str, ...]] = {}
    for name, value in _pairs(text, limit):
        # RFC 6749 3.2: "Parameters sent without a value MUST be treated as if they were omitted from the request."
        if not value:
            continue
        if name in repeatable:
            many[name] = (*many.get(name, ()), value)
        # RFC 6749 3.2: "Request and response parameters MUST NOT be included more than once."
        elif name in values:
            raise invalid_request("a parameter is included more than once", "parameter_doubled")
        else:
            values[name] = value
    return Parameters(values, many)


def _pairs(text: str, limit: int) -> list[tuple[str, str]]:
    # for ASCII: no control character
    if not text.isprintable():
        raise _malformed("control_character")
    pairs = text.split("&", limit)
    if len(pairs) > limit:
        raise invalid_request("there are too many parameters", "too_many_parameters")
    parts = [pair.partition("=") for pair in pairs]
    if "%" in text or "+" in text:
        return [(decode_component(name), decode_component(value)) for name, _, value in parts]
    return [(name, value) for name, _, value in parts]


def _malformed(reason: str) -> ProtocolError:
    return invalid_request("the parameters are not well-formed", reason)
