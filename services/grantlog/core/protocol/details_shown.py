"""Authorization details as people read them: a title, and a row for everything that an entry says. Markup is the page's."""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass

from grantlog.core.protocol.details import Entry, read
from grantlog.core.protocol.policy import DetailsType, Policy

_WORDS = re.compile(r"[_\-]+|(?<=[a-z0-9])(?=[A-Z])")
_STEP = " \u203a "
_AMOUNT = frozenset({"amount", "currency"})


@dataclass(frozen=True, slots=True)
class Shown:
    """One entry: what it is, and its members as label and value, in their order. Nothing in it is left out."""

    title: str
    rows: tuple[tuple[str, str], ...]


def shown(text: str, policy: Policy) -> tuple[Shown, ...]:
    """What the consent page says of details that were parsed before; none where there are none."""
    return tuple(_entry(entry, policy.details_type(str(entry["type"]))) for entry in read(text))


def _entry(entry: Entry, known: DetailsType | None) -> Shown:
    """``known``: the type as registered now; None where it was withdrawn meanwhile."""
    rows = [row for name, value in entry.items() if name != "type" for row in _rows((name,), value, known)]
    return Shown(visible(str(entry["type"])) if known is None else known.title, tuple(rows))


def _rows(path: tuple[str, ...], value: object, known: DetailsType | None) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict) and value:
        if value.keys() == _AMOUNT and not any(isinstance(each, dict | list) for each in value.values()):
            yield _label(path, known, "amount"), f"{_scalar(value['amount'])} {_scalar(value['currency'])}"
            return
        for name, each in value.items():
            yield from _rows((*path, name), each, known)
    elif isinstance(value, list) and any(isinstance(each, dict | list) for each in value):
        for number, each in enumerate(value, start=1):
            yield from _rows((*path, str(number)), each, known)
    elif isinstance(value, list):
        yield _label(path, known), ", ".join(_scalar(each) for each in value) or "none"
    else:
        yield _label(path, known), _scalar(value)


def _label(path: tuple[str, ...], known: DetailsType | None, *inside: str) -> str:
    """The operator's words for a path, else those of its names; the number of an element of an array is kept.

    ``inside``: what stands for the whole of it, whose words will do as well.
    """
    named = ".".join(name for name in path if not name.isdecimal())
    labels = {} if known is None else known.labels
    for candidate in (named, *(f"{named}.{name}" for name in inside)):
        if candidate in labels:
            numbers = [name for name in path if name.isdecimal()]
            return " ".join((labels[candidate], *numbers))
    words = _STEP.join(visible(_WORDS.sub(" ", name).lower()) for name in path)
    return words[:1].upper() + words[1:]


def _scalar(value: object) -> str:
    if value is None or value in ({}, []):
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return visible(str(value))


def visible(text: str) -> str:
    """``text`` with whatever nobody sees, or what turns other signs around, written out as its number."""
    return "".join(f"U+{ord(sign):04X}" if unicodedata.category(sign)[0] == "C" else sign for sign in text)
