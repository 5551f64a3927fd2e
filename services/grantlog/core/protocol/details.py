"""Authorization details (RFC 9396): what is asked for more finely than a scope can say.

Texts are compact JSON arrays whose objects keep their members in the order in which they came. What an entry of a type
may hold is the operator's to say, by a JSON Schema; what any text may cost us is said here.
"""

import json
from collections.abc import Collection, Mapping, Sequence
from math import isfinite
from typing import Any, Final

from grantlog.core.protocol.bounded_json import depth, size
from grantlog.core.protocol.errors import ProtocolError
from grantlog.core.protocol.policy import Policy

Entry = Mapping[str, Any]

BYTES_LIMIT: Final = 16_384
ENTRIES_LIMIT: Final = 10
DEPTH_LIMIT: Final = 8
VALUES_LIMIT: Final = 512
NUMBER_LIMIT: Final = 2**53


def parse(text: str, policy: Policy, allowed: Collection[str]) -> str:
    """The checked text, written compactly. ``allowed``: the types that the client has registered.

    Raises invalid_authorization_details.
    """
    entries = _read(text)
    for entry in entries:
        kind = entry.get("type")
        # RFC 9396 2: "type: The value of this field is REQUIRED"
        if not isinstance(kind, str) or not kind:
            raise invalid_details("an entry has no type", "details_type_missing")
        known = policy.details_type(kind)
        # RFC 9396 5: "The AS MUST refuse to process any unknown authorization details type or authorization details not
        # conforming to the respective type definition."
        if known is None or kind not in allowed:
            raise invalid_details("an entry has a type that is not supported", "details_type_unknown")
        if not known.valid(entry):
            raise invalid_details("an entry does not conform to its type", "details_schema")
    if len({canonical(entry) for entry in entries}) != len(entries):
        raise invalid_details("an entry is there twice", "details_entry_doubled")
    return _write(entries)


def narrow(granted: str, requested: str) -> str:
    """``requested``, if each entry of it is a granted one, or one with less in its arrays. Both have been parsed before.

    Raises invalid_authorization_details.
    """
    known = read(granted)
    wanted = read(requested)
    # RFC 9396 6.1: how two entries compare is known by their type alone; this rule is safe for every one
    if any(not any(_within(entry, one) for one in known) for entry in wanted):
        raise invalid_details("an entry exceeds what was granted", "details_exceeded")
    return _write(wanted)


def for_audience(text: str, audience: Collection[str]) -> str:
    """Of these details those that are meant for a token of this audience: all that name no place, or one in it."""
    if not text:
        return ""
    # RFC 9396 2.2: "locations: An array of strings representing the location of the resource or RS."
    meant = [entry for entry in read(text) if not places(entry) or any(uri in audience for uri in places(entry))]
    return _write(meant) if meant else ""


def of_types(text: str, allowed: Collection[str]) -> str:
    """Of these details those of a type that is ``allowed``."""
    kept = [entry for entry in read(text) if entry["type"] in allowed]
    return _write(kept) if kept else ""


def locations(text: str) -> tuple[str, ...]:
    """Every place that any entry names, each once."""
    return tuple(dict.fromkeys(uri for entry in read(text) for uri in places(entry))) if text else ()


def places(entry: Entry) -> tuple[str, ...]:
    """Where one entry is meant to be used; none where it does not say."""
    named = entry.get("locations")
    if not isinstance(named, list):
        return ()
    return tuple(uri for uri in named if isinstance(uri, str))


def read(text: str) -> Sequence[Entry]:
    """The entries of a text that was parsed before; none where it is empty."""
    entries: list[Entry] = json.loads(text) if text else []
    return entries


def canonical(value: object) -> str:
    """One text for equal values: members in any order, but 1, 1.0 and true are three."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"))


def invalid_details(description: str, reason: str) -> ProtocolError:
    """RFC 9396 section 5: unknown or malformed authorization details."""
    return ProtocolError("invalid_authorization_details", description, reason)


def _read(text: str) -> Sequence[Entry]:
    if len(text.encode(errors="replace")) > BYTES_LIMIT:
        raise invalid_details("authorization_details is too long", "details_size")
    # before anything is built
    if depth(text) > DEPTH_LIMIT:
        raise invalid_details("authorization_details nests too deep", "details_depth")
    try:
        entries = json.loads(
            text, object_pairs_hook=_unique, parse_constant=_no_number, parse_float=_finite, parse_int=_whole
        )
        written = _write(entries)
        # half a surrogate pair has no bytes, and NUL no place in PostgreSQL
        written.encode()
        if "\\u0000" in written:
            raise ValueError("NUL")  # noqa: TRY301  # one answer for whatever is no text of ours
    except ValueError:
        raise invalid_details("authorization_details is no JSON that is accepted here", "details_json") from None
    # RFC 9396 2: "an array of JSON objects"
    if not isinstance(entries, list) or not entries or not all(isinstance(entry, dict) for entry in entries):
        raise invalid_details("authorization_details must be an array of objects", "details_no_array")
    if len(entries) > ENTRIES_LIMIT or size(entries) > VALUES_LIMIT:
        raise invalid_details("authorization_details holds too much", "details_too_many")
    return entries


def _write(entries: object) -> str:
    return json.dumps(entries, separators=(",", ":"), ensure_ascii=False)


def _within(wanted: Entry, granted: Entry) -> bool:
    """Whether ``wanted`` has the members of ``granted``, each equal or, of arrays, a part of it that is not empty.

    A member left out is no narrowing: to most types it means "any".
    """
    return wanted.keys() == granted.keys() and all(_part(value, granted[name]) for name, value in wanted.items())


def _part(wanted: object, granted: object) -> bool:
    if not (isinstance(wanted, list) and isinstance(granted, list) and wanted):
        return canonical(wanted) == canonical(granted)
    known = {canonical(value) for value in granted}
    return all(canonical(value) in known for value in wanted)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    # RFC 8259 4: "The names within an object SHOULD be unique": two readers could read two requests in one
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a member is there twice")
    return found


def _no_number(name: str) -> object:
    raise ValueError(name)


def _finite(text: str) -> float:
    number = float(text)
    if not isfinite(number):
        raise ValueError("a number is too large")
    return number


def _whole(text: str) -> int:
    # RFC 8259 6: integers up to 2**53 are "interoperable in the sense that implementations will agree exactly"
    if len(text) > 20 or abs(int(text)) > NUMBER_LIMIT:
        raise ValueError("a number is too large")
    return int(text)
