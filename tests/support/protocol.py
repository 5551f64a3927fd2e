"""What tests of the protocol rules share: the specifications' own examples, and how a refusal is read."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from grantlog.core.protocol.errors import ProtocolError

VECTORS: dict[str, Any] = json.loads((Path(__file__).parent / "vectors" / "protocol.json").read_text())


@dataclass
class Refusal:
    """The refusal that happened in a ``with refused(...)`` block."""

    error: ProtocolError | None = None


def refusal_of(act: Callable[[], object]) -> ProtocolError | None:
    """What ``act`` is refused with, or None. Any other exception is a defect and goes on."""
    try:
        act()
    except ProtocolError as error:
        return error
    return None


@contextmanager
def refused(error: str, reason: str | None = None) -> Iterator[Refusal]:
    """Expects a ProtocolError with this code and, where given, this private reason."""
    refusal = Refusal()
    with pytest.raises(ProtocolError) as caught:
        yield refusal
    refusal.error = caught.value
    assert caught.value.error == error, caught.value.reason
    assert reason is None or caught.value.reason == reason
