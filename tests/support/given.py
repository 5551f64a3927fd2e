"""Given these events: the state that an aggregate is in."""

from collections.abc import Callable
from typing import Any, TypeVar

S = TypeVar("S")


def given(evolve: Callable[[S | None, Any, int], S], *events: object) -> S | None:
    """Folds ``events``, which take the versions 1, 2, 3 …; None without any."""
    state: S | None = None
    for version, event in enumerate(events, start=1):
        state = evolve(state, event, version)
    return state
