"""Reading the members of a registration (RFC 7591 section 2) from parsed JSON: each is of its type, bounded, or refused."""

from collections.abc import Mapping
from typing import TypeVar

from grantlog.core.protocol.errors import ProtocolError

LIST_LIMIT = 20
TEXT_LIMIT = 2048
NUMBER_LIMIT = 10**9
T = TypeVar("T", bound=str)
Document = Mapping[str, object]


def invalid(description: str, reason: str) -> ProtocolError:
    """RFC 7591 section 3.2.2: "The value of one of the client metadata fields is invalid"."""
    return ProtocolError("invalid_client_metadata", description, reason)


def text(document: Document, name: str) -> str | None:
    """A string, or None where there is none or null."""
    value = document.get(name)
    if value is None:
        return None
    if not isinstance(value, str) or len(value) > TEXT_LIMIT:
        raise invalid(f"{name} must be a string, and not too long", f"registration_{name}")
    return value


def printable(document: Document, name: str) -> str | None:
    """A string that can be shown to people: nothing in it reorders or hides what stands around it."""
    value = text(document, name)
    if value is not None and not value.isprintable():
        raise invalid(f"{name} cannot be shown", f"registration_{name}")
    return value


def texts(document: Document, name: str, *, error: str = "invalid_client_metadata") -> tuple[str, ...]:
    """An array of printable strings, each once."""
    value = document.get(name)
    if value is None:
        return ()
    if not isinstance(value, list) or len(value) > LIST_LIMIT:
        raise ProtocolError(error, f"{name} must be an array of at most {LIST_LIMIT} strings", f"registration_{name}")
    if any(not isinstance(item, str) or len(item) > TEXT_LIMIT or not item.isprintable() for item in value):
        raise ProtocolError(error, f"{name} must hold printable strings, and none too long", f"registration_{name}")
    return tuple(dict.fromkeys(value))


def flag(document: Document, name: str, *, default: bool = False) -> bool:
    """A JSON boolean."""
    value = document.get(name)
    if value is None:
        return default
    if not isinstance(value, bool):
        raise invalid(f"{name} must be true or false", f"registration_{name}")
    return value


def number(document: Document, name: str) -> int | None:
    """A whole number that is not negative."""
    value = document.get(name)
    if value is None:
        return None
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= NUMBER_LIMIT:
        raise invalid(f"{name} must be a number that is not negative", f"registration_{name}")
    return value


def one_of(document: Document, name: str, known: tuple[T, ...], default: T) -> T:
    """One of the values that are known."""
    return optional_one_of(document, name, known) or default


def optional_one_of(document: Document, name: str, known: tuple[T, ...]) -> T | None:
    """One of the values that are known, or None where there is none."""
    value = text(document, name)
    if value is None:
        return None
    for each in known:
        if each == value:
            return each
    raise invalid(f"{name} has a value that is not supported", f"registration_{name}")


def some_of(document: Document, name: str, known: tuple[str, ...], default: tuple[str, ...]) -> tuple[str, ...]:
    """Any of the values that are known."""
    if document.get(name) is None:
        return default
    values = texts(document, name)
    if any(value not in known for value in values):
        raise invalid(f"{name} has a value that is not supported", f"registration_{name}")
    return values
