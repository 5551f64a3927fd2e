"""How often is too often: ``"<number>/<period>"``."""

from dataclasses import dataclass

_PERIODS = {"second": 1, "minute": 60, "hour": 3600, "day": 86_400}


@dataclass(frozen=True, slots=True)
class Quota:
    """A token bucket: it holds ``capacity``, and one comes back every ``interval`` microseconds."""

    capacity: int
    interval: int


def parse_quota(text: str) -> Quota:
    """Reads ``"6000/minute"``: 6000 at once, and 6000 again within every minute. Raises ValueError."""
    number, _, period = text.partition("/")
    if not number.isdecimal() or int(number) < 1 or period not in _PERIODS:
        raise ValueError("a rate reads <number>/second, /minute, /hour or /day")
    capacity = int(number)
    return Quota(capacity, max(1, _PERIODS[period] * 1_000_000 // capacity))
